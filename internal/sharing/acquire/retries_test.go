package acquire

import (
	"fmt"
	"testing"
	"time"
)

// TestRecordsThatFailAgainComeInEverSmallerAnswers gives 100 records back until none is left: from the third of five deliveries on the answers get
// smaller, and the last try is of one record alone.
func TestRecordsThatFailAgainComeInEverSmallerAnswers(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := New(Durable{}, Settings{MaxDeliveries: 5, MaxLocks: 2000, Lock: time.Minute}, 0, 100)
	spans := []Span{{First: 0, Last: 99}}
	told := ""
	for range 6 {
		from, _ := p.Want(now)
		got := p.Acquire(Fetch{Member: "m", Max: 500, Now: now}, from, spans)
		for _, g := range got {
			told += fmt.Sprintf("%d-%d x%d ", g.First, g.Last, g.DeliveryCount)
		}
		p.Release("m", now)
	}
	if want := "0-99 x1 0-99 x2 0-99 x3 0-49 x4 0-0 x5 1-1 x5 "; told != want {
		t.Errorf("told %q, want %q", told, want)
	}
}
