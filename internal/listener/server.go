package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"leat/internal/security"
)

// Server serves one listener.
type Server struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // the accepting goroutine and every reader

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	nextID int64
}

// Serve starts accepting.
func Serve(cfg Config) *Server {
	s := &Server{cfg: cfg, conns: map[*conn]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Add(1)
	go s.accept()
	return s
}

// Addr is the address that the listener is bound to.
func (s *Server) Addr() net.Addr { return s.cfg.Listener.Addr() }

// Close stops accepting, closes all connections and waits for their goroutines.
func (s *Server) Close() {
	s.cancel()
	s.cfg.Listener.Close()
	s.mu.Lock()
	s.closed = true
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	s.mu.Unlock()
	for _, c := range open {
		c.close()
	}
	s.wg.Wait()
}

// close ends a connection at once, from outside.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut("")
}

func (s *Server) maxInFlight() int {
	limits := s.cfg.Limits()
	return limits.maxInFlight()
}

// accept takes connections while there is room for them.
func (s *Server) accept() {
	defer s.wg.Done()
	backoff := time.Duration(0)
	for {
		nc, err := s.cfg.Listener.Accept()
		if err == nil {
			backoff = 0
			if !s.awaitSlot() {
				nc.Close()
				return
			}
			if !s.awaitRate() {
				nc.Close()
				return
			}
			s.admit(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) || s.ctx.Err() != nil {
			return
		}
		// Out of file descriptors, usually: those in use go on, and it is told once per pause.
		backoff = min(max(2*backoff, 10*time.Millisecond), time.Second)
		s.cfg.Logger.Warn("connection not accepted", "listener", s.cfg.Name, "err", err)
		s.pause(backoff)
	}
}

func (s *Server) origin() origin {
	if s.cfg.OfNodes {
		return ofNodes
	}
	return ofClients
}

// awaitSlot waits until there are fewer connections than max.connections and takes a slot. Further clients wait in the system's queue meanwhile.
func (s *Server) awaitSlot() bool {
	told := false
	for s.ctx.Err() == nil {
		limits := s.cfg.Limits()
		freed, ok := s.cfg.Shared.open(s.cfg.Name, s.origin(), &limits)
		if ok {
			return true
		}
		if !told {
			s.cfg.Logger.Warn("no more connections are accepted until one ends", "listener", s.cfg.Name, "max.connections", limits.connections())
			told = true
			if s.cfg.Observe.Waiting != nil {
				s.cfg.Observe.Waiting(limits.connections())
			}
		}
		t := time.NewTimer(time.Second) // the limit may have changed
		select {
		case <-freed:
		case <-t.C:
		case <-s.ctx.Done():
		}
		t.Stop()
	}
	return false
}

func (s *Server) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// admit starts the reader of an accepted connection, unless its address has too many.
func (s *Server) admit(nc net.Conn) {
	limits := s.cfg.Limits()
	remote := addrPort(nc.RemoteAddr())
	ip := remote.Addr()
	if s.turnedAway(nc, ip) {
		return
	}
	limit, bounded := limits.perIP(ip)
	if !s.cfg.Shared.openFrom(ip, limit, bounded) {
		nc.Close()
		s.cfg.Shared.close(s.cfg.Name, s.origin())
		s.tell(s.cfg.Logger.Info, "connection refused", "listener", s.cfg.Name, "client", remote.String(),
			"err", fmt.Sprintf("%d connections from this address are open (max.connections.per.ip)", limit))
		if s.cfg.Observe.Refused != nil {
			s.cfg.Observe.Refused(ip)
		}
		return
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		setBuffers(tcp, &limits)
	}
	c := s.newConn(nc, remote)
	if c.auth != nil {
		c.beginAuthentication(&limits)
	}
	s.mu.Lock()
	if s.closed {
		c.nc.Close()
		c.closed = true
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1) // accept is still counted, so Close has not returned
	s.mu.Unlock()
	if s.cfg.Observe.Opened != nil {
		s.cfg.Observe.Opened(&c.info)
	}
	go s.run(c)
}

// setBuffers asks the system for the configured sizes. It may give less, and an error changes nothing that a client notices.
func setBuffers(tcp *net.TCPConn, limits *Limits) {
	if limits.SendBuffer > 0 {
		_ = tcp.SetWriteBuffer(limits.SendBuffer)
	}
	if limits.RecvBuffer > 0 {
		_ = tcp.SetReadBuffer(limits.RecvBuffer)
	}
}

func (s *Server) newConn(nc net.Conn, remote netip.AddrPort) *conn {
	local := addrPort(nc.LocalAddr())
	c := &conn{server: s, nc: nc, active: time.Now(), muted: mute{since: time.Now()}}
	c.info = Conn{
		ID:       fmt.Sprintf("%s-%s-%d", local, remote, s.nextID),
		Listener: s.cfg.Name, Control: s.cfg.Control, Protocol: s.cfg.Protocol,
		Principal: security.Anonymous, Remote: remote, Local: local,
	}
	s.nextID++
	if s.cfg.TLS != nil || s.cfg.SASL != nil {
		c.auth = &authentication{}
		if s.cfg.SASL != nil {
			c.auth.sasl = s.cfg.SASL()
		}
		nc = s.wrap(c, nc)
		c.nc = nc
	}
	c.gone, c.cancel = context.WithCancel(context.Background())
	c.changed = sync.NewCond(&c.mu)
	c.in.init(nc)
	c.out.init(nc)
	return c
}

// run serves a connection and counts it out.
func (s *Server) run(c *conn) {
	defer s.wg.Done()
	c.serve()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.cfg.Shared.closeFrom(c.info.Remote.Addr())
	s.cfg.Shared.close(s.cfg.Name, s.origin())
	if c.reason != "" {
		s.tell(s.cfg.Logger.Warn, "connection closed", "listener", s.cfg.Name, "client", c.info.Remote.String(), "connection", c.info.ID, "err", c.reason)
	}
	if s.cfg.Observe.Closed != nil {
		s.cfg.Observe.Closed(&c.info)
	}
}

// addrPort reads the address of a connection; the zero value if it has none, as in memory.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		p := tcp.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p
}
