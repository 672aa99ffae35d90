package group

import (
	"iter"
	"slices"
	"time"

	"leat/internal/machine"
	"leat/internal/record"
)

// state is the hard state: what replaying the log gives.
type state struct {
	groups  map[string]*Metadata
	offsets map[string]groupOffsets    // by group; never an empty map in it
	pending map[producerID]transaction // offsets of open transactions
	open    map[partitionKey]int       // how many open transactions hold an offset for it
}

// producerID has one open transaction at most. Its end may come with a later epoch than its offsets: under transaction version 2 every end raises the
// epoch (KIP-890).
type producerID int64

// groupOffsets is the committed offsets of one group, by topic and partition. No topic has an empty map.
type groupOffsets map[string]map[int32]committed

// committed is an offset and where in the log it stands.
type committed struct {
	*Offset
	at int64
}

type partitionKey struct {
	group, topic string
	partition    int32
}

// transaction is the offsets that count once the transaction is committed.
type transaction map[partitionKey]committed

func newState() state {
	return state{
		groups:  make(map[string]*Metadata),
		offsets: make(map[string]groupOffsets),
		pending: make(map[producerID]transaction),
		open:    make(map[partitionKey]int),
	}
}

// apply makes one entry of the log part of the state. Of several offsets for a partition the one that stands last in the log
// counts, even if the transaction of an earlier one is committed later.
func (s *state) apply(e machine.Entry[Record]) {
	p := producerID(e.ProducerID)
	if e.Marker != machine.NoMarker {
		s.end(p, e.Marker == machine.CommitMarker)
		return
	}
	switch r := e.Record.(type) {
	case *MetadataRecord:
		if r.Metadata == nil {
			delete(s.groups, r.Group)
			return
		}
		s.groups[r.Group] = r.Metadata
	case *OffsetRecord:
		key := partitionKey{r.Group, r.Topic, r.Partition}
		switch {
		case r.Offset == nil:
			s.remove(key)
		case e.ProducerID >= 0:
			s.hold(p, key, committed{r.Offset, e.Offset})
		default:
			s.put(key, committed{r.Offset, e.Offset})
		}
	}
}

// hold keeps an offset until its transaction ends.
func (s *state) hold(p producerID, key partitionKey, o committed) {
	t := s.pending[p]
	if t == nil {
		t = make(transaction)
		s.pending[p] = t
	}
	if _, again := t[key]; !again {
		s.open[key]++
	}
	t[key] = o
}

// end ends a producer's transaction.
func (s *state) end(p producerID, commit bool) {
	t := s.pending[p]
	delete(s.pending, p)
	for key, o := range t {
		s.letGo(key)
		if commit {
			s.put(key, o)
		}
	}
}

// letGo counts an open transaction less for the partition.
func (s *state) letGo(key partitionKey) {
	if s.open[key]--; s.open[key] <= 0 {
		delete(s.open, key)
	}
}

func (s *state) put(key partitionKey, o committed) {
	g := s.offsets[key.group]
	if g == nil {
		g = make(groupOffsets)
		s.offsets[key.group] = g
	}
	t := g[key.topic]
	if t == nil {
		t = make(map[int32]committed)
		g[key.topic] = t
	}
	if old, ok := t[key.partition]; !ok || old.at <= o.at {
		t[key.partition] = o
	}
}

// remove forgets a committed offset, and those that open transactions hold.
func (s *state) remove(key partitionKey) {
	if s.open[key] > 0 {
		for _, t := range s.pending {
			if _, held := t[key]; held {
				delete(t, key)
				s.letGo(key)
			}
		}
	}
	g := s.offsets[key.group]
	t := g[key.topic]
	delete(t, key.partition)
	if t != nil && len(t) == 0 {
		delete(g, key.topic)
	}
	if g != nil && len(g) == 0 {
		delete(s.offsets, key.group)
	}
}

// offset returns a committed offset, nil if there is none.
func (s *state) offset(group, topic string, partition int32) *Offset {
	return s.offsets[group][topic][partition].Offset
}

// commits tells when a group's offsets were committed, in any order.
func (s *state) commits(group string) iter.Seq2[record.TopicPartition, time.Time] {
	return func(yield func(record.TopicPartition, time.Time) bool) {
		for topic, partitions := range s.offsets[group] {
			for p, o := range partitions {
				if !yield(record.TopicPartition{Topic: topic, Partition: p}, time.UnixMilli(o.CommitTimestamp)) {
					return
				}
			}
		}
	}
}

// unstable reports whether an open transaction holds an offset for the partition.
func (s *state) unstable(group, topic string, partition int32) bool {
	return len(s.open) > 0 && s.open[partitionKey{group, topic, partition}] > 0
}

// sortedPartitions lists the partitions of a topic's offsets in order.
func sortedPartitions[V any](t map[int32]V) []int32 {
	ps := make([]int32, 0, len(t))
	for p := range t {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}
