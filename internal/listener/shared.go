package listener

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Shared counts connections and request bytes over all listeners of a node.
type Shared struct {
	mu          sync.Mutex
	connections [2]int // of clients, and of nodes
	listeners   map[string]int
	perIP       map[netip.Addr]int
	slot        chan struct{} // closed and renewed when a connection ends; nil: nobody waits
	budget      budget
	pending     pending
	begun       begun
	arrivals    arrivals     // has a lock of its own
	lines       lines        // has one too
	unsent      atomic.Int64 // answers that wait for their turn
}

// NewShared returns empty counts.
func NewShared() *Shared {
	s := &Shared{perIP: map[netip.Addr]int{}, listeners: map[string]int{}}
	s.arrivals.shared = s
	return s
}

// Connections is the number of open connections over all listeners.
func (s *Shared) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections[ofClients] + s.connections[ofNodes]
}

// Unsent is how many answers wait for their turn on their connections.
func (s *Shared) Unsent() int64 { return s.unsent.Load() }

// RequestBytes is the memory that requests under way hold.
func (s *Shared) RequestBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.budget.used()
}

// origin is whose connections come by a listener. Both may have as many as max.connections, so that clients, however many they are, do not keep nodes from each
// other; Kafka lets nodes in, too, and closes a connection of a client for it.
type origin int

const (
	ofClients origin = 0
	ofNodes   origin = 1
)

// open counts a connection of a listener in if there is room, or returns a channel that is closed when one ends.
func (s *Shared) open(listener string, of origin, limits *Limits) (freed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit, own := limits.MaxConnections, limits.MaxListener; limit > 0 && s.connections[of] >= limit || own > 0 && s.listeners[listener] >= own {
		if s.slot == nil {
			s.slot = make(chan struct{})
		}
		return s.slot, false
	}
	s.connections[of]++
	s.listeners[listener]++
	return nil, true
}

// close counts a connection out.
func (s *Shared) close(listener string, of origin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections[of]--
	s.listeners[listener]--
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
