package fs

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Reads and writes of a few kilobytes that the page cache takes or gives are over in microseconds. Announcing them to the scheduler, as package os
// does for calls that may wait, costs more than they do: it wakes the runtime's monitoring thread whenever the process was idle, and
// lets it take the processor away. The two functions below do not announce them.

// quickest is the length up to which calls count as quick.
const quickest = 64 << 10

// quickFile is a file that can do it. The caller holds the file open during the call.
type quickFile interface {
	// readCached fills p if all of it is in memory.
	readCached(p []byte, off int64) bool
	// inMemory reports whether the byte at off can be read without waiting.
	inMemory(off int64) bool
	// writeUnannounced is WriteAt. Should it wait, then so does one processor of the process.
	writeUnannounced(p []byte, off int64) (int, error)
}

// ReadCached fills p if that is possible from memory, and without telling the scheduler. The caller keeps f open.
func ReadCached(f File, p []byte, off int64) bool {
	q, ok := f.(quickFile)
	return ok && len(p) <= quickest && q.readCached(p, off)
}

// InMemory reports whether the byte of f at off can be read without waiting. False may also mean that nobody knows. The caller keeps f open.
func InMemory(f File, off int64) bool {
	q, ok := f.(quickFile)
	return ok && q.inMemory(off)
}

// ReadQuickly is f.ReadAt, without telling the scheduler if the bytes are in memory. The caller keeps f open.
func ReadQuickly(f File, p []byte, off int64) (int, error) {
	if ReadCached(f, p, off) {
		return len(p), nil
	}
	return f.ReadAt(p, off)
}

const (
	tooSlow = 10 * time.Millisecond // for a write into memory, even if the system runs another thread meanwhile
	caution = 10 * time.Second      // for how long none is trusted then
)

var (
	writing    atomic.Bool  // somebody writes unannounced
	mistrusted atomic.Int64 // until when nobody does, in ms since 1970
)

// WriteQuickly is f.WriteAt, without telling the scheduler as long as writes only go into memory: one at a time, while another processor is
// left for everybody else, and for ten seconds after one took long none at all. So what it can stall when the disk no longer keeps up is
// one processor once. The caller keeps f open, and has nobody to serve whom this disk does not concern.
func WriteQuickly(f File, p []byte, off int64) (int, error) {
	q, ok := f.(quickFile)
	if !ok || len(p) == 0 || len(p) > quickest || runtime.GOMAXPROCS(0) < 2 {
		return f.WriteAt(p, off)
	}
	began := time.Now()
	if began.UnixMilli() < mistrusted.Load() || !writing.CompareAndSwap(false, true) {
		return f.WriteAt(p, off)
	}
	defer writing.Store(false)
	n, err := q.writeUnannounced(p, off)
	if time.Since(began) > tooSlow {
		mistrusted.Store(began.Add(caution).UnixMilli())
	}
	return n, err
}
