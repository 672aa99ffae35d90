package listener

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// claimFrame is the beginning of a request that claims to have size bytes.
func claimFrame(size int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), 0, 12, 0, 4, 0, 0, 0, 1)
}

// TestLargeRequestsOnTheirWayDoNotKeepSmallOnesOut: whoever claims to send much and does not, holds the room for large requests only.
func TestLargeRequestsOnTheirWayDoNotKeepSmallOnesOut(t *testing.T) {
	limits := Limits{QueuedMaxBytes: 1 << 20, MinRequestRate: 1000}
	inBubble(t, limits, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
		var hogs []net.Conn
		for range 5 {
			c := ln.dial()
			go c.Write(claimFrame(4 << 20))
			hogs = append(hogs, c)
		}
		synctest.Wait()
		began := time.Now()
		c := ln.dial()
		c.Write(heartbeat(7))
		if id, _ := readReply(t, c); id != 7 || time.Since(began) > 0 {
			t.Errorf("answer %d after %v, want 7 at once", id, time.Since(began))
		}
		c.Close()
		for _, h := range hogs { // each holds the room until it is seen to send nothing
			awaitClosed(t, h)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("the room was held for %v", took)
		}
		book.awaitClosed(t, 6)
		said := strings.Join(book.all(), "")
		if strings.Count(said, "while others wait for the room that it holds (queued.max.request.bytes)") != 4 || // the last holds nobody up
			!strings.Contains(said, "8 bytes in 10s, 1000 a second are the least (leat.request.min.bytes.per.second)") {
			t.Errorf("log: %s", said)
		}
		if n := s.cfg.Shared.RequestBytes(); n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
	})
}

// TestRequestsThatComeTooSlowlyAreGivenUp: also small ones, and not those that are slow and fast enough.
func TestRequestsThatComeTooSlowlyAreGivenUp(t *testing.T) {
	for _, c := range []struct {
		name       string
		size, each int // bytes a second
		closed     bool
	}{
		{"a byte a second", 500, 1, true},
		{"a byte a second of a large one", 1 << 20, 1, true},
		{"the least rate", 2000, 100, false},
		{"more than that", 2000, 200, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Limits{MaxIdle: time.Hour, MinRequestRate: 100}, answerHeartbeat, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
				nc := ln.dial()
				defer nc.Close()
				request := heartbeat(1)
				body := append(request[4:], make([]byte, c.size-len(request)+4)...) // behind what the handler reads
				began := time.Now()
				nc.Write(binary.BigEndian.AppendUint32(nil, uint32(c.size)))
				for len(body) > 0 {
					n := min(c.each, len(body))
					if _, err := nc.Write(body[:n]); err != nil {
						break
					}
					body = body[n:]
					time.Sleep(time.Second)
				}
				switch took := time.Since(began); {
				case c.closed && (len(body) == 0 || took > 12*time.Second):
					t.Errorf("%d bytes were not taken after %v, want the end after some 10 s", len(body), took)
				case !c.closed && len(body) > 0:
					t.Errorf("closed after %v with %d bytes to come: %q", took, len(body), book.all())
				}
			})
		})
	}
}

// TestAProcessThatStoodStillBlamesNobody: what was sent meanwhile may lie unread.
func TestAProcessThatStoodStillBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &NewShared().arrivals
		c := &conn{}
		r := a.begin(c, 1000, 100)
		time.Sleep(arrivalTick / 2)
		now := time.Now()
		if slow := a.judge(now.Add(time.Hour), true); len(slow) > 0 {
			t.Errorf("judged by an hour in which nothing ran: %v", slow)
		}
		if slow := a.judge(now.Add(time.Hour+2*arrivalTick), true); len(slow) != 1 {
			t.Errorf("%d are slow two seconds later, want 1", len(slow))
		}
		r.over()
		if slow := a.judge(now.Add(time.Hour+4*arrivalTick), true); len(slow) > 0 || a.ticking {
			t.Errorf("it is over, and yet %v, ticking %v", slow, a.ticking)
		}
	})
}

// TestBudgetStaysBelowItsLimitAndOneRequestOfAKind lets requests of both kinds in and out in all orders.
func TestBudgetStaysBelowItsLimitAndOneRequestOfAKind(t *testing.T) {
	const small, large, limit = maxAhead, 300 << 10, 1 << 20
	s := NewShared()
	gone, cancel := context.WithCancel(t.Context())
	cancel() // who has to wait goes away at once
	var held []int64
	for i := range 2000 {
		n := int64(small)
		if i*i%7 < 3 {
			n = large
		}
		if s.acquire(gone, n, limit) {
			held = append(held, n)
		}
		if used := s.RequestBytes(); used >= limit+small+large {
			t.Fatalf("%d bytes are held, the limit is %d", used, limit)
		}
		if i%3 == 0 && len(held) > 0 {
			at := i * 31 % len(held)
			s.release(held[at])
			held[at] = held[len(held)-1]
			held = held[:len(held)-1]
		}
	}
	if len(held) == 0 {
		t.Error("nothing was held at the end, so nothing was tried")
	}
	for _, n := range held {
		s.release(n)
	}
	if n := s.RequestBytes(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}
