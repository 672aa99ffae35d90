package machine_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/machine"
)

// adder adds numbers up: an event's amount becomes a record, 0 only asks for the sum. The reply is the sum after the event.
type adder struct {
	sum     int
	due     time.Time
	ticks   []time.Time
	offsets []int64
}

type add struct {
	ticket machine.Ticket
	amount int
	wait   time.Duration // ask for a tick then
	tell   string        // another effect
}

func (a *adder) Handle(now time.Time, e add) machine.Result[int] {
	var res machine.Result[int]
	if e.amount != 0 {
		res.Records = []int{e.amount}
	}
	if e.wait > 0 {
		a.due = now.Add(e.wait)
	}
	if e.tell != "" {
		res.Effects = append(res.Effects, e.tell)
	}
	res.Effects = append(res.Effects, machine.Reply{To: e.ticket, Response: a.sum + e.amount})
	return res
}

func (a *adder) Apply(e machine.Entry[int]) {
	a.sum += e.Record
	a.offsets = append(a.offsets, e.Offset)
}

func (a *adder) Tick(now time.Time) machine.Result[int] {
	a.ticks = append(a.ticks, now)
	a.due = time.Time{}
	return machine.Result[int]{Records: []int{100}, Effects: []machine.Effect{"tick"}}
}

func (a *adder) Due() time.Time { return a.due }

// memLog is a log in memory that commits when told, or at once.
type memLog struct {
	mu      sync.Mutex
	batches [][]int
	end     int64
	err     error
	atOnce  bool
	waits   []wait
}

type wait struct {
	next int64
	fn   func(error)
}

func (l *memLog) Append(_ time.Time, records []int, _ *machine.Producer, _ any) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, 0, l.err
	}
	base := l.end
	l.end += int64(len(records))
	l.batches = append(l.batches, slices.Clone(records))
	return base, l.end, nil
}

func (l *memLog) WhenCommitted(next int64, fn func(error)) {
	if l.atOnce {
		fn(nil)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits = append(l.waits, wait{next, fn})
}

func (l *memLog) settle(err error) {
	l.mu.Lock()
	waits := l.waits
	l.waits = nil
	l.mu.Unlock()
	for _, w := range waits {
		w.fn(err)
	}
}

// rig is a runner of an adder whose answers are written down in order.
type rig struct {
	*machine.Runner[add, int]
	adder  *adder
	log    *memLog
	mu     sync.Mutex
	heard  []string
	failed error
}

func newRig(l *memLog, b *machine.Batching[int]) *rig {
	g := &rig{adder: &adder{}, log: l}
	g.Runner = machine.NewRunner(machine.RunnerConfig[add, int]{
		Name: "adder", Machine: g.adder, Log: l, Batching: b,
		Perform: func(e machine.Effect) { g.note(fmt.Sprint(e)) },
		Failed:  func(err error) { g.failed = err },
	})
	return g
}

func (g *rig) note(s string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard = append(g.heard, s)
}

func (g *rig) add(e add) {
	g.Submit(func(t machine.Ticket) add { e.ticket = t; return e }, func(r any, err error) {
		if err != nil {
			g.note(err.Error())
			return
		}
		g.note(fmt.Sprint(r))
	})
}

func (g *rig) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.heard, want) {
		t.Fatalf("heard %q, want %q", g.heard, want)
	}
	g.heard = nil
}

func TestEffectsWaitForCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(&memLog{}, nil)
		defer g.Close()
		g.add(add{amount: 0})
		g.expect(t, "0")
		g.add(add{amount: 1, tell: "one"})
		g.expect(t)
		g.add(add{amount: 0, tell: "asked"}) // no records of its own: parks behind the one before
		g.add(add{amount: 2})
		g.expect(t)
		g.log.settle(nil)
		g.expect(t, "one", "1", "asked", "1", "3")
		g.add(add{amount: 0})
		g.expect(t, "3")
	})
}

func TestEffectsWaitForWhatWasLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &rig{adder: &adder{}, log: &memLog{end: 7}}
		g.Runner = machine.NewRunner(machine.RunnerConfig[add, int]{Name: "adder", Machine: g.adder, Log: g.log, Loaded: 7})
		defer g.Close()
		g.add(add{})
		g.expect(t)
		g.log.settle(nil)
		g.expect(t, "0")
	})
}

func TestTicksComeWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(&memLog{atOnce: true}, nil)
		defer g.Close()
		start := time.Now()
		g.add(add{amount: 1, wait: time.Minute})
		g.expect(t, "1")
		time.Sleep(30 * time.Second)
		g.add(add{amount: 0, wait: time.Minute}) // moves the due time back; the timer fires once for nothing
		time.Sleep(59 * time.Second)
		g.expect(t, "1")
		time.Sleep(time.Second)
		g.expect(t, "tick")
		g.add(add{wait: time.Hour})
		g.add(add{wait: time.Second}) // an earlier time moves the timer
		time.Sleep(time.Second)
		g.expect(t, "101", "101", "tick")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if want := []time.Time{start.Add(90 * time.Second), start.Add(91 * time.Second)}; !slices.EqualFunc(g.adder.ticks, want, time.Time.Equal) {
			t.Fatalf("ticks at %v, want %v", g.adder.ticks, want)
		}
	})
}

func TestFailedCommitAnswersEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(&memLog{}, nil)
		g.add(add{amount: 1, tell: "never"})
		g.add(add{amount: 0})
		synctest.Wait()
		g.log.settle(errors.New("leadership lost"))
		g.expect(t, "adder: leadership lost", "adder: leadership lost")
		if g.failed == nil {
			t.Fatal("Failed was not called")
		}
		g.add(add{amount: 1})
		g.expect(t, "adder: leadership lost")
		g.Close()
	})
}

func TestFailedAppendAnswersEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(&memLog{err: errors.New("disk is gone")}, nil)
		g.add(add{amount: 1})
		g.expect(t, "adder: disk is gone")
		if g.failed == nil || g.adder.sum != 0 {
			t.Fatalf("failed %v, sum %d", g.failed, g.adder.sum)
		}
		g.Close()
	})
}

func TestRefusedAppendLeavesTheMachineRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true, err: fmt.Errorf("too few replicas: %w", machine.ErrRefused)}
		g := newRig(l, nil)
		defer g.Close()
		g.add(add{amount: 1})
		g.expect(t, "too few replicas: append refused")
		l.err = nil
		g.add(add{amount: 2})
		g.expect(t, "2")
		if g.failed != nil {
			t.Fatal(g.failed)
		}
	})
}

func TestRefusedTickIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		g := newRig(l, nil)
		defer g.Close()
		g.adder.due = time.Now() // and Tick below keeps it
		stay := &stubborn{adder: g.adder}
		r := machine.NewRunner(machine.RunnerConfig[add, int]{Name: "stubborn", Machine: stay, Log: l})
		defer r.Close()
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		if n := len(stay.ticks); n != 11 {
			t.Fatalf("%d ticks in 10 s, want 11", n)
		}
	})
}

// stubborn stays due.
type stubborn struct{ *adder }

func (s *stubborn) Tick(now time.Time) machine.Result[int] {
	s.ticks = append(s.ticks, now)
	return machine.Result[int]{}
}

func TestCloseAnswersWaitingCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(&memLog{}, nil)
		g.add(add{amount: 1})
		synctest.Wait()
		g.Close()
		g.expect(t, "machine is not loaded on this node")
		g.log.settle(nil)
		g.add(add{amount: 1})
		g.expect(t, "machine is not loaded on this node")
		g.Close()
	})
}

func TestQueuedDecisionsShareABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		b := &machine.Batching[int]{Size: func(n int) int { return n }, MaxBytes: func() int { return 10 }}
		g := newRig(l, b)
		defer g.Close()
		g.add(add{amount: 1})
		g.expect(t, "1")
		block := make(chan struct{})
		g.Submit(func(t machine.Ticket) add { <-block; return add{ticket: t} }, func(any, error) {})
		synctest.Wait()
		for _, n := range []int{4, 5, 0, 6, 11, 1} {
			g.add(add{amount: n})
		}
		close(block)
		g.expect(t, "5", "10", "10", "records too large for one batch: 11 bytes, at most 10: append refused", "16", "17")
		if got, want := fmt.Sprint(l.batches), "[[1] [4 5] [6 1]]"; got != want {
			t.Fatalf("batches %s, want %s", got, want)
		}
		if want := []int64{0, 1, 2, 3, 4}; !slices.Equal(g.adder.offsets, want) {
			t.Fatalf("offsets %v, want %v", g.adder.offsets, want)
		}
	})
}

func TestForeignAppendFailsABatchingRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &memLog{atOnce: true}
		b := &machine.Batching[int]{Size: func(int) int { return 1 }, MaxBytes: func() int { return 10 }}
		g := newRig(l, b)
		g.add(add{amount: 1})
		g.expect(t, "1")
		l.end++
		g.add(add{amount: 1})
		g.expect(t, "adder: batch was appended at offset 2, not at 1: somebody else writes to this log")
	})
}

func TestIdleRunnersHoldNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		var rigs []*rig
		for range 1000 {
			g := newRig(&memLog{atOnce: true}, nil)
			g.add(add{amount: 1, wait: time.Hour})
			rigs = append(rigs, g)
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before+10 { // goroutines of earlier tests may still be ending
			t.Errorf("%d goroutines for 1000 idle runners", after-before)
		}
		for _, g := range rigs {
			g.Close()
		}
	})
}

func TestManyCallersAreEachAnsweredOnce(t *testing.T) {
	l := &memLog{atOnce: true}
	b := &machine.Batching[int]{Size: func(int) int { return 10 }, MaxBytes: func() int { return 1000 }}
	g := newRig(l, b)
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := make(map[int]int)
	for i := range 16 {
		for j := range 500 {
			wg.Add(1)
			go g.Submit(func(t machine.Ticket) add { return add{ticket: t, amount: 1} }, func(r any, err error) {
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				answered[i*500+j]++
				mu.Unlock()
				wg.Done()
			})
		}
	}
	wg.Wait()
	g.Close()
	if len(answered) != 8000 || g.adder.sum != 8000 {
		t.Fatalf("%d callers answered, sum %d", len(answered), g.adder.sum)
	}
}

func BenchmarkRunnerRoundTrip(b *testing.B) {
	l := &memLog{atOnce: true}
	g := newRig(l, nil)
	defer g.Close()
	done := make(chan struct{})
	b.ReportAllocs()
	for b.Loop() {
		g.Submit(func(t machine.Ticket) add { return add{ticket: t} }, func(any, error) { done <- struct{}{} })
		<-done
	}
}

// frail is an adder that panics: with -1 when it handles an event, with -2 when it applies a record, and when it ticks.
type frail struct{ *adder }

func (f *frail) Handle(now time.Time, e add) machine.Result[int] {
	if e.amount == -1 {
		panic("handled")
	}
	return f.adder.Handle(now, e)
}

func (f *frail) Apply(e machine.Entry[int]) {
	if e.Record == -2 {
		panic("applied")
	}
	f.adder.Apply(e)
}

func (f *frail) Tick(time.Time) machine.Result[int] { panic("ticked") }

func (f *frail) Due() time.Time {
	if f.sum == 13 {
		panic("asked when due")
	}
	return f.adder.Due()
}

func (f *frail) Refused(time.Time, []int) []machine.Effect { panic("refused") }

func newFrailRig(l *memLog, b *machine.Batching[int]) *rig {
	g := &rig{adder: &adder{}, log: l}
	g.Runner = machine.NewRunner(machine.RunnerConfig[add, int]{Name: "frail", Machine: &frail{g.adder}, Log: l, Batching: b,
		Failed: func(err error) { g.failed = err }})
	return g
}

func TestAPanicCostsTheMachineOnly(t *testing.T) {
	const unloaded = "machine is not loaded on this node"
	batching := &machine.Batching[int]{Size: func(int) int { return 1 }, MaxBytes: func() int { return 100 }}
	tests := map[string]struct {
		batching *machine.Batching[int]
		logErr   error
		events   []add
		heard    []string
		batches  string
	}{
		"while an event is handled": {nil, nil, []add{{amount: 5}, {amount: -1}, {amount: 6}},
			[]string{"5", "frail: internal error: handled", unloaded}, "[[5]]"},
		"while a record is applied": {nil, nil, []add{{amount: 5}, {amount: -2}, {amount: 6}},
			[]string{"5", "frail: internal error: applied", unloaded}, "[[5] [-2]]"},
		// What was decided in the same round and is not in the log yet is lost with the machine.
		"in a shared batch": {batching, nil, []add{{amount: 5}, {amount: 7}, {amount: -2}, {amount: 6}},
			[]string{"5", "frail: internal error: applied", unloaded, unloaded}, "[[5]]"},
		"while it ticks": {nil, nil, []add{{amount: 5, wait: time.Second}}, []string{"5"}, "[[5]]"},
		// The event is answered by then.
		"when asked when it is due": {nil, nil, []add{{amount: 13}}, []string{"13"}, "[[13]]"},
		"when told of a refusal": {nil, fmt.Errorf("no: %w", machine.ErrRefused), []add{{amount: 5}, {amount: 6}},
			[]string{"no: append refused", unloaded}, "[]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &memLog{atOnce: true, err: test.logErr}
				g := newFrailRig(l, test.batching)
				block := make(chan struct{}) // so that the events come in one round
				g.Submit(func(t machine.Ticket) add { <-block; return add{ticket: t} }, func(any, error) {})
				synctest.Wait()
				for _, e := range test.events {
					g.add(e)
				}
				close(block)
				time.Sleep(time.Minute)
				g.expect(t, test.heard...)
				var fault *machine.Fault
				if !errors.As(g.failed, &fault) || !bytes.Contains(fault.Stack, []byte("runner_test.go")) {
					t.Errorf("failed with %v, which is no fault with its stack", g.failed)
				}
				if got := fmt.Sprint(l.batches); got != test.batches {
					t.Errorf("batches %s, want %s", got, test.batches)
				}
				g.add(add{amount: 1})
				g.expect(t, unloaded)
				g.Close()
			})
		})
	}
}
