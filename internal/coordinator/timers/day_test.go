package timers_test

import (
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"leat/internal/coordinator/timers"
)

// A million delayed records over a virtual day: each is seen once, at most 100 ms late, also while the machine moves to another node every
// five hours with flights on their way, each answer of which takes some milliseconds.
func TestAMillionDelayedRecordsOverADay(t *testing.T) {
	records := 1_000_000
	if testing.Short() {
		records = 50_000
	}
	const day = 24 * time.Hour
	w := newWorld(t, 1)
	begin := w.now
	batch := &timers.Command{Target: w.target(0), Producer: timers.Producer{ID: -1}}
	for i := range records {
		due := begin.Add(time.Second + time.Duration(w.rng.Int64N(int64(day))))
		batch.Entries = append(batch.Entries, timers.Entry{Due: due.UnixMilli(), Payload: payload(strconv.Itoa(i))})
		if len(batch.Entries) == 1000 || i == records-1 {
			batch.Target = w.target(i / 1000 % 3)
			w.ask(batch)
			batch.Entries = batch.Entries[:0]
		}
	}
	w.reloaded()
	move := begin.Add(5 * time.Hour)
	for w.now.Before(begin.Add(day + time.Minute)) {
		if !w.now.Before(move) {
			w.load()
			move = move.Add(5 * time.Hour)
		}
		due := w.m.Due()
		if len(w.sent) > 0 { // what is on its way arrives some milliseconds later
			w.now = w.now.Add(time.Duration(1+w.rng.IntN(8)) * time.Millisecond)
			w.arrive(0, true)
			continue
		}
		if due.IsZero() || due.After(move) {
			due = move
		}
		if due.After(w.now) {
			w.now = due
		}
		w.take(w.m.Tick(w.now))
	}
	w.checkDay(records)
}

// reloaded moves the machine to another node, and looks how much memory it takes there.
func (w *world) reloaded() {
	w.t.Helper()
	var before, after runtime.MemStats
	w.m = nil
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := timers.New(timers.Config{Settings: func() timers.Settings { return w.set }})
	for _, e := range w.log {
		m.Apply(e)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(len(w.log))
	w.t.Logf("a timer takes %.0f bytes", per)
	if per > 100 {
		w.t.Errorf("a timer takes %.0f bytes of memory, more than 100", per)
	}
	w.m = m
	w.take(m.Handle(w.now, timers.Event{Loaded: true}))
}

func (w *world) checkDay(records int) {
	w.t.Helper()
	counts := make([]int8, records)
	var late []int64
	for _, s := range w.targets {
		for _, v := range s.visible {
			i, err := strconv.Atoi(v.payload)
			if err != nil {
				w.t.Fatal(err)
			}
			counts[i]++
			late = append(late, v.at-v.due)
		}
	}
	if once := slices.IndexFunc(counts, func(n int8) bool { return n != 1 }); once >= 0 {
		w.t.Fatalf("record %d is seen %d times", once, counts[once])
	}
	slices.Sort(late)
	w.t.Logf("%d records, late by %d ms (middle), %d ms (most)", len(late), late[len(late)/2], late[len(late)-1])
	if late[0] < 0 || late[len(late)-1] > 100 {
		w.t.Errorf("records are seen %d to %d ms after they are due", late[0], late[len(late)-1])
	}
}
