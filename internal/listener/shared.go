package listener

import (
	"context"
	"net/netip"
	"sync"
)

// Shared counts connections and request bytes over all listeners of a node.
type Shared struct {
	mu          sync.Mutex
	connections int
	perIP       map[netip.Addr]int
	slot        chan struct{} // closed and renewed when a connection ends; nil: nobody waits
	used, limit int64         // request bytes held, and the bound that acquire was last called with
	queue       []*claim      // readers that wait for request bytes, in order
	pending     pending
}

// claim is a reader's wish for n bytes.
type claim struct {
	n       int64
	granted chan struct{}
}

// NewShared returns empty counts.
func NewShared() *Shared { return &Shared{perIP: map[netip.Addr]int{}} }

// Connections is the number of open connections over all listeners.
func (s *Shared) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// RequestBytes is the memory that requests under way hold.
func (s *Shared) RequestBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// open counts a connection in if there is room, or returns a channel that is closed when one ends.
func (s *Shared) open(limit int) (freed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit > 0 && s.connections >= limit {
		if s.slot == nil {
			s.slot = make(chan struct{})
		}
		return s.slot, false
	}
	s.connections++
	return nil, true
}

// close counts a connection out.
func (s *Shared) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections--
	if s.slot != nil {
		close(s.slot)
		s.slot = nil
	}
}

// openFrom counts a connection of an address in, unless it would be over the limit.
func (s *Shared) openFrom(addr netip.Addr, limit int, bounded bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bounded && s.perIP[addr] >= limit {
		return false
	}
	s.perIP[addr]++
	return true
}

func (s *Shared) closeFrom(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perIP[addr]--; s.perIP[addr] <= 0 {
		delete(s.perIP, addr)
	}
}

// acquire waits until fewer than limit bytes are held and then takes n; it reports false when gone ends first. One request may go over
// the limit, so that one larger than what long waits leave free does not wait for ever (Kafka's memory pool does the same).
func (s *Shared) acquire(gone context.Context, n, limit int64) bool {
	s.mu.Lock()
	s.limit = limit
	if limit <= 0 || s.used < limit && len(s.queue) == 0 {
		s.used += n
		s.mu.Unlock()
		return true
	}
	c := &claim{n: n, granted: make(chan struct{})}
	s.queue = append(s.queue, c)
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
	for i, q := range s.queue {
		if q == c {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			return
		}
	}
	s.used -= c.n // it was granted in the same moment
	s.grant()
}

// release gives n bytes back and lets readers go on.
func (s *Shared) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	s.grant()
}

// grant lets waiting readers take bytes, first come first served. s.mu is held.
func (s *Shared) grant() {
	for len(s.queue) > 0 && (s.limit <= 0 || s.used < s.limit) {
		c := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.used += c.n
		close(c.granted)
	}
}
