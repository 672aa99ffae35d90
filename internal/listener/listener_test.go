package listener

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"leat/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBook keeps the lines that a server logs, and tells when a connection has ended.
type logBook struct {
	mu     sync.Mutex
	lines  []string
	done   []Done
	closed chan struct{}
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

func (l *logBook) request(d Done) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.done) < 1000 {
		l.done = append(l.done, d)
	}
}

func (l *logBook) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// start serves h on a loopback port until the test ends.
func start(t testing.TB, limits Limits, h Handler) (*Server, *logBook) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, ln, limits, h)
}

func startOn(t testing.TB, ln net.Listener, limits Limits, h Handler) (*Server, *logBook) {
	book := &logBook{closed: make(chan struct{}, 1000)}
	s := Serve(Config{
		Name: "PLAINTEXT", Listener: ln, Limits: func() Limits { return limits }, Shared: NewShared(), Handler: h,
		Logger: slog.New(slog.NewTextHandler(book, nil)),
		Observe: Observe{
			Closed:  func(*Conn) { book.closed <- struct{}{} },
			Request: book.request,
		},
	})
	t.Cleanup(s.Close)
	return s, book
}

func dial(t testing.TB, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute)) // a test that would hang fails instead
	return c
}

// awaitClosed waits until n connections have ended since the last call.
func (l *logBook) awaitClosed(t testing.TB, n int) {
	t.Helper()
	for range n {
		select {
		case <-l.closed:
		case <-time.After(time.Minute):
			t.Fatal("the connection has not ended")
		}
	}
}

// heartbeat is a small request frame.
func heartbeat(correlationID int32) []byte {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version = 4
	req.Group = "g"
	return wire.AppendRequest(nil, correlationID, "test", req)
}

func answerHeartbeat(r *Request) {
	r.Reply(wire.EncodeResponse(r.Header, kmsg.NewPtrHeartbeatResponse()))
}

// readReply returns the correlation id and the body of the next response.
func readReply(t testing.TB, c net.Conn) (int32, []byte) {
	t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return int32(binary.BigEndian.Uint32(b)), b[4:]
}

func TestRepliesLeaveInOrderOfRequests(t *testing.T) {
	var mu sync.Mutex
	var held []*Request
	full := make(chan struct{})
	s, _ := start(t, Limits{}, func(r *Request) {
		mu.Lock()
		defer mu.Unlock()
		if held = append(held, r); len(held) == 50 {
			close(full)
		}
	})
	c := dial(t, s)
	for i := range 50 {
		c.Write(heartbeat(int32(i)))
	}
	<-full
	for i := 49; i >= 0; i-- {
		go answerHeartbeat(held[i])
	}
	for i := range 50 {
		if id, _ := readReply(t, c); id != int32(i) {
			t.Fatalf("reply %d has correlation id %d", i, id)
		}
	}
}

func TestInlineReplies(t *testing.T) {
	s, _ := start(t, Limits{}, answerHeartbeat)
	c := dial(t, s)
	for i := range 10 {
		c.Write(heartbeat(int32(i)))
		if id, body := readReply(t, c); id != int32(i) || len(body) != 8 {
			t.Fatalf("reply %d: correlation id %d, body %x", i, id, body)
		}
	}
}

func TestRequestsAreObserved(t *testing.T) {
	s, book := start(t, Limits{}, func(r *Request) {
		if r.Header.CorrelationID == 1 {
			r.NoReply()
			return
		}
		go answerHeartbeat(r)
	})
	c := dial(t, s)
	c.Write(append(heartbeat(1), heartbeat(2)...))
	readReply(t, c)
	s.Close()
	if len(book.done) != 2 {
		t.Fatalf("%d requests observed, want 2", len(book.done))
	}
	for i, d := range book.done {
		size, responseLen := len(heartbeat(1))-4, []int{0, 12}[i]
		if d.Key != 12 || d.Version != 4 || d.RequestBytes != size || d.ResponseLen != responseLen || d.Received.IsZero() || d.Sent < d.Answered {
			t.Errorf("request %d: %+v", i, d)
		}
	}
}
