package fs

import (
	"errors"
	"os"
)

// ErrLocked is returned by FS.Lock for a file that somebody else has locked.
var ErrLocked = errors.New("locked by another process")

// ErrNoDescriptor is returned by File.SyscallConn for files that are not the operating system's.
var ErrNoDescriptor = errors.New("file has no descriptor")

// OS is the operating system's file system.
var OS FS

// WriteFile replaces the named file: temporary name beside it (name + ".tmp"), fsync, rename, fsync of the directory.
func WriteFile(fsys FS, name string, data []byte, perm os.FileMode) error { panic("unbuilt") }

// ReadFile reads a whole file.
func ReadFile(fsys FS, name string) ([]byte, error) { panic("unbuilt") }
