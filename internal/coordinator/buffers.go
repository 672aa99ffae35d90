package coordinator

import (
	"sync"

	"leat/internal/record"
)

// buffer is what a batch is encoded with.
type buffer struct {
	bytes   []byte
	records []record.Record
}

// buffers are those of a coordinator that nobody uses. Its machines share them, so that what an idle machine holds does not grow with
// what it once wrote, nor with the number of machines.
type buffers struct {
	mu        sync.Mutex
	free      []*buffer
	bytes     int64
	discarded int64
}

// take returns a buffer.
func (b *buffers) take() *buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.free) - 1
	if last < 0 {
		return &buffer{}
	}
	one := b.free[last]
	b.free[last] = nil
	b.free = b.free[:last]
	b.bytes -= int64(cap(one.bytes))
	return one
}

// put keeps a buffer for the next who takes one, unless all together would have more than most bytes.
func (b *buffers) put(one *buffer, most int) {
	clear(one.records)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes+int64(cap(one.bytes)) > int64(most) {
		b.discarded++
		return
	}
	b.bytes += int64(cap(one.bytes))
	b.free = append(b.free, one)
}

// kept is what is kept now, and how many buffers were not.
func (b *buffers) kept() (bytes, discarded int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes, b.discarded
}
