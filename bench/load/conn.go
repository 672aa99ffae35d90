package load

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// silence is how long a broker may say nothing before a load fails.
const silence = 60

// Conn is a connection on a blocking socket, for one goroutine that writes and one that reads.
type Conn struct {
	buf  []byte // what was read: buf[r:w] is not consumed yet
	r, w int
	left int // bytes of the current response that are not consumed yet

	over  *tls.Conn // what is spoken instead of the bare socket; nil: nothing
	waste []byte    // what is dropped of it

	mu     sync.Mutex
	fd     int
	closed bool
}

// Dial connects to an IPv4 address.
func Dial(address string) (*Conn, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	wait := unix.Timeval{Sec: silence}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait))
	if err == nil {
		err = connect(fd, &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", address, err), unix.Close(fd))
	}
	return NewConn(fd, 4096), nil
}

// connect waits for the connection even if a signal comes in between, which leaves it under way.
func connect(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	for errors.Is(err, unix.EINTR) {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		var n int
		if n, err = unix.Poll(ready, silence*1000); err != nil {
			continue
		}
		if n == 0 {
			return unix.ETIMEDOUT
		}
		code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		return err
	}
	return err
}

// NewConn takes over a connected blocking socket. The buffer is what one read takes at most; it grows with what must be read at once.
func NewConn(fd, buffer int) *Conn { return &Conn{fd: fd, buf: make([]byte, buffer)} }

// Interrupt makes all that waits on the connection fail. It may be called at any time, from anywhere.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case c.over != nil:
		_ = c.over.NetConn().Close()
	default:
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // the other side may have closed already
	}
}

// Close closes the connection, which nobody may use any more.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.over != nil {
		return c.closeTLS()
	}
	return unix.Close(c.fd)
}

// Send writes a frame.
func (c *Conn) Send(frame []byte) error {
	for len(frame) > 0 {
		n, err := c.write(frame)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("send: %w", err)
		default:
			frame = frame[n:]
		}
	}
	return nil
}

// Next begins with the next response and returns its correlation id. What was left of the one before must be consumed.
func (c *Conn) Next() (correlation int32, err error) {
	if c.left != 0 {
		return 0, fmt.Errorf("response: %d bytes behind its end", c.left)
	}
	c.left = 4
	size, err := c.Int32()
	if err != nil {
		return 0, err
	}
	if size < 4 {
		return 0, fmt.Errorf("response of %d bytes", size)
	}
	c.left = int(size)
	return c.Int32()
}

// Frame reads a whole frame, without its length. It is valid until the next call, and may be changed until then.
func (c *Conn) Frame() ([]byte, error) {
	c.left = 4
	size, err := c.Int32()
	if err != nil {
		return nil, err
	}
	if size < 4 || size > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes", size)
	}
	c.left = int(size)
	return c.Rest()
}

// ErrClosed says that the other side has closed the connection.
var ErrClosed = errors.New("receive: the connection was closed by the other side")

// maxFrame is Kafka's default of socket.request.max.bytes.
const maxFrame = 100 << 20

// received names what went wrong while the broker was listened to.
func received(err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("receive: the broker said nothing for %d s", silence)
	}
	return fmt.Errorf("receive: %w", err)
}

// take consumes n bytes of the response; they are valid until the next call.
func (c *Conn) take(n int) ([]byte, error) {
	if n < 0 || n > c.left {
		return nil, fmt.Errorf("response: %d bytes wanted, %d left", n, c.left)
	}
	if n > len(c.buf) {
		c.buf = append(c.buf, make([]byte, n-len(c.buf))...)
	}
	if c.r+n > len(c.buf) {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	for c.w-c.r < n {
		got, err := c.read(c.buf[c.w:])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, received(err)
		case got == 0:
			return nil, ErrClosed
		default:
			c.w += got
		}
	}
	b := c.buf[c.r : c.r+n]
	c.r += n
	c.left -= n
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	return b, nil
}

// Skip drops n bytes of the response.
func (c *Conn) Skip(n int) error {
	if n < 0 || n > c.left {
		return fmt.Errorf("response: %d bytes to skip, %d left", n, c.left)
	}
	c.left -= n
	have := min(n, c.w-c.r)
	c.r += have
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	return c.drop(n - have)
}

// Rest is what is left of the response.
func (c *Conn) Rest() ([]byte, error) { return c.take(c.left) }

// Int16 reads a number of two bytes.
func (c *Conn) Int16() (int16, error) {
	b, err := c.take(2)
	if err != nil {
		return 0, err
	}
	return int16(binary.BigEndian.Uint16(b)), nil
}

// Int32 reads a number of four bytes.
func (c *Conn) Int32() (int32, error) {
	b, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return int32(binary.BigEndian.Uint32(b)), nil
}

// Int64 reads a number of eight bytes.
func (c *Conn) Int64() (int64, error) {
	b, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// Uvarint reads an unsigned number of variable length.
func (c *Conn) Uvarint() (int, error) {
	value := 0
	for shift := 0; shift < 35; shift += 7 {
		b, err := c.take(1)
		if err != nil {
			return 0, err
		}
		value |= int(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return value, nil
		}
	}
	return 0, errors.New("response: a number of more than five bytes")
}

// SkipTags drops tagged fields.
func (c *Conn) SkipTags() error {
	count, err := c.Uvarint()
	for ; err == nil && count > 0; count-- {
		if _, err = c.Uvarint(); err != nil {
			return err
		}
		var size int
		if size, err = c.Uvarint(); err == nil {
			err = c.Skip(size)
		}
	}
	return err
}

// Do sends a request that is not hot and decodes its answer.
func (c *Conn) Do(req kmsg.Request) (kmsg.Response, error) {
	const correlation = 4711
	if err := c.Send(formatter.AppendRequest(nil, req, correlation)); err != nil {
		return nil, err
	}
	got, err := c.Next()
	if err != nil {
		return nil, err
	}
	if got != correlation {
		return nil, fmt.Errorf("%s: answer to request %d instead of %d", kmsg.NameForKey(req.Key()), got, correlation)
	}
	resp := req.ResponseKind()
	if resp.IsFlexible() && req.Key() != int16(kmsg.ApiVersions) {
		if err := c.SkipTags(); err != nil {
			return nil, err
		}
	}
	body, err := c.Rest()
	if err != nil {
		return nil, err
	}
	return resp, resp.ReadFrom(body)
}
