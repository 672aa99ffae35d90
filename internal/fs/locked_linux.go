package fs

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Locked reports whether somebody holds the lock that FS.Lock takes, or Apache Kafka's, on the named file. It changes nothing; a file that
// does not exist is not locked.
func Locked(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only looked at
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := control(f, func(fd int) error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock) }); err != nil {
		return false, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	return lock.Type != unix.F_UNLCK, nil
}
