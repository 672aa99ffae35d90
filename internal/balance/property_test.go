package balance

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawState draws a cluster in which every replica is in sync, with disks that hold what lies on them.
func drawState(t *rapid.T) State {
	n := rapid.IntRange(1, 8).Draw(t, "brokers")
	racks := rapid.IntRange(0, 4).Draw(t, "racks")
	disks := rapid.Bool().Draw(t, "disks known")
	var s State
	for i := range n {
		b := Broker{ID: int32(10 + i), Draining: rapid.IntRange(0, 7).Draw(t, "draining") == 0, Cordoned: rapid.IntRange(0, 15).Draw(t, "cordoned") == 0}
		if racks > 0 {
			b.Rack = fmt.Sprint("r", rapid.IntRange(1, racks).Draw(t, "rack"))
		}
		if disks {
			total := int64(rapid.IntRange(500, 8000).Draw(t, "total"))
			b.Dirs = []Dir{{Path: "/data", Total: total, Usable: total}}
		}
		s.Brokers = append(s.Brokers, b)
	}
	used := rapid.IntRange(1, n).Draw(t, "brokers with replicas") // the rest have just joined
	for i := range rapid.IntRange(0, 80).Draw(t, "partitions") {
		factor := rapid.IntRange(1, min(3, used)).Draw(t, "factor")
		order := rapid.Permutation(s.Brokers[:used]).Draw(t, "replicas")
		p := Partition{Topic: fmt.Sprint("t", i%7), Partition: int32(i / 7), Bytes: int64(rapid.IntRange(0, 100).Draw(t, "bytes"))}
		for _, b := range order[:factor] {
			p.Replicas = append(p.Replicas, b.ID)
			if disks {
				p.Dirs = append(p.Dirs, fill(&s, b.ID, p.Bytes))
			}
		}
		p.ISR, p.Leader = slices.Clone(p.Replicas), p.Replicas[0]
		s.Partitions = append(s.Partitions, p)
	}
	s.Limits = Limits{MinBytes: int64(rapid.IntRange(1, 300).Draw(t, "least bytes")), Tolerance: []float64{0.02, 0.1, 0.3}[rapid.IntRange(0, 2).Draw(t, "tolerance")]}
	return s
}

// fill puts bytes into the emptiest directory of a broker that takes any, and returns its path.
func fill(s *State, id int32, bytes int64) string {
	b := s.broker(id)
	best := -1
	for i, d := range b.Dirs {
		if best < 0 || !d.Cordoned && share(d, bytes) < share(b.Dirs[best], bytes) {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	b.Dirs[best].Usable -= bytes
	return b.Dirs[best].Path
}

func share(d Dir, more int64) float64 { return float64(d.Total-d.Usable+more) / float64(d.Total) }

func (s *State) broker(id int32) *Broker {
	i := slices.IndexFunc(s.Brokers, func(b Broker) bool { return b.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Brokers[i]
}

func (s *State) partition(topic string, partition int32) *Partition {
	i := slices.IndexFunc(s.Partitions, func(p Partition) bool { return p.Topic == topic && p.Partition == partition })
	return &s.Partitions[i]
}

// clone copies what apply changes.
func (s State) clone() State {
	s.Brokers, s.Partitions = slices.Clone(s.Brokers), slices.Clone(s.Partitions)
	for i := range s.Brokers {
		s.Brokers[i].Dirs = slices.Clone(s.Brokers[i].Dirs)
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.Replicas, p.ISR, p.Dirs = slices.Clone(p.Replicas), slices.Clone(p.ISR), slices.Clone(p.Dirs)
	}
	return s
}

func (s *State) spread(replicas []int32) int {
	racks := map[string]bool{}
	for _, id := range replicas {
		racks[s.broker(id).Rack] = true
	}
	return len(racks)
}

// apply makes a move as a cluster would: the new replicas first, then the old ones go.
func (s *State) apply(m Move) {
	p := s.partition(m.Topic, m.Partition)
	dirs := make([]string, len(m.After))
	for i, id := range m.After {
		if at := slices.Index(p.Replicas, id); at < 0 {
			dirs[i] = fill(s, id, p.Bytes)
		} else if p.Dirs != nil {
			dirs[i] = p.Dirs[at]
		}
	}
	for i, id := range p.Replicas {
		b := s.broker(id)
		if !slices.Contains(m.After, id) && b.Dirs != nil {
			d := slices.IndexFunc(b.Dirs, func(d Dir) bool { return d.Path == p.Dirs[i] })
			b.Dirs[d].Usable += p.Bytes
		}
	}
	p.Replicas, p.ISR, p.Leader = slices.Clone(m.After), slices.Clone(m.After), m.After[0]
	if p.Dirs != nil {
		p.Dirs = dirs
	}
}

// checkMove fails for a move that harms what must not be harmed.
func checkMove(t *rapid.T, s *State, m Move) {
	p := s.partition(m.Topic, m.Partition)
	switch {
	case !slices.Equal(p.Replicas, m.Before):
		t.Fatalf("%+v begins with other replicas than %v", m, p.Replicas)
	case len(m.After) != len(m.Before):
		t.Fatalf("%+v changes the number of replicas", m)
	case len(slices.Compact(slices.Sorted(slices.Values(m.After)))) != len(m.After):
		t.Fatalf("%+v names a broker twice", m)
	}
	drained := false
	for _, id := range m.Before {
		drained = drained || s.broker(id).Draining && !slices.Contains(m.After, id)
	}
	if !drained && s.spread(m.After) < s.spread(m.Before) {
		t.Fatalf("%+v lowers the spread from %d to %d", m, s.spread(m.Before), s.spread(m.After))
	}
	for _, id := range m.After {
		if slices.Contains(m.Before, id) {
			continue
		}
		if b := s.broker(id); b.Fenced || b.Draining || b.Cordoned {
			t.Fatalf("%+v goes to broker %+v", m, b)
		}
	}
}

func TestPropertyEveryStepIsValidAndThePlanIsDoneOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		plan := Make(s)
		after := s.clone()
		var bytes int64
		for _, m := range plan.Moves {
			checkMove(t, &after, m)
			bytes += m.Bytes
			after.apply(m)
		}
		if bytes != plan.Bytes {
			t.Fatalf("the plan says %d bytes, its moves %d", plan.Bytes, bytes)
		}
		if again := Make(after); len(again.Moves) > 0 {
			t.Fatalf("after %d moves the plan is not empty: %+v", len(plan.Moves), again.Moves)
		}
		for _, b := range after.Brokers {
			for _, d := range b.Dirs {
				was := s.broker(b.ID).Dirs[slices.IndexFunc(b.Dirs, func(x Dir) bool { return x.Path == d.Path })]
				if share(d, 0) > max(0.85, share(was, 0)) {
					t.Fatalf("broker %d: %+v was filled beyond the limit, it was %+v", b.ID, d, was)
				}
			}
		}
	})
}

// A few moves at a time, each time with a new plan: that must come to an end without a partition that goes twice.
func TestPropertyAFewMovesAtATimeComeToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		few := rapid.IntRange(1, 5).Draw(t, "at a time")
		first := Make(s)
		moves := 0
		for range 20 + 3*len(first.Moves) {
			plan := Make(s)
			if len(plan.Moves) == 0 {
				if moves > len(first.Moves)+len(s.Partitions) {
					t.Fatalf("%d moves, the first plan had %d", moves, len(first.Moves))
				}
				return
			}
			for _, m := range plan.Moves[:min(few, len(plan.Moves))] {
				p := s.partition(m.Topic, m.Partition)
				if p.Settled && (m.Why == ForCount || m.Why == ForBytes || m.Why == ForLeaders) {
					t.Fatalf("%+v goes again", m)
				}
				s.apply(m)
				p.Settled = true
				moves++
			}
		}
		t.Fatalf("no end after %d moves; the first plan had %d", moves, len(first.Moves))
	})
}

func TestPropertyDrainingEndsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		free := 0
		for i := range s.Brokers {
			b := &s.Brokers[i]
			b.Dirs, b.Cordoned = nil, false
			if !b.Draining {
				free++
			}
			b.Fenced = b.Draining && rapid.Bool().Draw(t, "fenced")
		}
		s.Limits.Mode = []Mode{Auto, DrainOnly}[rapid.IntRange(0, 1).Draw(t, "mode")]
		for _, m := range Make(s).Moves {
			checkMove(t, &s, m)
			s.apply(m)
		}
		for _, p := range s.Partitions {
			for _, id := range p.Replicas {
				if s.broker(id).Draining && len(p.Replicas) <= free {
					t.Fatalf("%s-%d is still on broker %d", p.Topic, p.Partition, id)
				}
			}
		}
	})
}

// What is on its way, and what is not in sync on brokers that stay, is left alone.
func TestPropertyOthersMovesAreLeftAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		behind := false
		for i := range s.Partitions {
			s.Partitions[i].Moving = rapid.IntRange(0, 3).Draw(t, "moving") == 0
			if p := &s.Partitions[i]; !p.Moving && len(p.ISR) > 1 && rapid.IntRange(0, 30).Draw(t, "behind") == 0 {
				p.ISR = p.ISR[:1]
				behind = behind || !slices.ContainsFunc(p.Replicas, func(id int32) bool { return s.broker(id).Draining })
			}
		}
		for _, m := range Make(s).Moves {
			if s.partition(m.Topic, m.Partition).Moving {
				t.Fatalf("%+v is being moved by somebody else", m)
			}
			if behind && m.Why != ForDrain {
				t.Fatalf("%+v although replicas are not in sync", m)
			}
		}
	})
}
