package share

import (
	"bytes"
	"cmp"

	"leat/internal/machine"
)

// state is the hard state: what the log gives.
type state struct {
	partitions map[Key]*partition
	last       int64 // the offset of the last snapshot or tombstone
}

// partition is a share partition with what the machine keeps beside its state.
type partition struct {
	State       State
	LeaderEpoch int32 // the highest ever seen; State may hold a lower one, since Initialize starts over
	StateEpoch  int32
	Updates     int   // since the last snapshot
	Snapshot    int64 // the offset of the last snapshot
}

func (s *state) apply(e machine.Entry[Record]) {
	switch r := e.Record.(type) {
	case *Snapshot:
		s.last = e.Offset
		if r.State == nil {
			delete(s.partitions, r.Key)
			return
		}
		p := s.partitions[r.Key]
		if p == nil {
			p = &partition{LeaderEpoch: r.State.LeaderEpoch, StateEpoch: r.State.StateEpoch}
			s.partitions[r.Key] = p
		}
		p.LeaderEpoch, p.StateEpoch = max(p.LeaderEpoch, r.State.LeaderEpoch), max(p.StateEpoch, r.State.StateEpoch)
		p.State, p.Updates, p.Snapshot = *r.State, 0, e.Offset
	case *Update:
		p := s.partitions[r.Key]
		if p == nil { // the log was cut between a snapshot and what followed: the next snapshot says it all
			return
		}
		p.Updates++
		p.LeaderEpoch = max(p.LeaderEpoch, r.LeaderEpoch)
		if r.LeaderEpoch != -1 {
			p.State.LeaderEpoch = r.LeaderEpoch
		}
		if r.StartOffset != -1 {
			p.State.StartOffset = r.StartOffset
		}
		p.State.DeliveryCompleteCount = r.DeliveryCompleteCount
		p.State.Batches = combine(p.State.Batches, r.Batches, p.State.StartOffset)
	}
}

// redundant is the offset below which nothing is needed: that of the oldest of the last snapshots, or if no state is left, that of the
// last tombstone.
func (s *state) redundant() int64 {
	oldest := s.last
	for _, p := range s.partitions {
		oldest = min(oldest, p.Snapshot)
	}
	return oldest
}

func compareKeys(a, b Key) int {
	if c := cmp.Compare(a.Group, b.Group); c != 0 {
		return c
	}
	if c := bytes.Compare(a.TopicID[:], b.TopicID[:]); c != 0 {
		return c
	}
	return cmp.Compare(a.Partition, b.Partition)
}
