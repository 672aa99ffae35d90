package timers

import (
	"slices"

	"leat/internal/machine"
)

// state is the hard state: what the log gives.
type state struct {
	targets    map[Target]*target
	next       int64 // number of the next timer
	producerID int64 // -1: not known yet
	pending    Pending
}

// Pending is the timers of a partition that were not delivered yet.
type Pending struct {
	Timers int
	Bytes  int64 // of their records; cancelled ones may count for a while
}

// pending is what waits for a target, or is in its flight.
func (t *target) pending() Pending {
	if t == nil {
		return Pending{}
	}
	return Pending{t.waiting.len() + len(t.flight), t.waiting.bytes + t.flying}
}

// target is what is known of one partition of another topic.
type target struct {
	waiting  waiting
	ids      map[string]int64 // of timers that wait and have an id
	idOf     map[int64]string
	epoch    int16
	sequence int32
	flight   []Ref
	flying   int64   // bytes of the flight
	counted  Pending // its part in state.pending
	accounts map[int64]*account
	soft     soft
}

// account is how far a producer is.
type account struct {
	epoch  int16
	at     int64
	recent []Range // the last is the newest
}

// batchesKept is how many batches of a producer are remembered: as many as an idempotent producer may have in flight.
const batchesKept = 5

func (s *state) target(of Target) *target {
	t := s.targets[of]
	if t == nil {
		t = &target{ids: make(map[string]int64), idOf: make(map[int64]string), accounts: make(map[int64]*account)}
		s.targets[of] = t
	}
	return t
}

// apply changes the hard state.
func (s *state) apply(e machine.Entry[Record]) {
	of := targetOf(e.Record)
	before := s.targets[of]
	s.change(e)
	after := s.targets[of]
	s.pending = s.pending.plus(after.pending(), 1)
	if before != nil {
		s.pending = s.pending.plus(before.counted, -1)
	}
	if after != nil {
		after.counted = after.pending()
	}
}

func (p Pending) plus(o Pending, sign int) Pending {
	return Pending{p.Timers + sign*o.Timers, p.Bytes + int64(sign)*o.Bytes}
}

// targetOf is whom a record is about.
func targetOf(r Record) Target {
	switch r := r.(type) {
	case *Timer:
		return r.Target
	case *Gone:
		return r.Target
	case *State:
		return r.Target
	case *Account:
		return r.Target
	}
	return Target{}
}

func (s *state) change(e machine.Entry[Record]) {
	switch r := e.Record.(type) {
	case *Timer:
		s.next = max(s.next, r.N+1)
		t := s.target(r.Target)
		t.waiting.add(Ref{Due: r.Due, N: r.N, Offset: e.Offset, Size: int32(len(r.Payload))})
		if r.ID != "" {
			t.ids[r.ID], t.idOf[r.N] = r.N, r.ID
		}
	case *Gone:
		s.next = max(s.next, r.N+1)
		if t := s.targets[r.Target]; t != nil {
			t.remove(r.N)
		}
	case *State:
		s.fly(r)
	case *Account:
		if r.Forget {
			if t := s.targets[r.Target]; t != nil {
				delete(t.accounts, r.ProducerID)
			}
			return
		}
		s.target(r.Target).accounts[r.ProducerID] = &account{epoch: r.Epoch, at: r.At, recent: r.Recent}
	case *Identity:
		s.producerID = r.ProducerID
	}
}

// remove forgets a timer, wherever it is.
func (t *target) remove(n int64) {
	t.forgetID(n)
	if len(t.flight) > 0 && t.flight[0].N == n { // delivered: they go in this order
		t.flying -= int64(t.flight[0].Size)
		t.flight = t.flight[1:]
		return
	}
	if i := slices.IndexFunc(t.flight, func(r Ref) bool { return r.N == n }); i >= 0 {
		t.flying -= int64(t.flight[i].Size)
		t.flight = append(slices.Clone(t.flight[:i]), t.flight[i+1:]...)
		return
	}
	t.waiting.remove(n)
}

// forgetID: what is in a flight, or gone, is not found by its id any more.
func (t *target) forgetID(n int64) {
	if id, ok := t.idOf[n]; ok {
		delete(t.idOf, n)
		if t.ids[id] == n {
			delete(t.ids, id)
		}
	}
}

// fly replaces the flight of a target. What was in the old one and is neither gone nor in the new one waits again.
func (s *state) fly(r *State) {
	if r.Forget {
		delete(s.targets, r.Target)
		return
	}
	t := s.target(r.Target)
	t.epoch, t.sequence = r.Epoch, r.Sequence
	flying := make(map[int64]struct{}, len(r.Flight))
	for _, f := range r.Flight {
		flying[f.N] = struct{}{}
	}
	for _, old := range t.flight {
		if _, ok := flying[old.N]; ok {
			delete(flying, old.N)
		} else {
			t.waiting.add(old)
		}
	}
	for first, ok := t.waiting.first(); ok && len(flying) > 0; first, ok = t.waiting.first() {
		if _, found := flying[first.N]; !found {
			break
		}
		delete(flying, first.N)
		t.waiting.pop()
	}
	for _, f := range r.Flight {
		t.forgetID(f.N)
		if _, left := flying[f.N]; left {
			t.waiting.remove(f.N)
		}
	}
	t.flight, t.flying = r.Flight, 0
	for i := range t.flight {
		t.flying += int64(t.flight[i].Size)
	}
}
