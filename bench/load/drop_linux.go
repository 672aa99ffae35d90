package load

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// nowhere is what dropped bytes would be copied to, if they were copied.
var nowhere = make([]byte, 1<<20)

// drop lets the kernel drop n bytes: with MSG_TRUNC, TCP consumes them without copying (tcp(7)).
func (c *Conn) drop(n int) error {
	if c.over != nil {
		return c.dropTLS(n)
	}
	for n > 0 {
		got, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&nowhere[0])), uintptr(min(n, len(nowhere))),
			unix.MSG_TRUNC, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return received(errno)
		case got == 0:
			return ErrClosed
		default:
			n -= int(got)
		}
	}
	return nil
}
