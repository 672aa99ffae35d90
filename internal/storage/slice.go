package storage

import (
	"io"
	"syscall"

	"leat/internal/fs"
)

// Aborted is a transaction that a read_committed reader must skip.
type Aborted struct{ ProducerID, FirstOffset int64 }

// Slice is a contiguous range of bytes of one segment file, held open until Release. The zero value is empty. It holds whole
// batches.
type Slice struct {
	file     *cachedFile
	f        fs.File
	position int64
	length   int
	// NextOffset is where the next read goes on: behind the last batch, or at the bound if that stands within the next batch; 0 if
	// the slice is empty.
	NextOffset int64
	Aborted    []Aborted // for ReadCommitted, ordered by FirstOffset
	Diverged   bool
}

var _ io.ReaderAt = Slice{}

// Len is the length in bytes.
func (s Slice) Len() int { return s.length }

// Position is the byte position in the file.
func (s Slice) Position() int64 { return s.position }

// ReadAt reads from the slice, off relative to its beginning.
func (s Slice) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(s.length) {
		return 0, io.EOF
	}
	short := int64(len(p)) > int64(s.length)-off
	if short {
		p = p[:int64(s.length)-off]
	}
	n, err := fs.ReadQuickly(s.f, p, s.position+off)
	if n == len(p) {
		err = nil
		if short {
			err = io.EOF
		}
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF // the range was there when the slice was made: it was truncated away
	}
	return n, err
}

// InMemory reports whether n bytes from off on, relative to the slice's beginning, can be sent without waiting for the disk, as far as their first and last byte tell.
func (s Slice) InMemory(off, n int) bool {
	at := s.position + int64(off)
	return s.f != nil && fs.InMemory(s.f, at+int64(n)-1) && fs.InMemory(s.f, at)
}

// SyscallConn gives the file's descriptor for sendfile (see fs.File).
func (s Slice) SyscallConn() (syscall.RawConn, error) {
	if s.f == nil {
		return nil, fs.ErrNoDescriptor
	}
	return s.f.SyscallConn()
}

// Release lets go of the file. Call it once; on an empty slice it does nothing.
func (s Slice) Release() {
	if s.file != nil {
		s.file.release()
	}
}
