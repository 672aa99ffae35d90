package listener

import (
	"sync/atomic"
	"time"
)

// mute is until when no request of a connection is taken.
type mute struct {
	since time.Time    // when the connection began
	until atomic.Int64 // nanoseconds after that; 0: at once
}

// Mute keeps the next request of the connection from being taken for some time, as Kafka mutes the channel of a client that is over its quota: the
// answer that tells the client to wait leaves at once, and one that does not listen waits all the same. It is called before the request is answered.
func (r *Request) Mute(d time.Duration) {
	if d <= 0 || r.conn == nil {
		return
	}
	r.throttled = max(r.throttled, d)
	m := &r.conn.muted
	until := int64(time.Since(m.since) + d)
	for {
		had := m.until.Load()
		if had >= until || m.until.CompareAndSwap(had, until) {
			return
		}
	}
}

// Size is how many bytes came in the request's frame.
func (r *Request) Size() int { return r.size }

// restLook is how often a connection that rests is looked at: a client that has left, and sent nothing that is to be read first, must not keep its place for as long as it
// was told to wait. Otherwise who comes anew instead of waiting would take all of them.
const restLook = time.Second

func (c *conn) leftWithoutMore() bool {
	return len(c.in.ahead) == 0 && c.in.raw != nil && peerLeft(c.in.raw)
}

// rest waits for as long as the answers so far asked for. It is the reader's, and holds no memory of a request meanwhile but its length.
func (c *conn) rest() {
	for {
		until := c.muted.until.Load()
		if until == 0 {
			return
		}
		left := time.Duration(until) - time.Since(c.muted.since)
		if left <= 0 {
			c.muted.until.CompareAndSwap(until, 0)
			continue
		}
		if c.leftWithoutMore() { // reading says so
			return
		}
		timer := time.NewTimer(min(left, restLook))
		select {
		case <-timer.C:
		case <-c.gone.Done():
			timer.Stop()
			return
		}
	}
}
