package fs

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes an open-file-description lock on the whole file. It conflicts with the POSIX lock that Apache Kafka takes on the
// same .lock file, which flock(2) would not, and with a second Lock in this process, which a POSIX lock would not.
func lockFile(f *os.File) error {
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err := control(f, func(fd int) error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &whole) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrLocked
	}
	return err
}

// dataSync is fdatasync: content and size are durable, times are not waited for.
func dataSync(f *os.File) error { return control(f, unix.Fdatasync) }

// reserve leaves the length as it is: no zeros to be told from records, and every other program sees a file as it was written.
func reserve(f *os.File, size int64) error {
	return control(f, func(fd int) error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size) })
}

func diskUsage(name string) (total, available int64, err error) {
	var st unix.Statfs_t
	for {
		err = unix.Statfs(name, &st)
		if err != unix.EINTR {
			break
		}
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, err
}

// control runs call on the descriptor, again when a signal interrupted it.
func control(f *os.File, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = conn.Control(func(fd uintptr) {
		for {
			callErr = call(int(fd))
			if !errors.Is(callErr, unix.EINTR) {
				return
			}
		}
	})
	if err != nil {
		return os.ErrClosed // the only reason, but not the error that everything else gives
	}
	return callErr
}
