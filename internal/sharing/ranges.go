package sharing

import (
	"sync/atomic"
	"syscall"

	"leat/internal/storage"
)

// Range is a piece of a slice of the log: whole batches. It goes to the socket as it lies in the file.
type Range struct {
	slice  storage.Slice
	from   int64
	length int
	users  *atomic.Int32 // ranges of the slice that were not released yet
}

// Len is the length in bytes.
func (r Range) Len() int { return r.length }

// Position is the byte position in the file.
func (r Range) Position() int64 { return r.slice.Position() + r.from }

// ReadAt reads from the range, off relative to its beginning.
func (r Range) ReadAt(b []byte, off int64) (int, error) {
	if left := int64(r.length) - off; int64(len(b)) > left {
		b = b[:max(0, left)]
	}
	return r.slice.ReadAt(b, r.from+off)
}

// InMemory reports whether bytes can be sent without waiting for the disk.
func (r Range) InMemory(off, n int) bool { return r.slice.InMemory(int(r.from)+off, n) }

// SyscallConn gives the file's descriptor for sendfile.
func (r Range) SyscallConn() (syscall.RawConn, error) { return r.slice.SyscallConn() }

// Release lets go of the slice when it was the last range of it.
func (r Range) Release() {
	if r.users.Add(-1) == 0 {
		r.slice.Release()
	}
}

// pieces makes ranges of parts of one slice, which they take over. Neighbours become one.
func pieces(s storage.Slice, parts []part) []Range {
	var out []Range
	users := new(atomic.Int32)
	for _, p := range parts {
		if n := len(out); n > 0 && out[n-1].from+int64(out[n-1].length) == p.at {
			out[n-1].length += p.size
			continue
		}
		out = append(out, Range{slice: s, from: p.at, length: p.size, users: users})
	}
	if len(out) == 0 {
		s.Release()
		return nil
	}
	users.Store(int32(len(out)))
	return out
}
