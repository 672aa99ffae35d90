package wire

import (
	"math/bits"
	"sync"
)

// Buffers come in classes of 1 KiB to 16 MiB, four per doubling: a buffer is at most a quarter larger than asked for. What no
// request uses is dropped by the garbage collector, so nothing grows with the largest request ever seen.
const (
	smallestBuffer = 10 // as a power of two
	largestBuffer  = 24
	bufferClasses  = (largestBuffer-smallestBuffer)*4 + 1
)

var bufferPools [bufferClasses]sync.Pool

// Buffer is bytes that are used again. B has the length asked for.
type Buffer struct {
	B     []byte
	class int // -1: not pooled
}

// NewBuffer returns a buffer of n bytes whose content is arbitrary.
func NewBuffer(n int) *Buffer {
	class, size := bufferClass(n)
	if class < 0 {
		return &Buffer{B: make([]byte, n), class: -1}
	}
	if b, ok := bufferPools[class].Get().(*Buffer); ok {
		b.B = b.B[:n]
		return b
	}
	return &Buffer{B: make([]byte, n, size), class: class}
}

// Free gives the buffer back. The caller must not touch it, nor anything that aliases it, again.
func (b *Buffer) Free() {
	if b == nil || b.class < 0 {
		return
	}
	b.B = b.B[:0]
	bufferPools[b.class].Put(b)
}

// BufferSize is the memory that NewBuffer(n) holds.
func BufferSize(n int) int {
	_, size := bufferClass(n)
	return size
}

// bufferClass returns the class that n falls into and the size of its buffers; class -1 and n itself if n is too large to be pooled.
func bufferClass(n int) (class, size int) {
	if n <= 1<<smallestBuffer {
		return 0, 1 << smallestBuffer
	}
	if n > 1<<largestBuffer {
		return -1, n
	}
	power := bits.Len(uint(n-1)) - 1 // 1<<power < n <= 1<<(power+1)
	step := 1 << (power - 2)
	steps := (n - 1<<power + step - 1) / step // 1 to 4
	return (power-smallestBuffer)*4 + steps, 1<<power + steps*step
}
