package listener

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readSocket reads what there is. again: nothing yet.
func readSocket(fd int, p []byte) (n int, again bool, err error) {
	for {
		n, err := unix.Read(fd, p)
		switch {
		case err == nil:
			return n, false, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, true, nil
		default:
			return 0, false, err
		}
	}
}

// writeSocket writes what the socket takes. This system has no way to say that more follows.
func writeSocket(fd int, p []byte, _ bool) (int, error) { return unix.Write(fd, p) }
