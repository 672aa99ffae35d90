package timers_test

import (
	"testing"
	"time"

	"leat/internal/coordinator/timers"
)

// A flight that did not arrive goes to a new leader at once, whatever pause it is in, and only once.
func TestFlightsFollowLeaders(t *testing.T) {
	w := newWorld(t, 1)
	of := w.target(1)
	w.ask(w.one(of, "a", "", 0))
	for range 3 {
		w.take(w.m.Tick(w.now)) // asks for a producer id first
	}
	moved := func(target timers.Target) { w.take(w.m.Handle(w.now, timers.Event{Moved: []timers.Target{target}})) }
	if moved(of); len(w.sent) != 1 {
		t.Fatalf("%d flights are under way, and none waits", len(w.sent))
	}
	for range 5 { // ever longer pauses
		w.take(w.m.Handle(w.now, timers.Event{Delivered: w.sent[len(w.sent)-1].Delivered(timers.Later)}))
		w.now = w.now.Add(time.Second)
		w.take(w.m.Tick(w.now))
	}
	w.take(w.m.Handle(w.now, timers.Event{Delivered: w.sent[len(w.sent)-1].Delivered(timers.Later)}))
	sent := len(w.sent)
	if moved(w.target(2)); len(w.sent) != sent {
		t.Error("a flight is sent again when another partition has a new leader")
	}
	if moved(of); len(w.sent) != sent+1 {
		t.Errorf("%d flights are sent when the partition has a new leader", len(w.sent)-sent)
	}
	if moved(of); len(w.sent) != sent+1 {
		t.Error("a flight is sent beside itself")
	}
}
