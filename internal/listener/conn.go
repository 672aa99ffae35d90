package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// conn is one connection: its reader, and the requests that are not answered yet.
type conn struct {
	info   Conn
	server *Server
	nc     net.Conn
	gone   context.Context
	cancel context.CancelFunc

	in       intake
	requests int64 // read so far; the reader's own
	muted    mute
	patient  *Request // the last request, if it gives way to the next; the reader's own
	active   time.Time
	wrote    time.Duration // see Request.Wrote; the reader's own
	armed    time.Time     // when the read deadline that is set falls due; zero: none is set
	arriving *arrival      // the request that is being read, if it is watched; the reader's own

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

	auth *authentication // nil: nobody asks
}

// serve is the reader. It returns when the connection is closed and nobody writes any more.
func (c *conn) serve() {
	err := c.secure()
	if err == nil {
		err = c.readAll()
	}
	c.giveWay()
	c.in.drop()
	if c.auth != nil {
		c.auth.leave()
	}
	switch {
	case err == nil:
	case clientLeft(err), errors.Is(err, errIdle):
		c.finish(c.leftInExchange())
	default:
		c.finish(err.Error())
	}
	c.awaitEnd()
}

// readAll reads requests and hands them out until the connection ends.
func (c *conn) readAll() error {
	for c.awaitRoom() {
		limits := c.server.cfg.Limits()
		if c.auth != nil {
			if c.auth.err != nil {
				return c.auth.err
			}
			c.auth.limit(&limits)
		}
		size, err := c.readLength(&limits)
		if err != nil {
			return err
		}
		c.rest()
		r, err := c.readRequest(size, &limits)
		if err != nil {
			return err
		}
		if !c.enqueue(r) {
			r.FreeBody()
			return nil
		}
		c.giveWay()
		c.handle(r)
		if r.onNext != nil {
			c.patient = r
		}
		c.rest()
	}
	return nil
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
	if c.server.cfg.Observe.Request != nil {
		r.begunAt, r.principal = time.Since(r.Received), c.info.Principal
	}
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
		began := time.Now()
		c.flush(true)
		c.wrote = time.Since(began)
	}
}

// brokenFor is the client id whose requests the handler fails on, for tests from outside of what happens then. Only the linker sets it (-X), no input does.
var brokenFor string

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
	if brokenFor != "" && r.Header.ClientID == brokenFor {
		panic("this program was linked to fail on requests of client " + brokenFor)
	}
	c.dispatch(r)
}
