package sealed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"leat/internal/fs"
)

// extent is how far a file goes. It is a value: who works on the file takes a copy.
type extent struct {
	crypt *cryptor // nil: nothing was ever written
	end   int64    // of the plaintext
	phys  int64    // end of the last whole piece in the file
	junk  int64    // bytes of the file behind it
	why   error    // why nothing can be read or written, though the file is there
}

// sectors is how many sectors the pieces take.
func (e extent) sectors() int64 { return (e.phys + sectorSize - 1) / sectorSize }

// File is a file as its plaintext. Bytes that were written are not written again: WriteAt goes to the end.
type File struct {
	fs    *FS
	inner fs.File
	name  string
	flag  int

	damaged atomic.Bool // a read found damage

	writeMu sync.Mutex // one write or truncation at a time
	torn    bool       // a write failed and may have left bytes behind the end; guarded by writeMu

	mu      sync.Mutex // guards what follows
	now     extent
	starts  []int64 // positions that every 64th sector begins with, or unknownStart
	recent  sectorSpan
	changes int64 // how often the file was cut
	pos     int64 // of Read and Write
}

var _ fs.File = (*File)(nil)

// newFile takes over an open file whose header was read; crypt is nil if the file is empty.
func newFile(fsys *FS, inner fs.File, name string, flag int, crypt *cryptor) (*File, error) {
	f := &File{fs: fsys, inner: inner, name: name, flag: flag, now: extent{crypt: crypt}}
	if crypt == nil {
		return f, nil
	}
	size, err := inner.Size()
	if err != nil {
		return nil, err
	}
	now, err := f.scan(crypt, size)
	f.now = now
	return f, err
}

// unusable is a file that is there and cannot be read for a reason that its header gives. It can be measured, removed and cut to nothing.
func unusable(fsys *FS, inner fs.File, name string, flag int, err error) *File {
	return &File{fs: fsys, inner: inner, name: name, flag: flag, now: extent{why: err}}
}

// Name is the name that the file was opened with.
func (f *File) Name() string { return f.name }

// Close closes the file.
func (f *File) Close() error { return f.inner.Close() }

// Sync makes everything written so far durable.
func (f *File) Sync() error { return f.inner.Sync() }

// Reserve takes the space of what the first size bytes become when they are encrypted, but for padding.
func (f *File) Reserve(size int64) error {
	return f.inner.Reserve(headerSize + size + size/maxPlain*overhead + overhead)
}

// Release gives back what was reserved behind the end.
func (f *File) Release() error { return f.inner.Release() }

// SyscallConn is refused: what the descriptor gives is no plaintext.
func (f *File) SyscallConn() (syscall.RawConn, error) {
	return nil, f.fail("syscallconn", fs.ErrNoDescriptor)
}

// KeyID names the data key that the file is encrypted with; empty before the first write.
func (f *File) KeyID() string {
	if e := f.extent(); e.crypt != nil {
		return e.crypt.key.String()
	}
	return ""
}

func (f *File) fail(op string, err error) error { return &os.PathError{Op: op, Path: f.name, Err: err} }

// damage is the error of a place in the file: pos in the plaintext, at in the file.
func (f *File) damage(pos, at int64, what string) error {
	return f.fail("read", fmt.Errorf("position %d (byte %d of the encrypted file): %s: %w", pos, at, what, fs.ErrDamaged))
}

func (f *File) extent() extent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Size is the length of the plaintext, and of what stands behind it and cannot be read.
func (f *File) Size() (int64, error) {
	size, err := f.inner.Size()
	if err != nil {
		return 0, err
	}
	if why := f.extent().why; why != nil {
		return f.blindSize(size, why)
	}
	e, err := f.refresh(size)
	return e.end + e.junk, err
}

// blindSize is the size of a file that cannot be read: unknown for want of a key, and all of it junk if its header is damaged.
func (f *File) blindSize(size int64, why error) (int64, error) {
	if errors.Is(why, fs.ErrNoKey) {
		return 0, f.fail("size", why)
	}
	return size, nil
}

// refresh looks for the end again if the file's size is not the one that it should have: somebody else has it open and wrote to it, or
// an append failed halfway.
func (f *File) refresh(size int64) (extent, error) {
	e, changes := f.look()
	if size == e.phys+e.junk {
		return e, nil
	}
	return f.rescan(size, e, changes)
}

// look is the extent, and how often it was not just appended to so far.
func (f *File) look() (extent, int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.changes
}

// rescan reads header and end of the file anew, unless it has changed since somebody looked.
func (f *File) rescan(size int64, seen extent, changes int64) (extent, error) {
	var fresh extent
	if size > 0 {
		crypt, err := f.fs.readHeader(f.inner, f.name)
		if err != nil {
			return extent{}, f.fail("open", err)
		}
		if fresh, err = f.scan(crypt, size); err != nil {
			return extent{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == seen && f.changes == changes { // else the one who changed it knows better
		f.now = fresh
		f.changes++
		f.forgetLocked(0)
	}
	return f.now, nil
}

// set publishes what a write or truncation did. cut: bytes went away.
func (f *File) set(e extent, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = e
	if cut {
		f.changes++
		f.forgetLocked(e.sectors())
	}
}

// Read reads on from where the last Read or Write ended.
func (f *File) Read(p []byte) (int, error) {
	f.mu.Lock()
	at := f.pos
	f.mu.Unlock()
	n, err := f.ReadAt(p, at)
	f.move(at + int64(n))
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Write writes where the last Read or Write ended, which has to be the end of the file.
func (f *File) Write(p []byte) (int, error) {
	f.writeMu.Lock()
	defer f.writeMu.Unlock()
	f.mu.Lock()
	at := f.pos
	if f.flag&os.O_APPEND != 0 {
		at = f.now.end
	}
	f.mu.Unlock()
	n, err := f.write(p, at)
	if err == nil {
		f.move(at + int64(n))
	}
	return n, err
}

func (f *File) move(pos int64) {
	f.mu.Lock()
	f.pos = pos
	f.mu.Unlock()
}

var errNegative = errors.New("negative offset")
