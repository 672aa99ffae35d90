package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Pending is a request that was written and whose answer is still to come.
type Pending struct {
	conn *conn
	call *call
	api  string
}

// Answered is a request whose answer is there already.
func Answered(r Response) Pending {
	w := Pending{call: &call{outcome: make(chan outcome, 1)}}
	w.call.outcome <- outcome{response: r}
	return w
}

// Begin writes a request, so that one begun after it arrives after it, and leaves the waiting to Pending.Wait.
func (p *Peer) Begin(ctx context.Context, req kmsg.Request) (Pending, error) {
	c, err := p.connection(ctx)
	if err != nil {
		return Pending{}, err
	}
	return c.begin(ctx, req)
}

// begin sends a request in the newest version that both sides know.
func (c *conn) begin(ctx context.Context, req kmsg.Request) (Pending, error) {
	if err := c.clamp(req); err != nil {
		return Pending{}, c.peer.failed(c.address, "send "+name(req), false, err)
	}
	call, sent, err := c.send(ctx, req)
	if err != nil {
		return Pending{}, c.peer.failed(c.address, "send "+name(req), sent, timedOut(err))
	}
	return Pending{c, call, name(req)}, nil
}

// Wait returns the answer. If something can be taken from interrupt first, it returns true instead, and may be called again. On an undivided line
// whoever puts something there calls Peer.Interrupt after it.
func (w Pending) Wait(ctx context.Context, interrupt <-chan struct{}) (r Response, interrupted bool, err error) {
	if w.conn != nil && w.conn.peer.cfg.Undivided {
		return w.read(ctx, interrupt)
	}
	select {
	case o := <-w.call.outcome:
		return w.ended(o)
	case <-interrupt:
		return Response{}, true, nil
	case <-ctx.Done():
		return w.outOfTime(ctx)
	}
}

// read is Wait on an undivided line: it reads the connection itself. What is to be noticed meanwhile breaks the reading off.
func (w Pending) read(ctx context.Context, interrupt <-chan struct{}) (Response, bool, error) {
	c := w.conn
	defer context.AfterFunc(ctx, c.breakOff)()
	for {
		select {
		case o := <-w.call.outcome:
			return w.ended(o)
		case <-interrupt:
			return Response{}, true, nil
		case <-ctx.Done():
			return w.outOfTime(ctx)
		default:
		}
		switch err := c.readOne(); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			_ = c.nc.SetReadDeadline(time.Time{}) // fails on a closed connection only, and then reading tells
		case err != nil:
			c.lost(err)
		}
	}
}

// breakOff makes the reader look up.
func (c *conn) breakOff() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) } // long ago

// Interrupt has whoever waits on an undivided line look at what it may be interrupted by.
func (p *Peer) Interrupt() {
	p.mu.Lock()
	c := p.conn
	p.mu.Unlock()
	if c != nil && p.cfg.Undivided {
		c.breakOff()
	}
}

func (w Pending) ended(o outcome) (Response, bool, error) {
	if o.err != nil {
		return Response{}, false, w.failed(o.err)
	}
	return o.response, false, nil
}

func (w Pending) outOfTime(ctx context.Context) (Response, bool, error) {
	err := timedOut(ctx.Err())
	if errors.Is(err, ErrNoAnswer) {
		w.conn.end(fmt.Errorf("%w to another request", ErrNoAnswer))
		w.conn.peer.later()
	}
	return Response{}, false, w.failed(err)
}

func (w Pending) failed(err error) error {
	return w.conn.peer.failed(w.conn.address, "wait for the answer of "+w.api, true, err)
}
