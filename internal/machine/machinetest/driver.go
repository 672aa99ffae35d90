// Package machinetest drives a machine in tests without a runner: every step is committed at once, and after every step the hard
// state is compared with that of a machine which has seen nothing but the records.
//
// Invariant checked: replaying the log gives exactly the hard state, so Handle and Tick changed none of it.
package machinetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leat/internal/machine"
)

// Driver drives one machine.
type Driver[E, R any] struct {
	T *testing.T
	// New makes an empty machine of the kind under test.
	New func() machine.Machine[E, R]
	// Hard returns what must come back from a replay: plain data without unexported fields that cmp cannot see, or with Options for them.
	Hard    func(machine.Machine[E, R]) any
	Options []cmp.Option
	// Recode, if not nil, sends each record through its bytes before it is replayed.
	Recode func(R) R
	// Every, if above 1, has the hard state compared after every so many steps and before a reload only, for walks of many steps.
	Every int

	Machine machine.Machine[E, R]
	Entries []machine.Entry[R] // the log
	Ticket  machine.Ticket     // the last one given out

	shadow machine.Machine[E, R] // sees the log only: what a replay would give
	seen   int                   // so many entries of it
	held   int                   // so many has the machine applied
	steps  int                   // since the last comparison
}

// Step handles one event and returns the effects.
func (d *Driver[E, R]) Step(now time.Time, build func(machine.Ticket) E) []machine.Effect {
	d.T.Helper()
	d.start()
	d.Ticket++
	return d.take(now, d.Machine.Handle(now, build(d.Ticket)))
}

// Tick lets time come: it ticks the machine as often as it is due up to now, at the times it asked for, and returns the effects.
func (d *Driver[E, R]) Tick(now time.Time) []machine.Effect {
	d.T.Helper()
	d.start()
	var effects []machine.Effect
	for i := 0; ; i++ {
		due := d.Machine.Due()
		if due.IsZero() || due.After(now) {
			return effects
		}
		effects = append(effects, d.take(due, d.Machine.Tick(due))...)
		if after := d.Machine.Due(); i > 10000 && after.Equal(due) {
			d.T.Fatalf("machine is still due at %v after %d ticks at that time", due, i)
		}
	}
}

// Mark ends a transaction in the log.
func (d *Driver[E, R]) Mark(now time.Time, p machine.Producer, marker machine.Marker) {
	d.T.Helper()
	d.start()
	d.apply(machine.Entry[R]{Timestamp: now.UnixMilli(), ProducerID: p.ID, ProducerEpoch: p.Epoch, Marker: marker})
	d.check()
}

// Reload throws the machine away and replays the log into a new one, as a node does that takes over. A test may have added Entries by itself.
func (d *Driver[E, R]) Reload() {
	d.T.Helper()
	d.start()
	if d.held == len(d.Entries) {
		d.steps = d.Every
		d.check()
	}
	d.Machine = d.New()
	for _, e := range d.Entries {
		d.Machine.Apply(d.recoded(e))
	}
	d.held = len(d.Entries)
	d.check()
}

func (d *Driver[E, R]) start() {
	if d.Machine == nil {
		d.Machine = d.New()
	}
	if d.shadow == nil {
		d.shadow = d.New()
	}
}

// take appends and applies the records of a result.
func (d *Driver[E, R]) take(now time.Time, res machine.Result[R]) []machine.Effect {
	d.T.Helper()
	for _, rec := range res.Records {
		e := machine.Entry[R]{Timestamp: now.UnixMilli(), ProducerID: -1, ProducerEpoch: -1, Record: rec}
		if p := res.Transactional; p != nil {
			e.ProducerID, e.ProducerEpoch = p.ID, p.Epoch
		}
		d.apply(e)
	}
	d.check()
	return res.Effects
}

func (d *Driver[E, R]) apply(e machine.Entry[R]) {
	e.Offset = int64(len(d.Entries))
	d.Entries = append(d.Entries, e)
	d.held++
	d.Machine.Apply(e)
}

// recoded is an entry as it is read from a log.
func (d *Driver[E, R]) recoded(e machine.Entry[R]) machine.Entry[R] {
	if d.Recode != nil && e.Marker == machine.NoMarker {
		e.Record = d.Recode(e.Record)
	}
	return e
}

// check compares the hard state with that of a replay.
func (d *Driver[E, R]) check() {
	d.T.Helper()
	for ; d.seen < len(d.Entries); d.seen++ {
		d.shadow.Apply(d.recoded(d.Entries[d.seen]))
	}
	if d.steps++; d.steps < d.Every {
		return
	}
	d.steps = 0
	want, got := d.Hard(d.shadow), d.Hard(d.Machine)
	if reflect.DeepEqual(want, got) {
		return
	}
	if diff := cmp.Diff(want, got, d.Options...); diff != "" {
		d.T.Fatalf("hard state is not what the log gives (-replayed +held):\n%s", diff)
	}
}
