package listener

import (
	"testing"
	"time"
)

// TestHandlersAreToldWhatWritingTook: of the answers before, for what a client costs is not only its handler.
func TestHandlersAreToldWhatWritingTook(t *testing.T) {
	told := make(chan time.Duration, 2)
	s, _ := start(t, Limits{}, func(r *Request) {
		told <- r.Wrote
		answerHeartbeat(r)
	})
	c := dial(t, s)
	for i := range 2 {
		if _, err := c.Write(heartbeat(int32(i))); err != nil {
			t.Fatal(err)
		}
		readReply(t, c)
	}
	if first, second := <-told, <-told; first != 0 || second <= 0 {
		t.Errorf("told %v before anything was written, and %v afterwards", first, second)
	}
}
