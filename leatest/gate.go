package leatest

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// gate is where clients outside a bubble come in: a port of the loopback interface that stays the same over all lives of a node, and whose
// connections can be held up or dropped.
type gate struct {
	mu    sync.Mutex // guards what follows
	at    string     // host:port, once it was opened
	l     net.Listener
	free  chan struct{} // closed: what travels passes
	delay time.Duration
	conns map[*gatedConn]bool
}

func newGate() *gate {
	g := &gate{free: make(chan struct{}), conns: map[*gatedConn]bool{}}
	close(g.free)
	return g
}

// open listens: on any free port the first time, on the same one later.
func (g *gate) open() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.at
	if at == "" {
		at = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return fmt.Errorf("a port for clients: %w", err)
	}
	g.l, g.at = l, l.Addr().String()
	return nil
}

func (g *gate) address() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.at
}

// listener is what a node accepts clients from.
func (g *gate) listener() net.Listener {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &gatedListener{Listener: g.l, gate: g}
}

// set holds up everything that travels, or lets it go on with a delay each way.
func (g *gate) set(held bool, delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = delay
	select {
	case <-g.free:
		if held {
			g.free = make(chan struct{})
		}
	default:
		if !held {
			close(g.free)
		}
	}
}

// close ends the port and its connections, as the system does for a process that is gone.
func (g *gate) close() {
	g.mu.Lock()
	l, conns := g.l, g.conns
	g.conns = map[*gatedConn]bool{}
	g.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	for c := range conns {
		_ = c.Close()
	}
}

type gatedListener struct {
	net.Listener
	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &gatedConn{Conn: nc, gate: l.gate, closed: make(chan struct{})}
	l.gate.mu.Lock()
	l.gate.conns[c] = true
	l.gate.mu.Unlock()
	return c, nil
}

// gatedConn is a client's connection.
type gatedConn struct {
	net.Conn
	gate   *gate
	closed chan struct{}
	once   sync.Once
}

// pass waits until what travels may go on.
func (c *gatedConn) pass() error {
	c.gate.mu.Lock()
	free, delay := c.gate.free, c.gate.delay
	c.gate.mu.Unlock()
	select {
	case <-free:
	case <-c.closed:
		return net.ErrClosed
	}
	if delay == 0 {
		return nil
	}
	select {
	case <-time.After(delay):
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

func (c *gatedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, err
	}
	return n, c.pass()
}

func (c *gatedConn) Write(p []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *gatedConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.gate.mu.Lock()
		delete(c.gate.conns, c)
		c.gate.mu.Unlock()
	})
	return c.Conn.Close()
}
