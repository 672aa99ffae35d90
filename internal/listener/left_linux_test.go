package listener

import (
	"testing"
	"time"
)

// TestAClientThatLeavesInsteadOfWaitingKeepsNoPlace: however long it was told to wait.
func TestAClientThatLeavesInsteadOfWaitingKeepsNoPlace(t *testing.T) {
	s, _ := start(t, Limits{}, func(r *Request) {
		r.Mute(time.Hour)
		answerHeartbeat(r)
	})
	c := dial(t, s)
	if _, err := c.Write(heartbeat(1)); err != nil {
		t.Fatal(err)
	}
	readReply(t, c)
	c.Close()
	for until := time.Now().Add(time.Minute); s.cfg.Shared.Connections() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the connection is still counted after a minute")
		}
	}
}
