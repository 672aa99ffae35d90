package listener

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"testing"
)

// Whoever answers a prompt request is done with it when Reply returns, unless that would mean to wait or takes long.
func TestSmallRangesOfPromptRequestsAreWrittenByWhoeverAnswers(t *testing.T) {
	f, content := segment(t, 1<<20)
	var released atomic.Int32
	requests := make(chan *Request)
	s, _ := start(t, Limits{}, func(r *Request) {
		r.Prompt = true
		go func() { requests <- r }()
	})
	conn := dial(t, s)
	round := int32(0)
	answer := func(size int, inMemory bool) (at int32) {
		conn.Write(fetchFrame(round))
		r := <-requests
		awaitHandled(r)
		loudUntil.Store(0) // a processor that was busy with something else looks like a slow disk
		released.Store(0)
		r.Reply(fetchOf(r.Header, &fileRange{f: f, pos: 5, size: size, inMemory: inMemory, released: &released}))
		at = released.Load()
		if id, body := readReply(t, conn); id != round || !bytes.Equal(records(t, body)[0], content[5:5+size]) {
			t.Errorf("%d bytes, in memory %v: the reply differs", size, inMemory)
		}
		round++
		return at
	}
	for _, size := range []int{1, 20_000, promptRange} {
		if n := answer(size, true); n != 1 {
			t.Errorf("%d bytes: released %d times when Reply had returned, want 1", size, n)
		}
	}
	answer(promptRange+1, true)
	answer(20_000, false)
	s.Close()
}

// awaitHandled waits until the handler of a request has returned: until then the answer is written by the reader.
func awaitHandled(r *Request) {
	for handled := false; !handled; runtime.Gosched() {
		r.conn.mu.Lock()
		handled = r.conn.current != r
		r.conn.mu.Unlock()
	}
}
