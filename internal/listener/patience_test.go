package listener

import (
	"testing"
	"testing/synctest"
)

// TestARequestGivesWayToTheNext keeps the answers in order, and tells the one that waits only while it does.
func TestARequestGivesWayToTheNext(t *testing.T) {
	var held []*Request
	told := 0
	handler := func(r *Request) {
		held = append(held, r)
		if len(held) <= 2 {
			r.OnNext(func() {
				told++
				answerHeartbeat(r)
			})
			return
		}
		answerHeartbeat(r)
	}
	inBubble(t, Limits{}, handler, func(t *testing.T, _ *Server, ln *memListener, _ *logBook) {
		c := ln.dial()
		c.Write(heartbeat(1))
		synctest.Wait()
		if told != 0 {
			t.Fatal("told although nothing has come")
		}
		c.Write(heartbeat(2))
		id, _ := readReply(t, c)
		synctest.Wait()
		if id != 1 || told != 1 {
			t.Fatalf("answer %d, told %d times", id, told)
		}
		answerHeartbeat(held[1])
		if id, _ := readReply(t, c); id != 2 {
			t.Fatalf("answer %d", id)
		}
		c.Write(heartbeat(3))
		if id, _ := readReply(t, c); id != 3 || told != 1 {
			t.Errorf("answer %d, told %d times, though it was answered before", id, told)
		}
		c.Close()
		synctest.Wait()
	})
}

// TestARequestGivesWayToTheEnd answers what waits for news when the client has gone.
func TestARequestGivesWayToTheEnd(t *testing.T) {
	told := 0
	handler := func(r *Request) {
		r.OnNext(func() {
			told++
			answerHeartbeat(r)
		})
	}
	inBubble(t, Limits{}, handler, func(t *testing.T, s *Server, ln *memListener, _ *logBook) {
		c := ln.dial()
		c.Write(heartbeat(1))
		synctest.Wait()
		c.Close()
		synctest.Wait()
		if n := s.cfg.Shared.Connections(); told != 1 || n != 0 {
			t.Errorf("told %d times, %d connections are open", told, n)
		}
	})
}
