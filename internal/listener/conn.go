package listener

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"leat/internal/wire"
)

// conn is one connection: its reader, and the requests that are not answered yet.
type conn struct {
	info   Conn
	server *Server
	nc     net.Conn
	gone   context.Context
	cancel context.CancelFunc

	length   [4]byte // the next frame's length prefix
	requests int64   // read so far; the reader's own
	active   time.Time
	armed    time.Time // when the read deadline that is set falls due; zero: none is set

	mu       sync.Mutex
	changed  *sync.Cond // inFlight fell, writing ended, or closed
	head     *Request   // the oldest request that is not written
	tail     *Request
	current  *Request // in the handler right now: the reader writes its reply
	inFlight int
	unsent   int  // memory of the replies that are made and not written
	writing  bool // somebody owns out
	stopped  bool // a hangup is queued: nothing more is read
	closed   bool
	reason   string    // why it was closed, "" if that is nothing to tell
	written  time.Time // when the last reply was

	out sender // owned by whoever set writing
}

// bodyStep is how much is allocated for a body before any of it has arrived; the rest is allocated as it comes, so that a claimed length costs
// nothing.
const bodyStep = 1 << 20

var errIdle = errors.New("idle")

// serve is the reader. It returns when the connection is closed and nobody writes any more.
func (c *conn) serve() {
	err := c.readAll()
	switch {
	case err == nil:
	case clientLeft(err), errors.Is(err, errIdle):
		c.finish("")
	default:
		c.finish(err.Error())
	}
	c.awaitEnd()
}

// readAll reads requests and hands them out until the connection ends.
func (c *conn) readAll() error {
	for c.awaitRoom() {
		limits := c.server.cfg.Limits()
		size, err := c.readLength(&limits)
		if err != nil {
			return err
		}
		r, err := c.readRequest(size, &limits)
		if err != nil {
			return err
		}
		if !c.enqueue(r) {
			r.FreeBody()
			return nil
		}
		c.handle(r)
	}
	return nil
}

// readLength reads and checks the length of the next frame. io.EOF means that the client is done.
func (c *conn) readLength(limits *Limits) (int, error) {
	n, err := c.readFull(c.length[:], limits, true)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("the client went away after %d of 4 length bytes", n)
	}
	if err != nil {
		return 0, err
	}
	size := int(int32(binary.BigEndian.Uint32(c.length[:])))
	if c.requests == 0 {
		if err := c.sniff(); err != nil {
			return 0, err
		}
	}
	if size < 0 || size > limits.maxRequestBytes() {
		return 0, fmt.Errorf("request of %d bytes: socket.request.max.bytes allows 0 to %d", size, limits.maxRequestBytes())
	}
	return size, nil
}

// readRequest reads a frame of size bytes, once there is room for it in the budget of all connections.
func (c *conn) readRequest(size int, limits *Limits) (*Request, error) {
	shared := c.server.cfg.Shared
	if !shared.acquire(c.gone, int64(size), limits.QueuedMaxBytes) {
		return nil, net.ErrClosed
	}
	r := &Request{Conn: &c.info, Gone: c.gone, conn: c, size: size}
	r.charged.Store(int64(size))
	if err := c.readBody(r, size, limits); err != nil {
		r.FreeBody()
		return nil, err
	}
	r.Received = c.active
	header, body, err := wire.ParseHeader(r.buffer.B)
	if err != nil {
		r.FreeBody()
		return nil, err
	}
	c.requests++
	r.Header, r.Body = header, body
	return r, nil
}

// readBody fills r.buffer, which grows as bytes arrive.
func (c *conn) readBody(r *Request, size int, limits *Limits) error {
	r.buffer = wire.NewBuffer(min(size, bodyStep))
	for have := 0; ; {
		n, err := c.readFull(r.buffer.B[have:], limits, false)
		have += n
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("the client went away after %d of %d bytes of a request", have, size)
		}
		if err != nil {
			return err
		}
		if have == size {
			return nil
		}
		larger := wire.NewBuffer(min(size, 4*have))
		copy(larger.B, r.buffer.B)
		r.buffer.Free()
		r.buffer = larger
	}
}

// readFull fills p. When nothing arrived for MaxIdle it gives up: with errIdle between requests if none is under way, with an error to
// tell inside one.
func (c *conn) readFull(p []byte, limits *Limits, between bool) (int, error) {
	n := 0
	for n < len(p) {
		c.arm(limits)
		m, err := c.nc.Read(p[n:])
		n += m
		if m > 0 {
			c.active = time.Now()
		}
		if err == nil || n == len(p) {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.armed = time.Time{}
			if time.Since(c.lastActive()) < limits.MaxIdle || between && n == 0 && c.busy() {
				continue
			}
			if between && n == 0 {
				return 0, errIdle
			}
			return n, fmt.Errorf("no byte of the rest of a request for %v (connections.max.idle.ms)", limits.MaxIdle)
		}
		if n > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}
	return n, nil
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

// lastActive is when a byte was last read or a reply written.
func (c *conn) lastActive() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written.After(c.active) {
		return c.written
	}
	return c.active
}

func (c *conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inFlight > 0
}

// handle calls the handler and then writes what it has answered.
func (c *conn) handle(r *Request) {
	c.call(r)
	if c.server.cfg.Observe.Request != nil {
		r.handledAt.Store(int64(time.Since(r.Received)))
	}
	c.mu.Lock()
	c.current = nil
	mine := c.head != nil && c.head.state != waiting && !c.writing
	if mine {
		c.writing = true
	}
	c.mu.Unlock()
	if mine {
		c.flush(true)
	}
}

// call keeps a panic of the handler from ending the process: it costs the connection only.
func (c *conn) call(r *Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		cfg := &c.server.cfg
		cfg.Logger.Error("request handler panicked", "api", r.Header.Key, "version", r.Header.Version, "client_id", r.Header.ClientID,
			"connection", c.info.ID, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
		if cfg.Observe.Panic != nil {
			cfg.Observe.Panic()
		}
		reason := fmt.Sprintf("the handler of api key %d panicked", r.Header.Key)
		if r.answered.Load() {
			c.mu.Lock()
			c.shut(reason)
			c.mu.Unlock()
			return
		}
		r.buffer = nil // what was running may still hold the body: it is not used again
		r.Hangup(reason)
	}()
	c.server.cfg.Handler(r)
}
