package cluster

import (
	"testing"
	"time"
)

// TestAnswersDieWithTheirConnection has one of the two processes of a request end, and another begin on the same host, while the answer is awaited or on
// its way: nobody gets it.
func TestAnswersDieWithTheirConnection(t *testing.T) {
	for _, c := range []struct {
		name       string
		asker      bool // which of the two ends
		after      time.Duration
		wantAsked  bool
		wantAnswer bool
	}{
		{"nobody ends", true, time.Minute, true, true},
		{"the asker ends before it is asked", true, 0, false, false},
		{"the asker ends before it is answered", true, 20 * time.Millisecond, true, false},
		{"the asker ends while the answer is on its way", true, 50*time.Millisecond + 50*time.Microsecond, true, false},
		{"the asked ends before it is asked", false, 0, false, false},
		{"the asked ends before it answers", false, 20 * time.Millisecond, true, false},
		{"the asked ends while the answer is on its way", false, 50*time.Millisecond + 50*time.Microsecond, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(Options{})
			w.net, w.healing = newNetwork(2), true
			for i := range 2 {
				w.hosts = append(w.hosts, &host{w: w, index: i, id: int32(i), disk: 1, up: true, life: 1})
			}
			asker, asked := w.hosts[0], w.hosts[1]
			var reply func(string, func())
			gotAnswer := false
			w.call(asker, asked, "ask", func(back func(string, func())) { reply = back })
			w.later(int64(50*time.Millisecond), "answer", func() {
				if reply != nil {
					reply("answer", func() { gotAnswer = true })
				}
			})
			w.later(int64(c.after), "restart", func() {
				h := asked
				if c.asker {
					h = asker
				}
				h.up = false
				h.start()
			})
			for len(w.queue.events) > 0 {
				w.step()
			}
			if (reply != nil) != c.wantAsked || gotAnswer != c.wantAnswer {
				t.Errorf("asked %v, answered %v; want %v and %v", reply != nil, gotAnswer, c.wantAsked, c.wantAnswer)
			}
		})
	}
}
