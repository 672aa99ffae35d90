package listener

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"leat/internal/quota"
)

// ConnectionRates are how many connections a second may begin (KIP-612). Zero means any number.
type ConnectionRates struct {
	Window   quota.Window
	Node     float64 // max.connection.creation.rate
	Listener float64 // the same of the listener
	// Address is that of an address; nil, or false: no bound.
	Address func(netip.Addr) (float64, bool)
}

// mostAddresses bounds how many addresses are counted at once, and mostDelayed how many connections wait to be closed.
const (
	mostAddresses = 10_000
	mostDelayed   = 1000
)

// begun counts connections that began.
type begun struct {
	mu        sync.Mutex
	node      quota.Rate
	listeners map[string]*quota.Rate
	addresses map[netip.Addr]*addressRate
	others    addressRate // of addresses for which there was no room
	swept     int64
	delayed   int
}

type addressRate struct {
	quota.Rate
	used int64
}

// next counts a connection and returns for how long the next ones have to wait. What is over a rate is not refused: it stays in the system's queue.
func (b *begun) next(r *ConnectionRates, listener string, now int64) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	ms := int64(0)
	if r.Node > 0 {
		ms = over(&b.node, r, r.Node, now)
	}
	if r.Listener > 0 {
		if b.listeners == nil {
			b.listeners = map[string]*quota.Rate{}
		}
		if b.listeners[listener] == nil {
			b.listeners[listener] = &quota.Rate{}
		}
		ms = max(ms, over(b.listeners[listener], r, r.Listener, now))
	}
	return time.Duration(ms) * time.Millisecond
}

// over counts one and returns the milliseconds to wait, a window at most.
func over(rate *quota.Rate, r *ConnectionRates, limit float64, now int64) int64 {
	rate.Record(r.Window, 1, now)
	measured, span := rate.Measure(r.Window, now)
	return min(quota.Throttle(measured, limit, span), r.Window.Millis)
}

// from counts a connection of an address; if it is over the address's rate it is not counted, and what is returned is for how long it is kept before it
// is closed, so that a client that tries again at once does not.
func (b *begun) from(r *ConnectionRates, listener string, addr netip.Addr, now int64) time.Duration {
	if r.Address == nil {
		return 0
	}
	limit, bounded := r.Address(addr)
	if !bounded {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	rate := b.rateOf(addr, r, now)
	rate.used = now
	ms := over(&rate.Rate, r, limit, now)
	if ms > 0 {
		rate.Record(r.Window, -1, now)
		if r.Node > 0 {
			b.node.Record(r.Window, -1, now)
		}
		if r.Listener > 0 && b.listeners[listener] != nil {
			b.listeners[listener].Record(r.Window, -1, now)
		}
	}
	return time.Duration(ms) * time.Millisecond
}

func (b *begun) rateOf(addr netip.Addr, r *ConnectionRates, now int64) *addressRate {
	if x := b.addresses[addr]; x != nil {
		return x
	}
	if len(b.addresses) >= mostAddresses {
		if now-b.swept >= r.Window.Millis {
			b.swept = now
			for a, x := range b.addresses {
				if now-x.used > int64(r.Window.Samples+1)*r.Window.Millis {
					delete(b.addresses, a)
				}
			}
		}
		if len(b.addresses) >= mostAddresses {
			return &b.others
		}
	}
	if b.addresses == nil {
		b.addresses = map[netip.Addr]*addressRate{}
	}
	x := &addressRate{}
	b.addresses[addr] = x
	return x
}

// awaitRate waits until further connections may begin; the one just accepted waits with them. False: the listener closes.
func (s *Server) awaitRate() bool {
	if s.cfg.Rates == nil {
		return true
	}
	r := s.cfg.Rates()
	d := s.cfg.Shared.begun.next(&r, s.cfg.Name, time.Now().UnixMilli())
	if d > 0 {
		if s.cfg.Observe.Delayed != nil {
			s.cfg.Observe.Delayed(d)
		}
		s.pause(d)
	}
	return s.ctx.Err() == nil
}

// turnedAway reports whether an address begins connections too fast; then the connection is closed later.
func (s *Server) turnedAway(nc net.Conn, addr netip.Addr) bool {
	if s.cfg.Rates == nil {
		return false
	}
	r := s.cfg.Rates()
	b := &s.cfg.Shared.begun
	d := b.from(&r, s.cfg.Name, addr, time.Now().UnixMilli())
	if d <= 0 {
		return false
	}
	s.cfg.Shared.close(s.cfg.Name, s.origin())
	if s.cfg.Observe.TurnedAway != nil {
		s.cfg.Observe.TurnedAway(d)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.delayed >= mostDelayed {
		nc.Close()
		return true
	}
	b.delayed++
	time.AfterFunc(d, func() {
		nc.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.delayed--
	})
	return true
}
