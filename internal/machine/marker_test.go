package machine_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/machine"
)

// markedLog is a log that takes markers.
type markedLog struct {
	memLog
	refuse  error
	markers []string
}

func (l *markedLog) AppendMarker(_ time.Time, c machine.Control) (base, next int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return 0, 0, l.refuse
	}
	l.markers = append(l.markers, fmt.Sprintf("offset %d: %+v", l.end, c))
	l.end++
	return l.end - 1, l.end, nil
}

// ender is an adder of which amount -1 is the end of a transaction.
type ender struct {
	*adder
	applied []machine.Entry[int]
	beside  []int // records in the decision of the marker, which must not be
}

func (e *ender) Handle(now time.Time, a add) machine.Result[int] {
	if a.amount != -1 {
		return e.adder.Handle(now, a)
	}
	c := machine.Control{Producer: machine.Producer{ID: 7, Epoch: 2}, Marker: machine.CommitMarker, CoordinatorEpoch: 4, TransactionVersion: 2}
	return machine.Result[int]{Records: e.beside, Control: &c, Effects: []machine.Effect{machine.Reply{To: a.ticket, Response: "ended"}}}
}

func (e *ender) Apply(entry machine.Entry[int]) {
	if entry.Marker != machine.NoMarker {
		entry.Timestamp = 0
		e.applied = append(e.applied, entry)
		return
	}
	e.adder.Apply(entry)
}

func newEndingRig(e *ender, l machine.Log[int]) *rig {
	g := &rig{adder: e.adder}
	g.Runner = machine.NewRunner(machine.RunnerConfig[add, int]{
		Name: "ender", Machine: e, Log: l,
		Batching: &machine.Batching[int]{Size: func(int) int { return 1 }, MaxBytes: func() int { return 100 }},
		Failed:   func(err error) { g.failed = err },
	})
	return g
}

// atOnce has several events handled in one round.
func (g *rig) atOnce(amounts ...int) {
	block := make(chan struct{})
	g.Submit(func(t machine.Ticket) add { <-block; return add{ticket: t} }, func(any, error) {})
	synctest.Wait()
	for _, n := range amounts {
		g.add(add{amount: n})
	}
	close(block)
}

func TestAMarkerKeepsItsPlaceAmongTheDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &markedLog{memLog: memLog{atOnce: true}}
		e := &ender{adder: &adder{}}
		g := newEndingRig(e, l)
		defer g.Close()
		g.add(add{amount: 1})
		g.expect(t, "1")
		g.atOnce(2, 3, -1, 4, 5)
		g.expect(t, "3", "6", "ended", "10", "15")
		if got, want := fmt.Sprint(l.batches), "[[1] [2 3] [4 5]]"; got != want {
			t.Errorf("batches %s, want %s", got, want)
		}
		if got, want := fmt.Sprint(l.markers), "[offset 3: {Producer:{ID:7 Epoch:2} Marker:1 CoordinatorEpoch:4 TransactionVersion:2}]"; got != want {
			t.Errorf("markers %s, want %s", got, want)
		}
		want := machine.Entry[int]{Offset: 3, ProducerID: 7, ProducerEpoch: 2, Marker: machine.CommitMarker}
		if len(e.applied) != 1 || e.applied[0] != want {
			t.Errorf("applied %+v, want %+v", e.applied, want)
		}
	})
}

func TestAMarkerIsToldWhenItIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &markedLog{}
		g := newEndingRig(&ender{adder: &adder{}}, l)
		defer g.Close()
		g.add(add{amount: -1})
		g.expect(t)
		l.settle(nil)
		g.expect(t, "ended")
	})
}

func TestARefusedMarkerIsToldAndNotApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &markedLog{memLog: memLog{atOnce: true}, refuse: fmt.Errorf("stale coordinator: %w", machine.ErrRefused)}
		e := &ender{adder: &adder{}}
		g := newEndingRig(e, l)
		defer g.Close()
		g.add(add{amount: -1})
		g.add(add{amount: 1})
		g.expect(t, "stale coordinator: append refused", "1")
		if len(e.applied) != 0 {
			t.Errorf("applied %+v", e.applied)
		}
	})
}

func TestADecisionWithAMarkerThatCannotBeWrittenIsAFault(t *testing.T) {
	tests := map[string]struct {
		log    machine.Log[int]
		beside []int
	}{
		"a log without markers": {&memLog{atOnce: true}, nil},
		"records beside it":     {&markedLog{memLog: memLog{atOnce: true}}, []int{1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newEndingRig(&ender{adder: &adder{}, beside: test.beside}, test.log)
				g.add(add{amount: -1})
				synctest.Wait()
				var fault *machine.Fault
				if !errors.As(g.failed, &fault) || len(g.heard) != 1 {
					t.Errorf("failed with %v, heard %q", g.failed, g.heard)
				}
			})
		})
	}
}
