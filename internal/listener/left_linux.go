package listener

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// peerLeft reports whether the other side has closed and nothing is left to be read.
func peerLeft(raw syscall.RawConn) (left bool) {
	err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		left = n == 0 && err == nil || err == unix.ECONNRESET
	})
	return left || err != nil
}
