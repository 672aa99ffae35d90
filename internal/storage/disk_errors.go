package storage

import (
	"errors"
	"syscall"
)

// An operation on a file that fails says something about the file, about this process, or about the whole directory.

// passing reports whether a failure comes of what this process, or the machine, has too few of just now. It says nothing about the disk.
func passing(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// tooManyFiles reports whether something could not be opened because too many files are open. Nothing was done then that could have been lost.
func tooManyFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// deviceErrors are what a read or an open gives when the device or the file system behind a directory is in trouble. A read that fails with
// another error (no permission, no such file) is about that file only; a write that fails is always about the directory.
var deviceErrors = []error{
	syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.ESTALE, syscall.ETIMEDOUT,
	syscall.Errno(117), // EUCLEAN of Linux: the file system's own structures are damaged
}

func unreadable(err error) bool {
	for _, device := range deviceErrors {
		if errors.Is(err, device) {
			return true
		}
	}
	return false
}
