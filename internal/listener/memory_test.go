package listener

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// memListener is a listener whose connections are pipes: they have no descriptor and no buffer.
type memListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9092} }

func (l *memListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

// inBubble runs test on virtual time with a server in memory.
func inBubble(t *testing.T, limits Limits, h Handler, test func(*testing.T, *Server, *memListener, *logBook)) {
	synctest.Test(t, func(t *testing.T) {
		ln := newMemListener()
		s, book := startOn(t, ln, limits, h)
		test(t, s, ln, book)
		s.Close()
	})
}

func TestPipelinedRequestsInMemory(t *testing.T) {
	inBubble(t, Limits{}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		c := ln.dial()
		defer c.Close()
		for i := range 20 { // a pipe has no buffer: the server must read on while its replies wait
			if _, err := c.Write(heartbeat(int32(i))); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20 {
			if id, _ := readReply(t, c); id != int32(i) {
				t.Fatalf("reply %d has correlation id %d", i, id)
			}
		}
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	inBubble(t, Limits{MaxIdle: time.Minute}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
		c := ln.dial()
		time.Sleep(40 * time.Second)
		c.Write(heartbeat(1))
		readReply(t, c)
		start := time.Now()
		if b := awaitClosed(t, c); len(b) > 0 {
			t.Errorf("%x", b)
		}
		if idle := time.Since(start); idle != time.Minute {
			t.Errorf("closed after %v, want 1m", idle)
		}
		if lines := book.all(); len(lines) > 0 {
			t.Errorf("log: %q", lines)
		}
	})
}

func TestAConnectionThatWaitsForItsReplyIsNotIdle(t *testing.T) {
	inBubble(t, Limits{MaxIdle: time.Minute}, func(r *Request) {
		time.AfterFunc(10*time.Minute, func() { answerHeartbeat(r) })
	}, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		c := ln.dial()
		c.Write(heartbeat(1))
		if id, _ := readReply(t, c); id != 1 {
			t.Errorf("correlation id %d", id)
		}
		start := time.Now()
		awaitClosed(t, c)
		if idle := time.Since(start); idle < time.Minute || idle > 2*time.Minute {
			t.Errorf("closed %v after the reply, want 1 to 2 minutes", idle)
		}
	})
}

func TestHalfARequestIsGivenUpAfterTheIdleTime(t *testing.T) {
	inBubble(t, Limits{MaxIdle: time.Minute}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
		c := ln.dial()
		c.Write(heartbeat(1)[:9])
		awaitClosed(t, c)
		book.awaitClosed(t, 1)
		if lines := book.all(); len(lines) != 1 {
			t.Errorf("log: %q", lines)
		}
		if n := s.cfg.Shared.RequestBytes(); n != 0 {
			t.Errorf("%d request bytes are still counted", n)
		}
	})
}

func TestAClientThatTakesNoRepliesIsGivenUp(t *testing.T) {
	inBubble(t, Limits{MaxIdle: time.Minute}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
		c := ln.dial()
		c.Write(heartbeat(1))
		start := time.Now()
		book.awaitClosedWithin(t, 5*time.Minute)
		if after := time.Since(start); after != time.Minute {
			t.Errorf("closed after %v, want 1m", after)
		}
		if lines := book.all(); len(lines) != 1 {
			t.Errorf("log: %q", lines)
		}
	})
}

func (l *logBook) awaitClosedWithin(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-l.closed:
	case <-time.After(d):
		t.Fatalf("still open after %v", d)
	}
}

func TestNotMoreThanMaxInFlightAreRead(t *testing.T) {
	var held []*Request
	inBubble(t, Limits{MaxInFlight: 3}, func(r *Request) { held = append(held, r) }, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		c := ln.dial()
		go func() {
			for i := range 10 {
				c.Write(heartbeat(int32(i)))
			}
		}()
		synctest.Wait()
		if len(held) != 3 {
			t.Fatalf("%d requests are under way, want 3", len(held))
		}
		for i := range 10 {
			answerHeartbeat(held[i])
			if id, _ := readReply(t, c); id != int32(i) {
				t.Fatalf("reply %d has correlation id %d", i, id)
			}
			synctest.Wait()
			if n := len(held); n != min(10, i+4) {
				t.Fatalf("after %d replies %d requests were read", i+1, n)
			}
		}
	})
}

func TestUnreadRepliesStopTheReader(t *testing.T) {
	handled := 0
	inBubble(t, Limits{}, func(r *Request) {
		handled++
		resp := kmsg.NewPtrFetchResponse()
		resp.Version = r.Header.Version
		topic, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		p.RecordBatches = make([]byte, 300<<10)
		topic.Partitions = append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		r.Reply(wire.EncodeResponse(r.Header, resp))
	}, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		c := ln.dial()
		go func() {
			for i := range int32(50) {
				c.Write(fetchFrame(i))
			}
		}()
		synctest.Wait()
		if handled < 1 || handled > 2 { // one may be on its way already
			t.Errorf("%d replies of 300 KiB are held, want one that passes 256 KiB", handled)
		}
		for i := range int32(50) {
			if id, _ := readReply(t, c); id != i {
				t.Fatalf("reply %d has correlation id %d", i, id)
			}
		}
		c.Close()
	})
}

func TestReadersWaitForTheSharedBudget(t *testing.T) {
	size := int64(len(heartbeat(0)) - 4)
	var held []*Request
	inBubble(t, Limits{QueuedMaxBytes: 2 * size}, func(r *Request) { held = append(held, r) }, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		var clients []net.Conn
		for range 5 {
			c := ln.dial()
			go c.Write(heartbeat(1))
			synctest.Wait()
			clients = append(clients, c)
		}
		if n := s.cfg.Shared.RequestBytes(); len(held) != 2 || n != 2*size {
			t.Fatalf("%d requests with %d bytes, want 2 with %d", len(held), n, 2*size)
		}
		clients[3].Close() // nobody notices before its turn, and then it must not keep what it was given
		for i := range 5 {
			answerHeartbeat(held[i])
			synctest.Wait()
		}
		if n := s.cfg.Shared.RequestBytes(); n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
		for _, i := range []int{0, 1, 2, 4} {
			readReply(t, clients[i])
			clients[i].Close()
		}
	})
}

func TestARequestLargerThanTheBudgetPasses(t *testing.T) {
	inBubble(t, Limits{QueuedMaxBytes: 5}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		c := ln.dial()
		defer c.Close()
		c.Write(heartbeat(1))
		readReply(t, c)
	})
}

func TestCloseEndsWaitsOfAllKinds(t *testing.T) {
	var held []*Request
	inBubble(t, Limits{MaxInFlight: 1, QueuedMaxBytes: 1}, func(r *Request) { held = append(held, r) }, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		for range 3 { // one is in the handler, two wait for the budget
			c := ln.dial()
			go c.Write(heartbeat(1))
			synctest.Wait()
			defer c.Close()
		}
		s.Close()
		if len(held) != 1 {
			t.Fatalf("%d requests reached the handler, want 1", len(held))
		}
		if held[0].Gone.Err() == nil {
			t.Error("Gone is not closed")
		}
		answerHeartbeat(held[0]) // late, and nobody there: must only be dropped
		if n := s.cfg.Shared.RequestBytes(); n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
		if n := s.cfg.Shared.Connections(); n != 0 {
			t.Errorf("%d connections are still counted", n)
		}
	})
}
