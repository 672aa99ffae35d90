//go:build !linux

package load

import (
	"errors"

	"golang.org/x/sys/unix"
)

// drop reads n bytes and forgets them.
func (c *Conn) drop(n int) error {
	if c.over != nil {
		return c.dropTLS(n)
	}
	nowhere := make([]byte, 64<<10)
	for n > 0 {
		got, err := unix.Read(c.fd, nowhere[:min(n, len(nowhere))])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return received(err)
		case got == 0:
			return ErrClosed
		default:
			n -= got
		}
	}
	return nil
}
