// Package fs is the seam between leat and files: what the operating system gives (OS) and what a test gives instead (Mem, with
// injected faults, lost unsynced writes and a full disk).
//
// Only storage, quorum, tier and server open files, and only through an FS. Durability rules: a file is either appended to, or
// replaced by WriteFile (temporary name, fsync, rename, fsync of the directory).
package fs

import (
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"syscall"
	"time"
)

// ErrLocked is returned by FS.Lock for a file that somebody else has locked.
var ErrLocked = errors.New("locked by another process")

// ErrNoDescriptor is returned by File.SyscallConn for files that are not the operating system's.
var ErrNoDescriptor = errors.New("file has no descriptor")

// FS is a file system. Names are absolute or relative to the process, with the separator of the system. Errors are
// *fs.PathError (errors.Is with os.ErrNotExist, syscall.ENOSPC, ... works on them).
type FS interface {
	// OpenFile opens with the flags of package os.
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	Remove(name string) error
	RemoveAll(name string) error
	Rename(oldName, newName string) error
	MkdirAll(name string, perm os.FileMode) error
	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]iofs.DirEntry, error)
	Stat(name string) (iofs.FileInfo, error)
	// SyncDir makes renames, creations and removals in the directory durable.
	SyncDir(name string) error
	// SyncAll makes everything durable that was written so far in and below the named directory: names, sizes and contents of all
	// its files, also of those that are not open. It may do more (on Linux the whole file system that holds name). An error of
	// writing back that somebody was told of before (File.Sync of that file, an earlier SyncAll) need not be reported again.
	SyncAll(name string) error
	// SetModTime changes what Stat gives as the time of the last change.
	SetModTime(name string, t time.Time) error
	// Lock takes an exclusive lock on the named file (created if absent) without waiting; ErrLocked if another process, or
	// another Lock in this one, holds it. Closing releases it.
	Lock(name string) (io.Closer, error)
	// Usage tells the total and available bytes of the file system that holds name.
	Usage(name string) (total, available int64, err error)
}

// File is an open file. WriteAt and ReadAt may be called concurrently.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Name() string
	Size() (int64, error)
	Truncate(size int64) error
	// Reserve takes the disk space of the first size bytes, in as few pieces as it can, and leaves the file as long as it is. If there is not
	// enough, it takes none and fails as a write would. A file system that cannot do it does nothing.
	Reserve(size int64) error
	// Release gives back what was reserved behind the end of the file, also before it was opened. Truncate does, too.
	Release() error
	// Sync makes content and size durable.
	Sync() error
	// SyscallConn gives the descriptor for sendfile; ErrNoDescriptor if the file has none (in memory).
	SyscallConn() (syscall.RawConn, error)
}
