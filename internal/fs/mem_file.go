package fs

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// memFile is an open file of a Mem. The Mem's mutex guards it.
type memFile struct {
	fs     *Mem
	node   *node
	name   string
	flag   int
	pos    int64
	closed bool
}

var errAppendWriteAt = errors.New("invalid use of WriteAt on a file opened with O_APPEND")

// Name is the name that the file was opened with, also after it was renamed.
func (f *memFile) Name() string { return f.name }

func (f *memFile) fail(op string, err error) error {
	return &os.PathError{Op: op, Path: f.name, Err: err}
}

// lock takes the file system's mutex for an operation, or says why the operation cannot be.
func (f *memFile) lock(op Op) error {
	if err := f.fs.before(op, f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	if f.closed {
		f.fs.mu.Unlock()
		return f.fail(string(op), os.ErrClosed)
	}
	return nil
}

func (f *memFile) Read(p []byte) (int, error) {
	if err := f.lock(OpRead); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	n, err := f.read(p, f.pos)
	f.pos += int64(n)
	return n, err
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, f.fail("readat", errors.New("negative offset"))
	}
	if err := f.lock(OpRead); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	n, err := f.read(p, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *memFile) read(p []byte, off int64) (int, error) {
	if f.node.isDir() {
		return 0, f.fail("read", syscall.EISDIR)
	}
	if f.flag&os.O_WRONLY != 0 {
		return 0, f.fail("read", syscall.EBADF)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := f.node.readAt(p, off)
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	return f.write(p, func() int64 {
		if f.flag&os.O_APPEND != 0 {
			return f.node.size
		}
		return f.pos
	}, true)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if f.flag&os.O_APPEND != 0 {
		return 0, f.fail("writeat", errAppendWriteAt)
	}
	if off < 0 {
		return 0, f.fail("writeat", errors.New("negative offset"))
	}
	return f.write(p, func() int64 { return off }, false)
}

// write writes at the position that where tells under the lock, and moves the file's own position behind it if asked to.
func (f *memFile) write(p []byte, where func() int64, moves bool) (int, error) {
	injected := f.fs.before(OpWrite, f.name)
	if injected != nil {
		short, ok := errors.AsType[*ShortWrite](injected)
		if !ok {
			return 0, injected
		}
		p = p[:min(short.N, len(p))]
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch {
	case f.closed:
		return 0, f.fail("write", os.ErrClosed)
	case f.flag&(os.O_WRONLY|os.O_RDWR) == 0:
		return 0, f.fail("write", syscall.EBADF)
	}
	off := where()
	n, grown := f.node.writeAt(p, off, f.fs.room())
	f.fs.used += grown
	if moves {
		f.pos = off + int64(n)
	}
	if n < len(p) {
		return n, f.fail("write", syscall.ENOSPC)
	}
	return n, injected
}

func (f *memFile) Size() (int64, error) {
	if err := f.lock(OpStat); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	return f.node.size, nil
}

func (f *memFile) Truncate(size int64) error {
	if err := f.lock(OpTruncate); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	if size < 0 || f.flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return f.fail("truncate", syscall.EINVAL)
	}
	f.fs.used += f.node.truncate(size)
	return nil
}

func (f *memFile) Reserve(size int64) error {
	if err := f.lock(OpReserve); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	if size < 0 || f.flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return f.fail("fallocate", syscall.EINVAL)
	}
	grown, ok := f.node.reserve(size, f.fs.room())
	if !ok {
		return f.fail("fallocate", syscall.ENOSPC)
	}
	f.fs.used += grown
	return nil
}

// Release is no operation for an injector unless there is something to be released.
func (f *memFile) Release() error {
	f.fs.mu.Lock()
	held := f.node.reserved > pagesOf(f.node.size)
	f.fs.mu.Unlock()
	if !held {
		return nil
	}
	if err := f.lock(OpTruncate); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.fs.used += f.node.truncate(f.node.size)
	return nil
}

func (f *memFile) Sync() error {
	if err := f.lock(OpSync); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.node.sync()
	return nil
}

func (f *memFile) Close() error {
	if err := f.lock(OpClose); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.closed = true
	f.node.handles--
	f.fs.reclaim(f.node)
	return nil
}

func (f *memFile) SyscallConn() (syscall.RawConn, error) {
	return nil, f.fail("syscallconn", ErrNoDescriptor)
}
