package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pair is a connection between two hosts of a network.
type pair struct {
	t              *testing.T
	net            *Network
	a, b           *Host
	client, server net.Conn
}

// connected runs a test in a bubble with a connection from host a to host b.
func connected(t *testing.T, cfg Config, run func(t *testing.T, p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork(cfg)
		p := &pair{t: t, net: n, a: n.Host("a"), b: n.Host("b")}
		l, err := p.b.Listen("tcp", "b:9092")
		p.ok(err)
		p.client, err = p.a.DialContext(t.Context(), "tcp", "10.0.0.2:9092")
		p.ok(err)
		p.server, err = l.Accept()
		p.ok(err)
		run(t, p)
		p.client.Close()
		p.server.Close()
		l.Close() // a test may have stopped its host
	})
}

func (p *pair) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pair) write(c net.Conn, s string) {
	p.t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		p.t.Fatalf("write: %d, %v", n, err)
	}
}

// reads wants exactly the bytes, however they are cut.
func (p *pair) reads(c net.Conn, want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		p.t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

// fails wants a read and a write to fail with the kinds given.
func (p *pair) fails(c net.Conn, read, write error) {
	p.t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, read) {
		p.t.Fatalf("read: %d, %v; want %v", n, err, read)
	}
	if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, write) {
		p.t.Fatalf("write: %d, %v; want %v", n, err, write)
	}
}

func TestBytesArriveInOrderBothWays(t *testing.T) {
	connected(t, Config{Delay: time.Millisecond}, func(t *testing.T, p *pair) {
		for i := range 100 {
			p.write(p.client, fmt.Sprintf("request %d;", i))
			p.write(p.server, fmt.Sprintf("reply %d;", i))
		}
		for i := range 100 {
			p.reads(p.server, fmt.Sprintf("request %d;", i))
			p.reads(p.client, fmt.Sprintf("reply %d;", i))
		}
	})
}

func TestAddressesAreThoseOfTCP(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		for _, c := range []struct {
			got  net.Addr
			want string
		}{
			{p.client.LocalAddr(), "10.0.0.1:40001"}, {p.client.RemoteAddr(), "10.0.0.2:9092"},
			{p.server.LocalAddr(), "10.0.0.2:9092"}, {p.server.RemoteAddr(), "10.0.0.1:40001"},
		} {
			if tcp, ok := c.got.(*net.TCPAddr); !ok || tcp.String() != c.want {
				t.Errorf("address %v (%T), want %s", c.got, c.got, c.want)
			}
		}
	})
}

func TestADelayIsWaitedFor(t *testing.T) {
	connected(t, Config{Delay: 20 * time.Millisecond}, func(t *testing.T, p *pair) {
		start := time.Now()
		p.write(p.client, "x")
		if took := time.Since(start); took != 0 {
			t.Errorf("the writer waited %s", took)
		}
		p.reads(p.server, "x")
		if took := time.Since(start).Truncate(time.Microsecond); took != 20*time.Millisecond {
			t.Errorf("arrived after %s", took)
		}
		p.net.SetDelay(p.a, p.b, time.Second)
		p.write(p.client, "slow ")
		p.net.SetDelay(p.a, p.b, time.Millisecond)
		p.write(p.client, "fast")
		p.reads(p.server, "slow fast") // the order stays
	})
}

func TestArrivalsHaveInstantsOfTheirOwn(t *testing.T) {
	connected(t, Config{Delay: time.Millisecond}, func(t *testing.T, p *pair) {
		seen := make(chan int64, 40)
		for range 20 {
			p.net.mu.Lock()
			for _, l := range []*link{p.net.link(p.a, p.b), p.net.link(p.b, p.a)} {
				l.send(func() { seen <- time.Now().UnixNano() })
			}
			p.net.mu.Unlock()
		}
		var instants []int64
		for range 40 {
			instants = append(instants, <-seen)
		}
		if !slices.IsSorted(instants) || len(slices.Compact(slices.Clone(instants))) != 40 {
			t.Fatalf("arrivals at %d", instants)
		}
		p.net.mu.Lock()
		defer p.net.mu.Unlock()
		if len(p.net.arrival) != 0 {
			t.Errorf("%d instants are still taken", len(p.net.arrival))
		}
	})
}

func TestCloseLetsThePeerReadToTheEnd(t *testing.T) {
	connected(t, Config{Delay: time.Millisecond}, func(t *testing.T, p *pair) {
		p.write(p.client, "last words")
		p.ok(p.client.Close())
		p.reads(p.server, "last words")
		if n, err := p.server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("read at the end: %d, %v", n, err)
		}
		p.fails(p.client, net.ErrClosed, net.ErrClosed)
		if err := p.client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		p.write(p.server, "nobody is there") // the answer to it is a reset
		synctest.Wait()
		time.Sleep(time.Second)
		p.fails(p.server, syscall.ECONNRESET, syscall.EPIPE)
	})
}

func TestHalfClosedConnectionsStillAnswer(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		p.write(p.client, "question")
		p.ok(p.client.(interface{ CloseWrite() error }).CloseWrite())
		if got, err := io.ReadAll(p.server); string(got) != "question" || err != nil {
			t.Fatalf("server read %q, %v", got, err)
		}
		p.write(p.server, "answer")
		p.reads(p.client, "answer")
		if _, err := p.client.Write([]byte("more")); !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("write after CloseWrite: %v", err)
		}
	})
}

func TestClosingWithUnreadBytesResetsThePeer(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		p.write(p.client, "never read")
		p.write(p.server, "read before the reset")
		time.Sleep(time.Millisecond)
		p.ok(p.server.Close())
		time.Sleep(time.Millisecond)
		p.reads(p.client, "read before the reset")
		p.fails(p.client, syscall.ECONNRESET, syscall.EPIPE)
	})
}

func TestCloseWakesWhoWaits(t *testing.T) {
	connected(t, Config{Buffer: 4}, func(t *testing.T, p *pair) {
		p.write(p.client, "full")
		results := make(chan error, 2)
		go func() { _, err := p.client.Read(make([]byte, 1)); results <- err }()
		go func() { _, err := p.client.Write([]byte("x")); results <- err }()
		synctest.Wait()
		p.ok(p.client.Close())
		for range 2 {
			if err := <-results; !errors.Is(err, net.ErrClosed) {
				t.Errorf("a waiter got %v", err)
			}
		}
	})
}

func TestWritersWaitWhenTheBufferIsFull(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		sent := strings.Repeat("0123456789abcdef", 40_000) // 640,000 bytes
		p.ok(p.client.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := p.client.Write([]byte(sent))
		if n != defaultBuffer || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("write = %d, %v", n, err)
		}
		p.ok(p.client.SetWriteDeadline(time.Time{}))
		done := make(chan error, 1)
		go func() { _, err := p.client.Write([]byte(sent[n:])); done <- err }()
		p.reads(p.server, sent)
		p.ok(<-done)
	})
}

func TestDeadlinesRunOnVirtualTime(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		start := time.Now()
		p.ok(p.client.SetReadDeadline(start.Add(time.Hour)))
		_, err := p.client.Read(make([]byte, 1))
		if netErr, ok := errors.AsType[net.Error](err); !ok || !netErr.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read: %v", err)
		}
		if took := time.Since(start); took != time.Hour {
			t.Fatalf("read took %s", took)
		}
		p.ok(p.client.SetDeadline(time.Now().Add(-time.Second)))
		p.fails(p.client, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded)
		p.ok(p.client.SetDeadline(time.Time{}))
		p.write(p.server, "x")
		p.reads(p.client, "x")
		// A deadline that moves while somebody waits holds for him.
		p.ok(p.client.SetReadDeadline(time.Now().Add(time.Hour)))
		start = time.Now()
		time.AfterFunc(time.Minute, func() { p.client.SetReadDeadline(time.Now()) })
		if _, err := p.client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Fatalf("read: %v after %s", err, time.Since(start))
		}
	})
}

func TestACutLinkStallsAndGoesOnWhenHealed(t *testing.T) {
	connected(t, Config{Delay: time.Millisecond}, func(t *testing.T, p *pair) {
		p.write(p.client, "on the way ") // not there yet when the link is cut
		p.net.Cut(p.a, p.b)
		p.write(p.client, "behind it")
		p.ok(p.server.SetReadDeadline(time.Now().Add(time.Minute)))
		if n, err := p.server.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read over a cut link: %d, %v", n, err)
		}
		p.net.Heal(p.a, p.b)
		p.ok(p.server.SetReadDeadline(time.Time{}))
		p.reads(p.server, "on the way behind it")
		p.net.CutOneWay(p.b, p.a)
		p.write(p.client, "there")
		p.reads(p.server, "there")
		p.write(p.server, "back")
		p.ok(p.client.SetReadDeadline(time.Now().Add(time.Minute)))
		if n, err := p.client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read over a link that is cut one way: %d, %v", n, err)
		}
		p.net.Rejoin(p.a)
		p.ok(p.client.SetReadDeadline(time.Time{}))
		p.reads(p.client, "back")
	})
}

func TestDialsOverACutLinkWaitForTheirContext(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		p.net.Isolate(p.b)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := p.a.DialContext(ctx, "tcp", "b:9092"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Fatalf("dial: %v after %s", err, time.Since(start))
		}
		p.net.Rejoin(p.b)
		time.Sleep(time.Second) // the call arrives now, and is hung up
		p.net.mu.Lock()
		defer p.net.mu.Unlock()
		if got := len(p.a.conns); got != 1 {
			t.Fatalf("host a has %d connections, want the first one", got)
		}
		if got := len(p.b.conns); got != 1 {
			t.Fatalf("host b has %d connections, want the first one", got)
		}
	})
}

func TestWhatCannotBeReachedIsSaid(t *testing.T) {
	connected(t, Config{Delay: time.Millisecond}, func(t *testing.T, p *pair) {
		start := time.Now()
		if _, err := p.a.DialContext(t.Context(), "tcp", "b:9999"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial of a closed port: %v", err)
		}
		if took := time.Since(start).Truncate(time.Microsecond); took != 2*time.Millisecond {
			t.Errorf("a refusal took %s", took)
		}
		if _, err := p.a.DialContext(t.Context(), "tcp", "nowhere:1"); err == nil || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("dial of nobody: %v", err)
		}
		if _, err := p.a.DialContext(t.Context(), "udp", "b:9092"); err == nil {
			t.Error("dial of udp went through")
		}
		if _, err := p.b.Listen("tcp", ":9092"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second listen: %v", err)
		}
		if _, err := p.b.Listen("tcp", "a:9093"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("listen for another host: %v", err)
		}
	})
}

func TestStoppedHostsHangUp(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		p.b.Stop()
		time.Sleep(time.Millisecond)
		if n, err := p.client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("client read %d, %v", n, err)
		}
		p.fails(p.server, net.ErrClosed, net.ErrClosed)
		if _, err := p.a.DialContext(t.Context(), "tcp", "b:9092"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dial of a stopped host: %v", err)
		}
		l, err := p.b.Listen("tcp", ":9092") // it starts again
		p.ok(err)
		c, err := p.a.DialContext(t.Context(), "tcp", "b:9092")
		p.ok(err)
		p.ok(c.Close())
		p.ok(l.Close())
	})
}

func TestCrashedHostsSayNothing(t *testing.T) {
	connected(t, Config{}, func(t *testing.T, p *pair) {
		p.b.Crash()
		p.ok(p.client.SetReadDeadline(time.Now().Add(time.Hour)))
		if n, err := p.client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("client read %d, %v", n, err)
		}
		p.ok(p.client.SetReadDeadline(time.Time{}))
		p.write(p.client, "anybody there?")
		p.fails(p.client, syscall.ECONNRESET, syscall.EPIPE)
	})
}

// Servers and clients that know nothing of the simulation work over it, in a bubble.
func TestHTTPWorksOverTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork(Config{Delay: 3 * time.Millisecond})
		l, err := n.Host("server").Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		body := bytes.Repeat([]byte("stream "), 100_000)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) })}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		transport := &http.Transport{DialContext: n.Host("client").DialContext}
		for range 3 {
			resp, err := (&http.Client{Transport: transport}).Get("http://" + l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
		transport.CloseIdleConnections()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Fatal(err)
		}
	})
}
