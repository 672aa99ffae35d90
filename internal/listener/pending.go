package listener

import (
	"fmt"
	"time"
)

// pending are the connections of a node whose clients are not known yet, oldest first. They may stay so for a time, and there may be so many; when one more
// comes, the oldest is closed: a client that means it is done in some round trips, and one that holds connections open in numbers meets this end.
type pending struct {
	first, last *pendant
	count       int
}

// pendant is one of them.
type pendant struct {
	close      func(reason string)
	prev, next *pendant
	listed     bool
}

// push adds the newest and returns the one that has to go; nil: there was room.
func (p *pending) push(n *pendant, most int) *pendant {
	n.listed, n.prev = true, p.last
	if p.last == nil {
		p.first = n
	} else {
		p.last.next = n
	}
	p.last = n
	p.count++
	if most <= 0 || p.count <= most {
		return nil
	}
	oldest := p.first
	p.remove(oldest)
	return oldest
}

func (p *pending) remove(n *pendant) {
	if !n.listed {
		return
	}
	n.listed = false
	if n.prev == nil {
		p.first = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		p.last = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.prev, n.next = nil, nil
	p.count--
}

// Authenticating is how many connections have clients that are not known yet.
func (s *Shared) Authenticating() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending.count
}

// suspend counts a connection among those whose client is not known, until leave is called.
func (s *Shared) suspend(n *pendant, most int) {
	s.mu.Lock()
	oldest := s.pending.push(n, most)
	s.mu.Unlock()
	if oldest != nil {
		oldest.close(fmt.Sprintf("more than %d connections wait for authentication (leat.authentication.pending.max), and this was the oldest of them", most))
	}
}

func (s *Shared) settle(n *pendant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending.remove(n)
}

// beginAuthentication starts the clock of a connection whose client has to say who it is.
func (c *conn) beginAuthentication(limits *Limits) {
	end := func(reason string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.shut(reason)
	}
	n := &pendant{close: end}
	shared := c.server.cfg.Shared
	var timer *time.Timer
	if d := limits.AuthenticationTimeout; d > 0 {
		timer = time.AfterFunc(d, func() {
			end(fmt.Sprintf("the client has not authenticated within %v (leat.authentication.timeout.ms): TLS handshake and SASL exchange must be over by then", d))
		})
	}
	c.auth.leave = func() {
		if timer != nil {
			timer.Stop()
		}
		shared.settle(n)
	}
	shared.suspend(n, limits.PendingMax)
}
