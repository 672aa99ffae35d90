package listener

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestConnectionsPerAddressAreRefusedAtOnce(t *testing.T) {
	s, book := start(t, Limits{MaxConnectionsPerIP: 2}, answerHeartbeat)
	a, b := dial(t, s), dial(t, s)
	a.Write(heartbeat(1))
	readReply(t, a)
	b.Write(heartbeat(1))
	readReply(t, b)
	if got := awaitClosed(t, dial(t, s)); len(got) > 0 {
		t.Errorf("%x", got)
	}
	a.Close()
	book.awaitClosed(t, 1)
	c := dial(t, s)
	c.Write(heartbeat(1))
	readReply(t, c)
	if lines := book.all(); len(lines) != 1 || !strings.Contains(lines[0], "2 connections from this address are open (max.connections.per.ip)") {
		t.Errorf("log: %q", lines)
	}
}

func TestLimitOfAnAddress(t *testing.T) {
	here, there := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	overrides := map[string]int{"10.0.0.1": 7}
	for _, c := range []struct {
		name    string
		limits  Limits
		addr    netip.Addr
		limit   int
		bounded bool
	}{
		{"nothing set", Limits{}, here, 0, false},
		{"for all", Limits{MaxConnectionsPerIP: 5}, here, 5, true},
		{"an override", Limits{MaxConnectionsPerIP: 5, PerIPOverrides: overrides}, here, 7, true},
		{"none but overrides", Limits{PerIPOverrides: overrides}, there, 0, true},
	} {
		if limit, bounded := c.limits.perIP(c.addr); limit != c.limit || bounded != c.bounded {
			t.Errorf("%s: %d, %v, want %d, %v", c.name, limit, bounded, c.limit, c.bounded)
		}
	}
}

// TestWhoIsNotKnownYetIsBoundByTheSettingForThat: the operator is told the key that has to be changed.
func TestWhoIsNotKnownYetIsBoundByTheSettingForThat(t *testing.T) {
	for _, c := range []struct {
		requests, logins, want int
		key                    string
	}{{1000, 200, 200, "sasl.server.max.receive.size"}, {100, 200, 100, ""}, {0, 0, 100 << 20, ""}} {
		l := Limits{MaxRequestBytes: c.requests}
		a := &authentication{sasl: &SASL{MaxReceive: c.logins}}
		if a.limit(&l); l.maxRequestBytes() != c.want || l.requestBytesKey != c.key {
			t.Errorf("%d and %d: %d by %q, want %d by %q", c.requests, c.logins, l.maxRequestBytes(), l.requestBytesKey, c.want, c.key)
		}
	}
}

func TestConnectionsOverTheLimitWait(t *testing.T) {
	inBubble(t, Limits{MaxConnections: 2}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
		a, b := ln.dial(), ln.dial()
		defer b.Close()
		c := ln.dial() // accepted, but not served
		defer c.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Write(heartbeat(3))
			readReply(t, c)
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("a third connection was served")
		default:
		}
		a.Close()
		<-done
		if lines := book.all(); len(lines) != 1 || !strings.Contains(lines[0], "max.connections=2") {
			t.Errorf("log: %q", lines)
		}
	})
}

// TestClientsDoNotKeepNodesFromEachOther: those who take all connections that there may be leave those of nodes alone, and the other way round.
func TestClientsDoNotKeepNodesFromEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, book := NewShared(), &logBook{closed: make(chan struct{}, 10)}
		listen := func(nodes bool) *memListener {
			ln := newMemListener()
			s := Serve(Config{Name: "X", OfNodes: nodes, Listener: ln, Limits: func() Limits { return Limits{MaxConnections: 1} }, Shared: shared, Handler: answerHeartbeat,
				Logger: slog.New(slog.NewTextHandler(book, nil))})
			t.Cleanup(s.Close)
			return ln
		}
		ofClients, ofNodes := listen(false), listen(true)
		for _, ln := range []*memListener{ofClients, ofNodes} {
			c, another := ln.dial(), ln.dial() // the other one waits for its slot
			defer c.Close()
			defer another.Close()
			c.Write(heartbeat(1))
			readReply(t, c)
		}
		synctest.Wait()
		if n := shared.Connections(); n != 2 {
			t.Errorf("%d connections, want one of each", n)
		}
	})
}

// TestAListenerHasABoundOfItsOwn: others go on when it is reached.
func TestAListenerHasABoundOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, book := NewShared(), &logBook{closed: make(chan struct{}, 10)}
		listen := func(name string, most int) *memListener {
			ln := newMemListener()
			s := Serve(Config{Name: name, Listener: ln, Limits: func() Limits { return Limits{MaxConnections: 3, MaxListener: most} }, Shared: shared, Handler: answerHeartbeat,
				Logger: slog.New(slog.NewTextHandler(book, nil))})
			t.Cleanup(s.Close)
			return ln
		}
		served := func(c net.Conn) {
			t.Helper()
			c.Write(heartbeat(1))
			readReply(t, c)
		}
		bounded, other := listen("BOUNDED", 1), listen("OTHER", 0)
		first, waits := bounded.dial(), bounded.dial()
		served(first)
		for range 2 {
			c := other.dial()
			defer c.Close()
			served(c)
		}
		synctest.Wait() // until the listener has taken notice of who waits
		if lines := book.all(); len(lines) != 1 || !strings.Contains(lines[0], "listener=BOUNDED max.connections=1") {
			t.Errorf("log: %q", lines)
		}
		first.Close()
		served(waits)
		waits.Close()
	})
}

func TestCloseEndsTheWaitForASlot(t *testing.T) {
	inBubble(t, Limits{MaxConnections: 1}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
		a, b := ln.dial(), ln.dial()
		synctest.Wait()
		s.Close()
		awaitClosed(t, a)
		awaitClosed(t, b)
		if n := s.cfg.Shared.Connections(); n != 0 {
			t.Errorf("%d connections are still counted", n)
		}
	})
}

// flakyListener fails to accept now and then, as one does that is out of file descriptors.
type flakyListener struct {
	*memListener
	failures int
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, syscall.EMFILE
	}
	return l.memListener.Accept()
}

func TestAcceptGoesOnAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &flakyListener{memListener: newMemListener(), failures: 10}
		start := time.Now()
		s, book := startOn(t, ln, Limits{}, answerHeartbeat)
		c := ln.dial()
		defer c.Close()
		c.Write(heartbeat(1))
		readReply(t, c)
		if waited := time.Since(start); waited < 2*time.Second || waited > 10*time.Second {
			t.Errorf("accepted after %v, want pauses that grow to a second", waited)
		}
		if lines := book.all(); len(lines) != 10 {
			t.Errorf("log: %q", lines)
		}
		s.Close()
	})
}
