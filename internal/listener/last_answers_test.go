package listener

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAClientThatHasGoneKeepsNoConnection leaves while a request waits for something that does not come, as a member of a group whose
// others do not join: its descriptor and its slot are given back all the same.
func TestAClientThatHasGoneKeepsNoConnection(t *testing.T) {
	for name, last := range map[string]func(*Request){
		"the client has gone": func(*Request) {},
		"a hangup waits":      func(r *Request) { r.Hangup("bad") },
	} {
		t.Run(name, func(t *testing.T) {
			var held []*Request
			handler := func(r *Request) {
				if held = append(held, r); len(held) == 2 {
					last(r)
				}
			}
			inBubble(t, Limits{}, handler, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
				c := ln.dial()
				c.Write(heartbeat(1))
				c.Write(heartbeat(2))
				synctest.Wait()
				c.Close()
				time.Sleep(lastAnswers + time.Second)
				synctest.Wait()
				if n := s.cfg.Shared.Connections(); n != 0 {
					t.Errorf("%d connections are open", n)
				}
				for _, r := range held {
					if !r.answered.Load() {
						answerHeartbeat(r) // nobody hears it any more
					}
				}
			})
		})
	}
}

// TestAClientThatOnlyStoppedSendingIsAnswered takes its replies slowly, for longer than replies are waited for: what is being written is not cut.
func TestAClientThatOnlyStoppedSendingIsAnswered(t *testing.T) {
	var held []*Request
	inBubble(t, Limits{}, func(r *Request) { held = append(held, r) }, func(t *testing.T, s *Server, ln *memListener, book *logBook) {
		c := ln.dial()
		c.Write(heartbeat(1))
		c.Write([]byte{0xff, 0xff, 0xff, 0xff}) // nothing is read after this
		synctest.Wait()
		time.Sleep(lastAnswers - time.Second)
		answerHeartbeat(held[0])
		time.Sleep(3 * lastAnswers)
		if id, _ := readReply(t, c); id != 1 {
			t.Errorf("correlation id %d, want 1", id)
		}
		book.awaitClosed(t, 1)
	})
}
