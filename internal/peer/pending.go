package peer

import (
	"context"
	"errors"
	"fmt"

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

// Wait returns the answer. If something can be taken from interrupt first, it returns true instead, and may be called again.
func (w Pending) Wait(ctx context.Context, interrupt <-chan struct{}) (r Response, interrupted bool, err error) {
	select {
	case o := <-w.call.outcome:
		if o.err != nil {
			return Response{}, false, w.failed(o.err)
		}
		return o.response, false, nil
	case <-interrupt:
		return Response{}, true, nil
	case <-ctx.Done():
		err := timedOut(ctx.Err())
		if errors.Is(err, ErrNoAnswer) {
			w.conn.end(fmt.Errorf("%w to another request", ErrNoAnswer))
			w.conn.peer.later()
		}
		return Response{}, false, w.failed(err)
	}
}

func (w Pending) failed(err error) error {
	return w.conn.peer.failed(w.conn.address, "wait for the answer of "+w.api, true, err)
}
