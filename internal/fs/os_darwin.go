package fs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile uses flock, which excludes other processes of leat and a second Lock in this one.
func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// dataSync is a full flush of the drive's cache: fsync on this system does not reach the medium.
func dataSync(f *os.File) error { return f.Sync() }

func diskUsage(name string) (total, available int64, err error) {
	var st unix.Statfs_t
	err = unix.Statfs(name, &st)
	return int64(st.Blocks) * int64(st.Bsize), int64(st.Bavail) * int64(st.Bsize), err
}
