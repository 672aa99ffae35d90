package machine_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/machine"
)

// newLingeringRig is a rig whose batches of at most 10 wait for more.
func newLingeringRig(l *memLog, linger time.Duration, meter machine.Meter) *rig {
	g := &rig{adder: &adder{}, log: l}
	g.Runner = machine.NewRunner(machine.RunnerConfig[add, int]{
		Name: "adder", Machine: g.adder, Log: l, Meter: meter,
		Batching: &machine.Batching[int]{Size: func(n int) int { return n }, MaxBytes: func() int { return 10 }, Linger: func() time.Duration { return linger }},
		Failed:   func(err error) { g.failed = err },
	})
	g.Submit(func(t machine.Ticket) add { return add{ticket: t, amount: 1} }, func(any, error) {}) // the first batch is one of its own
	synctest.Wait()
	return g
}

func (l *memLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(l.batches)
}

func TestABatchLingersForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		g := newLingeringRig(l, 20*time.Millisecond, nil)
		defer g.Close()
		g.add(add{amount: 2})
		time.Sleep(10 * time.Millisecond)
		g.add(add{amount: 3})
		g.add(add{}) // hears of what is not written yet, so it waits too
		time.Sleep(9 * time.Millisecond)
		g.expect(t)
		if got := l.text(); got != "[[1]]" {
			t.Errorf("batches %s", got)
		}
		time.Sleep(time.Millisecond)
		g.expect(t, "3", "6", "6")
		if got := l.text(); got != "[[1] [2 3]]" {
			t.Errorf("batches %s", got)
		}
	})
}

func TestAFullBatchLingersNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		g := newLingeringRig(l, time.Hour, nil)
		defer g.Close()
		for range 3 {
			g.add(add{amount: 4})
		}
		g.expect(t, "5", "9")
		if got := l.text(); got != "[[1] [4 4]]" {
			t.Errorf("batches %s", got)
		}
	})
}

func TestWithoutLingerEachDecisionIsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		g := newLingeringRig(l, 0, nil)
		defer g.Close()
		g.atOnce(2, 3)
		g.expect(t, "3", "6")
		if got := l.text(); got != "[[1] [2] [3]]" {
			t.Errorf("batches %s", got)
		}
	})
}

func TestWhatLingersIsToldNobodyWhenTheMachineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		g := newLingeringRig(l, time.Hour, nil)
		g.add(add{amount: 2})
		synctest.Wait()
		g.Close()
		g.expect(t, "machine is not loaded on this node")
		if got := l.text(); got != "[[1]]" {
			t.Errorf("batches %s", got)
		}
	})
}

// A ticking machine and a lingering batch share the timer.
func TestAMachineTicksWhileABatchLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		g := newLingeringRig(l, time.Minute, nil)
		defer g.Close()
		g.add(add{amount: 2, wait: time.Second})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(g.adder.ticks) != 1 {
			t.Errorf("ticks at %v", g.adder.ticks)
		}
		time.Sleep(time.Minute)
		g.expect(t, "3")
	})
}

// gauge is a Meter that writes down what it is told.
type gauge struct {
	mu     sync.Mutex
	queued int
	lines  []string
}

func (g *gauge) Queued(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queued += n
}

func (g *gauge) add(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, fmt.Sprintf(format, args...))
}

func (g *gauge) Handled(waited, took time.Duration) { g.add("handled after %v in %v", waited, took) }
func (g *gauge) Flushed(lingered, took time.Duration) {
	g.add("flushed after %v in %v", lingered, took)
}
func (g *gauge) Committed(after time.Duration) { g.add("committed after %v", after) }

func TestAMeterHearsHowLongThingsTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &gauge{}
		l := &memLog{}
		g := newLingeringRig(l, 20*time.Millisecond, m)
		block := make(chan struct{})
		g.Submit(func(t machine.Ticket) add { <-block; return add{ticket: t} }, func(any, error) {})
		g.add(add{amount: 2})
		synctest.Wait()
		time.Sleep(time.Second)
		close(block)
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		time.Sleep(time.Minute)
		l.settle(nil)
		synctest.Wait()
		g.Close()
		want := "[flushed after 0s in 0s handled after 0s in 0s handled after 0s in 1s handled after 1s in 0s flushed after 20ms in 0s committed after 1m1.03s committed after 1m0.01s]"
		if got := fmt.Sprint(m.lines); got != want || m.queued != 0 {
			t.Errorf("heard %s, %d still queued\nwant %s", got, m.queued, want)
		}
	})
}

// An event without somebody who waits leaves nothing behind.
func TestNobodyWaitsForAnEventWithoutDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		g := newRig(l, nil)
		g.Submit(func(machine.Ticket) add { return add{amount: 5} }, nil)
		g.add(add{})
		g.expect(t, "5")
		g.Close()
		g.Submit(func(machine.Ticket) add { return add{amount: 5} }, nil)
		g.expect(t)
	})
}
