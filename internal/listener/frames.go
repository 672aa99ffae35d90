package listener

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"leat/internal/wire"
)

// bodyStep is how much is allocated for a body before any of it has arrived; the rest is allocated as it comes, so that a claimed length costs
// nothing. It has room for a batch of max.message.bytes' default, which producers fill, and what stands around it.
//
// Before it is known who sends, there is less of it: what it takes to say who one is mostly fits, and connections are many.
const (
	bodyStep    = 1<<20 + 64<<10
	unknownStep = 4 << 10
)

var errIdle = errors.New("idle")

// readLength reads and checks the length of the next frame. io.EOF means that the client is done.
func (c *conn) readLength(limits *Limits) (int, error) {
	for len(c.in.ahead) < prefix {
		if err := c.readAhead(limits); err != nil {
			if n := len(c.in.ahead); n > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
				err = fmt.Errorf("the client went away after %d of %d length bytes", n, prefix)
			}
			return 0, err
		}
	}
	first := [prefix]byte(c.in.ahead)
	size := int(int32(binary.BigEndian.Uint32(first[:])))
	if c.requests == 0 {
		if err := c.sniff(first); err != nil {
			c.foreign("", err)
			return 0, err
		}
	}
	if size < 0 || size > limits.maxRequestBytes() {
		return 0, fmt.Errorf("request of %d bytes: %s allows 0 to %d", size, cmp.Or(limits.requestBytesKey, "socket.request.max.bytes"), limits.maxRequestBytes())
	}
	c.in.note(prefix + size)
	return size, nil
}

// readRequest reads a frame of size bytes. A large one waits before it is read until there is room for it in the budget of all connections. A small one is
// read first, as far as it comes: it needs little until then, and whoever is slow to send it must not take room from others.
func (c *conn) readRequest(size int, limits *Limits) (*Request, error) {
	r := &Request{Conn: &c.info, Gone: c.gone, conn: c, size: size, Wrote: c.wrote}
	if size > maxAhead && !c.charge(r, limits) {
		return nil, net.ErrClosed
	}
	frame, err := c.readBody(r, size, limits)
	if err != nil {
		r.FreeBody()
		return nil, err
	}
	if size <= maxAhead && !c.charge(r, limits) {
		r.FreeBody()
		return nil, net.ErrClosed
	}
	r.Received = c.active
	if c.auth.bare() {
		r.Body = frame
		return r, nil
	}
	header, body, err := wire.ParseHeader(frame)
	if err != nil {
		r.FreeBody()
		return nil, err
	}
	c.requests++
	r.Header, r.Body = header, body
	return r, nil
}

// charge takes what a request needs from the budget; false: the connection has ended.
func (c *conn) charge(r *Request, limits *Limits) bool {
	if !c.server.cfg.Shared.acquire(c.gone, int64(r.size), limits.QueuedMaxBytes) {
		return false
	}
	r.charged.Store(int64(r.size))
	return true
}

// readBody fills r.buffer, which grows as bytes arrive, and returns the frame without its length prefix.
func (c *conn) readBody(r *Request, size int, limits *Limits) ([]byte, error) {
	var frame []byte
	var have int
	if b := c.in.adopt(size); b != nil {
		r.buffer, frame, have = b, b.B[prefix:], c.in.taken
	} else {
		step := bodyStep
		if c.auth != nil && c.auth.stage != known {
			step = unknownStep
		}
		r.buffer = wire.NewBuffer(min(size, max(step, len(c.in.ahead)-prefix)))
		frame, have = r.buffer.B, c.in.take(r.buffer.B)
	}
	if have < size && limits.MinRequestRate > 0 {
		c.arriving = c.server.cfg.Shared.arrivals.begin(c, size, limits.MinRequestRate)
		defer func() { c.arriving.over(); c.arriving = nil }()
	}
	for {
		n, err := c.readFull(frame[have:], limits)
		have += n
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("the client went away after %d of %d bytes of a request", have, size)
		}
		if err != nil {
			return nil, err
		}
		if have == size {
			return frame, nil
		}
		larger := wire.NewBuffer(min(size, 4*have))
		copy(larger.B, frame)
		r.buffer.Free()
		r.buffer, frame = larger, larger.B
	}
}

// readFull fills p, which is inside a request.
func (c *conn) readFull(p []byte, limits *Limits) (int, error) {
	n := 0
	for n < len(p) {
		m, err := c.read(p[n:], limits, false)
		n += m
		if c.arriving != nil {
			c.arriving.have.Add(int64(m))
		}
		if err != nil && n < len(p) {
			return n, err
		}
	}
	return n, nil
}

// readAhead reads at least one byte into what is ahead. Between requests, which is when nothing is ahead, it may find that the connection is idle.
func (c *conn) readAhead(limits *Limits) error {
	p := c.in.room()
	n, err := c.read(p, limits, len(c.in.ahead) == 0)
	c.in.arrived(n)
	if n > 0 {
		return nil
	}
	return err
}

// read reads what there is, at least a byte, into p, or if p is nil into the buffer that the intake gets when there is something. When nothing
// arrived for MaxIdle it gives up: with errIdle between requests if none is under way, with an error to tell inside one.
func (c *conn) read(p []byte, limits *Limits, between bool) (int, error) {
	for {
		c.arm(limits)
		n, err := c.in.read(c.nc, p)
		if n > 0 {
			c.active = time.Now()
			return n, err
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		c.armed = time.Time{}
		if time.Since(c.lastActive()) < limits.MaxIdle || between && c.busy() {
			continue
		}
		if between {
			return 0, errIdle
		}
		return 0, fmt.Errorf("no byte of the rest of a request for %v (connections.max.idle.ms)", limits.MaxIdle)
	}
}

// arm sets the read deadline if it is not set. It is not moved with every read: when it falls due too early, it is set again, which costs one
// timer per idle time instead of one per request.
func (c *conn) arm(limits *Limits) {
	if limits.MaxIdle <= 0 {
		if !c.armed.IsZero() {
			c.armed = time.Time{}
			_ = c.nc.SetReadDeadline(time.Time{}) // fails on a closed connection only, and then reading tells
		}
		return
	}
	if c.armed.IsZero() {
		due := c.lastActive().Add(limits.MaxIdle)
		if now := time.Now(); !due.After(now) { // busy all the time: look again later
			due = now.Add(limits.MaxIdle)
		}
		c.armed = due
		_ = c.nc.SetReadDeadline(due)
	}
}
