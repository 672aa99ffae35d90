package why

import (
	"testing"
	"time"
)

func TestHistoryTellsStandingStillFromFallingBehind(t *testing.T) {
	var h History
	const window = 10 * time.Second
	look := func(at time.Duration, committed, end int64) Standing {
		s := Standing{Topic: "t", Committed: committed, HighWatermark: end}
		h.Begin()
		h.See(now.Add(at), window, "g", &s)
		h.End()
		return s
	}
	look(0, 5, 10)
	s := look(8*time.Second, 5, 30)
	if !s.Since.Equal(now) || s.WatermarkAtHold != 10 || s.ThenWatermark != 10 {
		t.Errorf("standing still: %+v", s)
	}
	s = look(12*time.Second, 9, 40)
	if !s.Since.Equal(now.Add(12*time.Second)) || s.WatermarkAtHold != 40 {
		t.Errorf("moved: %+v", s)
	}
	if s = look(23*time.Second, 11, 60); !s.Then.Equal(now.Add(12*time.Second)) || s.ThenCommitted != 9 || s.ThenWatermark != 40 {
		t.Errorf("compared with %+v, not with the window before", s)
	}
	if s = look(24*time.Second, 60, 60); !s.Since.IsZero() || len(h.places) != 0 {
		t.Errorf("what has nothing to read is remembered: %+v, %d places", s, len(h.places))
	}
}
