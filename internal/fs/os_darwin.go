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

// syncBelow syncs file by file: sync(2) of this system does not wait.
func syncBelow(name string) error { return syncEach(name) }

// reserve asks for what is missing behind the file's end.
func reserve(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	store := unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: size - info.Size()}
	return unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, &store)
}

func diskUsage(name string) (total, available int64, err error) {
	var st unix.Statfs_t
	err = unix.Statfs(name, &st)
	return int64(st.Blocks) * int64(st.Bsize), int64(st.Bavail) * int64(st.Bsize), err
}
