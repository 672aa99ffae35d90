package listener

import (
	"time"

	"leat/internal/wire"
)

// maxUnsent is how much memory the replies of one connection may hold before nothing more is read from it, so that a client that asks and
// does not read costs this much and what is under way.
const maxUnsent = 256 << 10

// awaitRoom waits until another request may be read; false: none any more.
func (c *conn) awaitRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight > 0 {
		for (c.inFlight >= c.server.maxInFlight() || c.unsent > maxUnsent) && !c.closed && !c.stopped {
			c.changed.Wait()
		}
	}
	return !c.closed && !c.stopped
}

// enqueue puts a request last in order. It reports false if nothing may be handled any more.
func (c *conn) enqueue(r *Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.stopped {
		return false
	}
	c.push(r)
	c.current = r
	return true
}

// push appends to the requests that are not written. c.mu is held.
func (c *conn) push(r *Request) {
	if c.tail == nil {
		c.head = r
	} else {
		c.tail.next = r
	}
	c.tail = r
	c.inFlight++
}

// complete notes the answer to a request and, if it is the next in order, writes it and those that waited behind it.
func (c *conn) complete(r *Request, s state, f *wire.Frame, reason string) {
	c.mu.Lock()
	r.state, r.frame, r.reason = s, f, reason
	if f != nil {
		c.unsent += f.Held()
	}
	if s == ready {
		c.server.cfg.Shared.unsent.Add(1)
	}
	if s == hangup {
		c.stopped = true
		c.changed.Broadcast()
	}
	mine := c.current != r && c.head == r && !c.writing
	if mine {
		c.writing = true
	}
	c.mu.Unlock()
	if mine {
		c.flush(false)
	}
}

// finish ends the connection from the reader's side: what is under way is still answered, and then it is closed.
func (c *conn) finish(reason string) {
	c.cancel() // the client hears nothing new: long waits end
	c.mu.Lock()
	if c.closed || c.stopped {
		c.mu.Unlock()
		return
	}
	r := &Request{Conn: &c.info, conn: c}
	c.push(r)
	c.mu.Unlock()
	c.complete(r, hangup, nil, reason)
}

// next takes the answered requests at the head of the queue into out, or ends the writing if there are none. A hangup at the
// head closes the connection.
func (c *conn) next() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.head != nil && c.head.state == ready {
		r := c.head
		c.pop()
		if r.frame == nil {
			c.observe(r)
			continue
		}
		if c.closed {
			r.frame.Release()
			continue
		}
		c.out.batch = append(c.out.batch, r)
		if len(c.out.batch) == maxBatch {
			break
		}
	}
	if len(c.out.batch) > 0 {
		c.turn()
		return true
	}
	if c.head != nil && c.head.state == hangup {
		reason := c.head.reason
		c.pop()
		c.shut(reason)
	}
	c.writing = false
	c.changed.Broadcast()
	return false
}

// turn notes that the batch is next to be written.
func (c *conn) turn() {
	if c.server.cfg.Observe.Request == nil {
		return
	}
	now := time.Now()
	for _, r := range c.out.batch {
		r.turnAt = max(r.answerAt, now.Sub(r.Received))
	}
}

// pop removes the head. Its reply still counts as in flight until sent has run. c.mu is held.
func (c *conn) pop() {
	r := c.head
	if r.state == ready {
		c.server.cfg.Shared.unsent.Add(-1)
	}
	c.head = r.next
	r.next = nil
	if c.head == nil {
		c.tail = nil
	}
	if r.frame == nil || c.closed {
		c.inFlight--
		c.changed.Broadcast()
	}
}

// sent lets go of a batch that is written or given up.
func (c *conn) sent() {
	now, held := time.Now(), 0
	for i, r := range c.out.batch {
		c.observe(r)
		held += r.frame.Held()
		r.frame.Release()
		r.frame = nil
		c.out.batch[i] = nil
	}
	n := len(c.out.batch)
	c.out.batch = c.out.batch[:0]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written = now
	c.inFlight -= n
	c.unsent -= held
	c.changed.Broadcast()
}

func (c *conn) observe(r *Request) {
	f := c.server.cfg.Observe.Request
	if f == nil {
		return
	}
	d := Done{Conn: r.Conn, Key: r.Header.Key, Version: r.Header.Version, ClientID: r.Header.ClientID, Principal: r.principal, Received: r.Received,
		Begun: r.begunAt, Handled: time.Duration(r.handledAt.Load()), Answered: r.answerAt, Throttled: r.throttled, RequestBytes: r.size, Mark: r.Mark}
	if r.frame != nil {
		d.ResponseLen = r.frame.Size - 4
	}
	d.Sent = time.Since(r.Received)
	d.Turn = max(d.Answered, r.turnAt)
	f(d)
}

// flush writes whatever is next in order. The caller has set c.writing, and gives it on to a writer when the socket is full. own: the caller
// is the reader, which may also wait for the disk.
func (c *conn) flush(own bool) {
	for c.next() {
		done, err := c.out.try(own)
		if own && !done && err == nil && c.out.direct {
			done, err = true, c.out.finish(c.writeTimeout())
		}
		if err != nil {
			c.fail(err)
		} else if !done {
			go c.drain() // ends before the reader does
			return
		}
		c.sent()
	}
}

// drain is the writer: it writes what is in order, waiting for the socket, and ends when nothing is left.
func (c *conn) drain() {
	for {
		if err := c.out.finish(c.writeTimeout()); err != nil {
			c.fail(err)
		}
		c.sent()
		if !c.next() {
			return
		}
	}
}

// writeTimeout is how long a client may take none of its replies before it counts as idle.
func (c *conn) writeTimeout() time.Duration { return c.server.cfg.Limits().MaxIdle }

// fail closes after a write that did not work.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut(writeReason(err))
}

// shut closes the connection. The first reason is told. c.mu is held.
func (c *conn) shut(reason string) {
	if c.closed {
		return
	}
	c.closed = true
	c.reason = brief(reason)
	c.cancel()
	c.closeNow()
	c.changed.Broadcast()
}

// lastAnswers is how long what is under way may take once nothing more is read from a connection. The longest waits of a member of a group
// are days, and a client that has gone cannot be told from one that only stopped sending.
const lastAnswers = 30 * time.Second

// awaitEnd waits for the end of the connection and of its writer, and drops what will not be written.
func (c *conn) awaitEnd() {
	c.mu.Lock()
	if !c.closed {
		var last *time.Timer
		last = time.AfterFunc(lastAnswers, func() {
			if !c.giveUp() {
				last.Reset(lastAnswers)
			}
		})
		defer last.Stop()
	}
	for !c.closed || c.writing {
		c.changed.Wait()
	}
	// From here on an answer at the head of the queue is dropped by whoever gives it. One further back may be ready already.
	c.writing = true
	c.mu.Unlock()
	c.flush(false)
}

// giveUp closes the connection unless a reply is being written, which has a time limit of its own, and reports whether it is closed.
func (c *conn) giveUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.writing {
		c.shut("")
	}
	return c.closed
}
