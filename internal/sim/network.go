// Package sim is what tests put in place of the world: today an in-memory network of hosts whose links can be slow, cut and healed.
// Tests import it, and leatest, which is for the tests of others.
//
// It works inside testing/synctest bubbles, where virtual time passes only when every goroutine waits for something the bubble
// knows: here all waiting is on condition variables, channels and timers, never on a held mutex. A Network that is used in a
// bubble is made in it. Outside a bubble it runs on real time.
//
// Each thing that travels arrives at an instant of its own, the link's delay plus a few nanoseconds. So in a bubble one arrival is
// dealt with completely before the next, and a scenario meets the same order of events far more often than it would otherwise.
//
// Terms: a host has an address and a name; a link leads from one host to another, and the way back is a link of its own.
package sim

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Config says how a network behaves. The zero value is one without delays.
type Config struct {
	Delay  time.Duration // of every link, one way, unless SetDelay says otherwise
	Buffer int           // how many bytes a connection takes before its writer waits for the reader; 0: 256 KiB
}

const defaultBuffer = 256 << 10

// Network connects hosts. One mutex guards everything in it; nothing is waited for while holding it.
type Network struct {
	cfg Config

	mu      sync.Mutex
	hosts   []*Host
	links   map[[2]*Host]*link
	arrival map[int64]bool // instants (ns) that an arrival has taken
}

// NewNetwork returns a network without hosts.
func NewNetwork(cfg Config) *Network {
	if cfg.Buffer <= 0 {
		cfg.Buffer = defaultBuffer
	}
	return &Network{cfg: cfg, links: map[[2]*Host]*link{}, arrival: map[int64]bool{}}
}

// Host returns the host with the name, which is added if there is none. Its address is 10.0.0.1 for the first, and so on.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.IndexFunc(n.hosts, func(h *Host) bool { return h.name == name }); i >= 0 {
		return n.hosts[i]
	}
	number := len(n.hosts) + 1
	h := &Host{
		net: n, name: name, ip: net.IPv4(10, byte(number>>16), byte(number>>8), byte(number)).To4(), nextPort: firstPort,
		listeners: map[int]*listener{}, conns: map[*conn]bool{},
	}
	n.hosts = append(n.hosts, h)
	return h
}

// Cut stops everything that travels between two hosts, both ways, until Heal. Nothing is lost: as with TCP, connections stall and
// go on after Heal, and who cannot wait that long has a deadline.
func (n *Network) Cut(a, b *Host) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// CutOneWay stops what travels from one host to another, but not the way back.
func (n *Network) CutOneWay(from, to *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link(from, to).cut = true
}

// Isolate cuts a host from all other hosts that exist.
func (n *Network) Isolate(h *Host) {
	for _, other := range n.others(h) {
		n.Cut(h, other)
	}
}

// Heal undoes Cut and CutOneWay between two hosts.
func (n *Network) Heal(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link(a, b).heal()
	n.link(b, a).heal()
}

// Rejoin heals all links of a host.
func (n *Network) Rejoin(h *Host) {
	for _, other := range n.others(h) {
		n.Heal(h, other)
	}
}

func (n *Network) others(h *Host) []*Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.hosts), func(other *Host) bool { return other == h })
}

// SetDelay sets how long what is sent from now on travels between two hosts, one way.
func (n *Network) SetDelay(a, b *Host, delay time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link(a, b).delay = delay
	n.link(b, a).delay = delay
}

// link leads from one host to another, or to itself. Callers hold mu.
func (n *Network) link(from, to *Host) *link {
	key := [2]*Host{from, to}
	l, ok := n.links[key]
	if !ok {
		l = &link{net: n, delay: n.cfg.Delay}
		n.links[key] = l
	}
	return l
}

// resolve finds a host by name or address; names of the machine itself mean the one that asks. Callers hold mu.
func (n *Network) resolve(asking *Host, name string) (*Host, error) {
	if name == "localhost" || name == "" || net.ParseIP(name).IsLoopback() || net.ParseIP(name).IsUnspecified() {
		return asking, nil
	}
	for _, h := range n.hosts {
		if h.name == name || h.ip.String() == name {
			return h, nil
		}
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// link is one way between two hosts. The network's mutex guards it.
type link struct {
	net   *Network
	delay time.Duration
	cut   bool
	held  []func() // what arrived while the link was cut
}

// send lets arrive happen at the other end, with the network's mutex held.
func (l *link) send(arrive func()) {
	n := l.net
	at := time.Now().Add(max(l.delay, 0) + time.Nanosecond)
	for n.arrival[at.UnixNano()] {
		at = at.Add(time.Nanosecond)
	}
	n.arrival[at.UnixNano()] = true
	time.AfterFunc(time.Until(at), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.arrival, at.UnixNano())
		if l.cut {
			l.held = append(l.held, arrive)
			return
		}
		arrive()
	})
}

func (l *link) heal() {
	l.cut = false
	held := l.held
	l.held = nil
	for _, arrive := range held {
		l.send(arrive)
	}
}

// String names a host for messages.
func (h *Host) String() string { return fmt.Sprintf("%s (%s)", h.name, h.ip) }
