package sim

import (
	"net"
	"slices"
	"sync"
)

// listener accepts connections on a port of a host. The network's mutex guards it.
type listener struct {
	host    *Host
	addr    *net.TCPAddr
	arrived *sync.Cond
	queue   []*conn
	closed  bool
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	n := l.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.arrived.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close implements net.Listener. Connections that nobody accepted are reset.
func (l *listener) Close() error {
	l.host.net.mu.Lock()
	defer l.host.net.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	l.close()
	return nil
}

func (l *listener) close() {
	l.closed = true
	delete(l.host.listeners, l.addr.Port)
	l.arrived.Broadcast()
	for _, c := range l.queue {
		c.vanish()
		c.sendReset()
	}
	l.queue = nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.addr }

// sortedConns are the host's connections in a fixed order, so that ending them is the same in every run.
func (h *Host) sortedConns() []*conn {
	var conns []*conn
	for c := range h.conns {
		conns = append(conns, c)
	}
	slices.SortFunc(conns, func(a, b *conn) int {
		if d := a.local.Port - b.local.Port; d != 0 {
			return d
		}
		if d := slices.Compare(a.remote.IP, b.remote.IP); d != 0 {
			return d
		}
		return a.remote.Port - b.remote.Port
	})
	return conns
}
