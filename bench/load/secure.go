package load

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// DialTLS connects with TLS, or without if there is no configuration. The handshake is over when it returns.
func DialTLS(address string, config *tls.Config) (*Conn, error) {
	if config == nil {
		return Dial(address)
	}
	dialer := net.Dialer{Timeout: silence * time.Second}
	over, err := tls.DialWithDialer(&dialer, "tcp4", address, config)
	if err != nil {
		return nil, err
	}
	c := NewConn(-1, 4096)
	c.over = over
	return c, nil
}

// Resumed reports whether the TLS session was one that was agreed upon before.
func (c *Conn) Resumed() bool { return c.over != nil && c.over.ConnectionState().DidResume }

func (c *Conn) write(b []byte) (int, error) {
	if c.over != nil {
		return c.over.Write(b)
	}
	return unix.Write(c.fd, b)
}

func (c *Conn) read(b []byte) (int, error) {
	if c.over == nil {
		return unix.Read(c.fd, b)
	}
	n, err := c.over.Read(b)
	if n > 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		return 0, ErrClosed
	}
	return 0, err
}

// dropTLS drops n bytes, which must be decrypted for it: somebody who reads them would have to do that too.
func (c *Conn) dropTLS(n int) error {
	for n > 0 {
		got, err := c.read(c.scratch()[:min(n, dropped)])
		if err != nil {
			return received(err)
		}
		n -= got
	}
	return nil
}

// dropped is how many decrypted bytes are dropped at once.
const dropped = 64 << 10

func (c *Conn) scratch() []byte {
	if c.waste == nil {
		c.waste = make([]byte, dropped)
	}
	return c.waste
}

// closeTLS ends the connection without waiting for an answer. The broker may have closed it before.
func (c *Conn) closeTLS() error {
	_ = c.over.CloseWrite()
	return c.over.NetConn().Close()
}
