package listener

import (
	"context"
	"slices"
)

// budget is the memory that requests of all connections together may hold (queued.max.request.bytes).
//
// A quarter of it is for small requests alone. Those that hold the rest may still be on their way, for as long as their senders take; a client that sends
// little does not wait for them.
//
// Invariants: small holds less than a quarter, or both together less than the limit, before a small request is let in; large less than three quarters and
// both together less than the limit before a large one. So both together stay below the limit and one request of either kind.
type budget struct {
	limit        int64 // that acquire was last called with
	small, large int64 // held by requests of either kind
	// Readers that wait, in order.
	smallQueue, largeQueue []*claim
}

// claim is a reader's wish for n bytes.
type claim struct {
	n       int64
	granted chan struct{}
}

func (b *budget) used() int64 { return b.small + b.large }

func (b *budget) queueFor(n int64) *[]*claim {
	if n <= maxAhead {
		return &b.smallQueue
	}
	return &b.largeQueue
}

// add counts n bytes, which may be negative, of a request of that size.
func (b *budget) add(n, size int64) {
	if size <= maxAhead {
		b.small += n
	} else {
		b.large += n
	}
}

// room reports whether a request of n bytes may be let in.
func (b *budget) room(n int64) bool {
	switch {
	case b.limit <= 0:
		return true
	case n <= maxAhead:
		return b.small < b.limit/4 || b.used() < b.limit
	}
	return b.large < b.limit-b.limit/4 && b.used() < b.limit
}

// grant lets waiting readers take bytes, those of a kind in the order in which they came.
func (b *budget) grant() {
	for _, queue := range [...]*[]*claim{&b.smallQueue, &b.largeQueue} {
		for len(*queue) > 0 && b.room((*queue)[0].n) {
			c := (*queue)[0]
			(*queue)[0] = nil
			*queue = (*queue)[1:]
			b.add(c.n, c.n)
			close(c.granted)
		}
	}
}

// acquire waits until there is room for a request of n bytes and takes it; it reports false when gone ends first. One request may go over the limit, so that
// one larger than what long waits leave free does not wait for ever (Kafka's memory pool does the same).
func (s *Shared) acquire(gone context.Context, n, limit int64) bool {
	s.mu.Lock()
	b := &s.budget
	b.limit = limit
	queue := b.queueFor(n)
	if len(*queue) == 0 && b.room(n) {
		b.add(n, n)
		s.mu.Unlock()
		return true
	}
	c := &claim{n: n, granted: make(chan struct{})}
	*queue = append(*queue, c)
	s.mu.Unlock()
	select {
	case <-c.granted:
		return true
	case <-gone.Done():
		s.abandon(c)
		return false
	}
}

// abandon takes a claim back whose connection is gone.
func (s *Shared) abandon(c *claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.budget.queueFor(c.n)
	if i := slices.Index(*queue, c); i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
		return
	}
	s.budget.add(-c.n, c.n) // it was granted in the same moment
	s.budget.grant()
}

// release gives the n bytes of a request back and lets readers go on.
func (s *Shared) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.add(-n, n)
	s.budget.grant()
}

// crowded reports whether somebody waits for room to read a large request.
func (s *Shared) crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.budget.largeQueue) > 0
}
