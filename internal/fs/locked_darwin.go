package fs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Locked reports whether somebody holds the lock that FS.Lock takes on the named file. It changes nothing; a file that does not exist is
// not locked.
func Locked(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
