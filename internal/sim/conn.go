package sim

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a connection. The network's mutex guards it.
//
// What is written travels as segments that arrive in the order they were sent. A writer waits when the peer has not read for a whole
// buffer, as with a socket.
type conn struct {
	host          *Host
	local, remote *net.TCPAddr
	out           *link
	peer          *conn // nil until the connection is made

	// Sending.
	writable  *sync.Cond
	unread    int       // bytes sent that the peer has not read yet
	travel    []segment // sent and not arrived
	endSent   bool      // CloseWrite or Close: nothing more will be sent
	writeTime deadline

	// Receiving.
	readable *sync.Cond
	received []byte
	end      bool // the peer will not send more
	readTime deadline

	closed bool // by its owner
	reset  bool // by the peer or by its host
}

// segment is some bytes, or the end of the stream.
type segment struct {
	bytes []byte
	end   bool
}

func newConn(h *Host, local, remote *net.TCPAddr, out *link) *conn {
	c := &conn{host: h, local: local, remote: remote, out: out}
	c.writable, c.readable = sync.NewCond(&h.net.mu), sync.NewCond(&h.net.mu)
	return c
}

func (c *conn) lock()   { c.host.net.mu.Lock() }
func (c *conn) unlock() { c.host.net.mu.Unlock() }

func (c *conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Read implements net.Conn. What arrived before a reset can still be read.
func (c *conn) Read(p []byte) (int, error) {
	c.lock()
	defer c.unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case c.readTime.passed:
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case len(c.received) > 0:
			return c.take(p), nil
		case c.reset:
			return 0, c.fail("read", os.NewSyscallError("read", syscall.ECONNRESET))
		case c.end:
			return 0, io.EOF
		}
		c.readable.Wait()
	}
}

func (c *conn) take(p []byte) int {
	n := copy(p, c.received)
	c.received = c.received[n:]
	if len(c.received) == 0 {
		c.received = nil
	}
	c.peer.unread -= n
	c.peer.writable.Broadcast()
	return n
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	c.lock()
	defer c.unlock()
	written := 0
	for {
		switch {
		case c.closed:
			return written, c.fail("write", net.ErrClosed)
		case c.writeTime.passed:
			return written, c.fail("write", os.ErrDeadlineExceeded)
		case c.reset || c.endSent:
			return written, c.fail("write", os.NewSyscallError("write", syscall.EPIPE))
		case len(p) == 0:
			return written, nil
		}
		if room := c.host.net.cfg.Buffer - c.unread; room > 0 {
			part := p[:min(room, len(p))]
			p = p[len(part):]
			written += len(part)
			c.unread += len(part)
			c.send(segment{bytes: append([]byte(nil), part...)})
			continue
		}
		c.writable.Wait()
	}
}

// send lets a segment travel. Whichever timer fires first brings the oldest segment, so a link whose delay shrinks reorders nothing.
func (c *conn) send(s segment) {
	c.travel = append(c.travel, s)
	c.out.send(func() {
		s := c.travel[0]
		c.travel = c.travel[1:]
		c.peer.arrive(s)
	})
}

// arrive takes a segment from the peer. One for an end that is not there any more is answered with a reset.
func (c *conn) arrive(s segment) {
	switch {
	case c.closed || c.reset:
		if len(s.bytes) > 0 {
			c.sendReset()
		}
	case s.end:
		c.end = true
	default:
		c.received = append(c.received, s.bytes...)
	}
	c.readable.Broadcast()
}

// sendReset tells the peer that this end is gone.
func (c *conn) sendReset() {
	peer := c.peer
	c.out.send(func() {
		if !peer.closed {
			peer.vanish()
		}
	})
}

// vanish makes this end useless without telling the peer.
func (c *conn) vanish() {
	c.reset = true
	delete(c.host.conns, c)
	c.readable.Broadcast()
	c.writable.Broadcast()
}

// Close implements net.Conn: what was written still arrives, then the peer reads the end; but if there is something left that was not
// read, the peer is reset, as by a socket.
func (c *conn) Close() error {
	c.lock()
	defer c.unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.close()
	return nil
}

func (c *conn) close() {
	if c.closed {
		return
	}
	c.closed = true
	delete(c.host.conns, c)
	c.readTime.stop()
	c.writeTime.stop()
	c.readable.Broadcast()
	c.writable.Broadcast()
	switch {
	case c.reset:
	case len(c.received) > 0:
		c.sendReset()
	case !c.endSent:
		c.endSent = true
		c.send(segment{end: true})
	}
	c.received = nil
}

// CloseWrite sends the end of the stream and leaves reading open, as that of *net.TCPConn does.
func (c *conn) CloseWrite() error {
	c.lock()
	defer c.unlock()
	switch {
	case c.closed:
		return c.fail("close", net.ErrClosed)
	case c.reset:
		return c.fail("close", os.NewSyscallError("shutdown", syscall.ENOTCONN))
	case !c.endSent:
		c.endSent = true
		c.send(segment{end: true})
	}
	return nil
}

// LocalAddr implements net.Conn; it is a *net.TCPAddr.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn; it is a *net.TCPAddr.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.readTime, c.readable, t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writeTime, c.writable, t) }

func (c *conn) setDeadline(d *deadline, waiting *sync.Cond, t time.Time) error {
	c.lock()
	defer c.unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	d.set(t, waiting)
	return nil
}

// deadline is a point in time after which an operation fails. The network's mutex guards it.
type deadline struct {
	timer  *time.Timer
	passed bool
}

func (d *deadline) set(t time.Time, waiting *sync.Cond) {
	d.stop()
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		waiting.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		waiting.L.Lock()
		defer waiting.L.Unlock()
		if d.timer == timer { // not one that was stopped too late
			d.passed = true
			waiting.Broadcast()
		}
	})
	d.timer = timer
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.passed = false
}
