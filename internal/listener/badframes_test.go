package listener

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
)

// frame puts a length prefix before b.
func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// awaitClosed reads until the server closes and returns what it still sent.
func awaitClosed(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil && !clientLeft(err) {
		t.Fatalf("the connection is still open: %v", err)
	}
	return b
}

func TestBadFramesCloseTheirConnectionOnly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 64)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for _, c := range []struct {
		name  string
		bytes []byte
		half  bool   // the client stops in the middle
		says  string // in the log line
	}{
		{"a negative length", []byte{0xff, 0xff, 0xff, 0xff}, false, "request of -1 bytes: socket.request.max.bytes allows 0 to 1000"},
		{"a length over the limit", []byte{0, 0, 3, 0xe9}, false, "request of 1001 bytes"},
		{"an empty frame", frame(nil), false, "request of 0 bytes: a header has at least 8"},
		{"a header that ends early", frame([]byte{0, 18, 0}), false, "request of 3 bytes"},
		{"a client id longer than the frame", frame([]byte{0, 18, 0, 0, 0, 0, 0, 1, 0x7f, 0xff}), false, "header ends inside a field"},
		{"an unknown key", frame([]byte{0, 99, 0, 0, 0, 0, 0, 1, 0xff, 0xff}), false, "api key 99"},
		{"a TLS handshake", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}, false, "TLS handshake"},
		{"noise", noise, false, "socket.request.max.bytes"},
		{"half a length", []byte{0, 0}, true, "after 2 of 4 length bytes"},
		{"half a request", heartbeat(1)[:12], true, "of a request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, book := start(t, Limits{MaxRequestBytes: 1000}, answerHeartbeat)
			other := dial(t, s)
			other.Write(heartbeat(1))
			readReply(t, other)

			bad := dial(t, s)
			bad.Write(c.bytes)
			if c.half {
				bad.(*net.TCPConn).CloseWrite()
			}
			if b := awaitClosed(t, bad); len(b) > 0 {
				t.Errorf("answered %x", b)
			}
			book.awaitClosed(t, 1)
			other.Write(heartbeat(2))
			readReply(t, other)
			other.Close()
			book.awaitClosed(t, 1)
			if n := s.cfg.Shared.Connections(); n != 0 {
				t.Errorf("%d connections are still counted", n)
			}
			s.Close()
			lines := book.all()
			if len(lines) != 1 || !strings.Contains(lines[0], c.says) || !strings.Contains(lines[0], bad.LocalAddr().String()) {
				t.Errorf("log:\n%s\nwant one line with %q and the client's address", strings.Join(lines, ""), c.says)
			}
			if n := s.cfg.Shared.RequestBytes(); n != 0 {
				t.Errorf("%d request bytes are still counted", n)
			}
		})
	}
}

func TestHTTPIsAnsweredInWords(t *testing.T) {
	s, book := start(t, Limits{}, answerHeartbeat)
	c := dial(t, s)
	io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
	got := string(awaitClosed(t, c))
	if !strings.HasPrefix(got, "HTTP/1.1 400 Bad Request\r\n") || !strings.HasSuffix(got, httpAnswer) {
		t.Errorf("%q", got)
	}
	c.Close()
	book.awaitClosed(t, 1)
	s.Close()
	if lines := book.all(); len(lines) != 1 || !strings.Contains(lines[0], "HTTP request") {
		t.Errorf("log: %q", lines)
	}
}

func TestAClientThatLeavesIsNotLogged(t *testing.T) {
	s, book := start(t, Limits{}, answerHeartbeat)
	c := dial(t, s)
	c.Write(heartbeat(1))
	readReply(t, c)
	c.Close()
	book.awaitClosed(t, 1)
	s.Close()
	if lines := book.all(); len(lines) > 0 {
		t.Errorf("log: %q", lines)
	}
}

func TestRequestsBeforeABadFrameAreAnswered(t *testing.T) {
	held := make(chan *Request, 1)
	s, _ := start(t, Limits{}, func(r *Request) { held <- r })
	c := dial(t, s)
	c.Write(append(heartbeat(1), 0xff, 0xff, 0xff, 0xff))
	r := <-held
	<-r.Gone.Done() // the bad frame is seen
	go answerHeartbeat(r)
	if id, _ := readReply(t, c); id != 1 {
		t.Errorf("correlation id %d, want 1", id)
	}
	awaitClosed(t, c)
}

func TestAPanicCostsTheConnectionOnly(t *testing.T) {
	s, book := start(t, Limits{}, func(r *Request) {
		if r.Header.CorrelationID == 13 {
			panic("thirteen")
		}
		answerHeartbeat(r)
	})
	other, c := dial(t, s), dial(t, s)
	c.Write(heartbeat(13))
	awaitClosed(t, c)
	other.Write(heartbeat(1))
	readReply(t, other)
	other.Close()
	book.awaitClosed(t, 2)
	s.Close()
	text := strings.Join(book.all(), "")
	if !strings.Contains(text, "thirteen") || !strings.Contains(text, "badframes_test.go") || !strings.Contains(text, "connection closed") {
		t.Errorf("log: %s", text)
	}
	if n := s.cfg.Shared.RequestBytes(); n != 0 {
		t.Errorf("%d request bytes are still counted", n)
	}
}

func TestASecondAnswerDoesNotReachTheClient(t *testing.T) {
	s, book := start(t, Limits{}, func(r *Request) {
		answerHeartbeat(r)
		if r.Header.CorrelationID == 1 {
			answerHeartbeat(r)
		}
	})
	c := dial(t, s)
	c.Write(append(heartbeat(1), heartbeat(2)...))
	for _, want := range []int32{1, 2} {
		if id, _ := readReply(t, c); id != want {
			t.Errorf("correlation id %d, want %d", id, want)
		}
	}
	if text := strings.Join(book.all(), ""); !strings.Contains(text, "request answered twice") {
		t.Errorf("log: %q", text)
	}
}

func TestHangupAndNoReply(t *testing.T) {
	s, book := start(t, Limits{}, func(r *Request) {
		switch r.Header.CorrelationID {
		case 1:
			r.NoReply()
		case 2:
			answerHeartbeat(r)
		default:
			r.Hangup("produce with acks=0 failed")
		}
	})
	c := dial(t, s)
	c.Write(bytes.Join([][]byte{heartbeat(1), heartbeat(2), heartbeat(3), heartbeat(2)}, nil))
	if id, _ := readReply(t, c); id != 2 {
		t.Errorf("correlation id %d, want 2: the first has no reply", id)
	}
	if b := awaitClosed(t, c); len(b) > 0 {
		t.Errorf("%x after the hangup", b)
	}
	book.awaitClosed(t, 1)
	s.Close()
	if lines := book.all(); len(lines) != 1 || !strings.Contains(lines[0], "acks=0 failed") {
		t.Errorf("log: %q", lines)
	}
}

func TestLargeRequestsArriveWhole(t *testing.T) {
	got := make(chan bool, 1)
	body := make([]byte, 9<<20)
	for i := range body {
		body[i] = byte(i * i >> 8)
	}
	s, _ := start(t, Limits{}, func(r *Request) {
		got <- bytes.Equal(r.Body, body)
		r.NoReply()
	})
	c := dial(t, s)
	head := []byte{0, 12, 0, 0, 0, 0, 0, 1, 0xff, 0xff}
	c.Write(frame(append(head, body...)))
	if !<-got {
		t.Error("the body differs from what was sent")
	}
}

func TestFreeBodyGivesTheBudgetBackEarly(t *testing.T) {
	held := make(chan *Request, 1)
	s, _ := start(t, Limits{}, func(r *Request) {
		r.FreeBody()
		held <- r
	})
	c := dial(t, s)
	c.Write(heartbeat(1))
	r := <-held
	if n := s.cfg.Shared.RequestBytes(); n != 0 || r.Body != nil {
		t.Errorf("%d bytes counted, body %x", n, r.Body)
	}
	answerHeartbeat(r)
	readReply(t, c)
	if n := s.cfg.Shared.RequestBytes(); n != 0 {
		t.Errorf("%d bytes counted after the answer", n)
	}
}
