package fs

import (
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"syscall"
	"time"
)

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) RemoveAll(name string) error { return os.RemoveAll(name) }

func (osFS) Rename(oldName, newName string) error {
	err := os.Rename(oldName, newName)
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return renameError(oldName, newName, link.Err)
	}
	return err
}

func (osFS) MkdirAll(name string, perm os.FileMode) error { return os.MkdirAll(name, perm) }

func (osFS) ReadDir(name string) ([]iofs.DirEntry, error) { return os.ReadDir(name) }

func (osFS) Stat(name string) (iofs.FileInfo, error) { return os.Stat(name) }

// SyncDir needs a full fsync: fdatasync of a directory is not promised to cover its entries.
func (osFS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func (osFS) SyncAll(name string) error { return syncBelow(name) }

func (osFS) SetModTime(name string, t time.Time) error { return os.Chtimes(name, time.Time{}, t) }

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close() // the first error says more
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	return f, nil
}

func (osFS) Usage(name string) (total, available int64, err error) {
	total, available, err = diskUsage(name)
	if err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	return total, available, nil
}

// osFile is a file of the operating system. Reads, writes and SyscallConn are those of *os.File.
type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Sync() error {
	if err := dataSync(f.File); err != nil {
		if _, ok := errors.AsType[*os.PathError](err); ok {
			return err
		}
		return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) Reserve(size int64) error {
	err := reserve(f.File, size)
	if err == nil || cannotReserve(err) {
		return nil
	}
	_ = f.Release() // some systems keep what they got; the first error says more
	return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
}

// cannotReserve reports whether an error says that this file system does not reserve space.
func cannotReserve(err error) bool {
	return errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL)
}

// worthRelease is how much more space than content a file must have for a release: the system's own notes on a file take some.
const worthRelease = 128 << 10

// Release cuts the file to the length that it has, which frees what lies behind.
func (f osFile) Release() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Blocks*512-info.Size() < worthRelease {
		return nil
	}
	return f.Truncate(info.Size())
}

// renameError makes the error of a rename the same kind as every other error of an FS.
func renameError(oldName, newName string, err error) error {
	return &os.PathError{Op: "rename", Path: oldName + " to " + newName, Err: err}
}
