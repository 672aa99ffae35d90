package controller

import (
	"maps"
	"math/bits"
	"slices"
	"strings"

	"leat/internal/metadata"
	"leat/internal/record"
)

// nobody is the leader of a partition that has none, and the id under which the index lists those.
const nobody int32 = -1

// index finds the partitions that an event concerns, so that fencing a broker costs its partitions and not all that there are. It is
// derived from the image and from nothing else: Apply keeps it in step.
type index struct {
	inSync      map[int32]partitionSet // by broker that is in sync or leads; by nobody: those without a leader
	eligible    map[int32]partitionSet // by broker that is in sync no more and still eligible to lead (KIP-966)
	leading     map[int32]int          // how many each broker leads
	reassigning partitionSet
	unpreferred partitionSet // not led by their first replica
}

// partitionSet is partitions by topic id.
type partitionSet map[record.UUID]numbers

// numbers is a set of partition numbers. Most topics have few partitions, so the first 64 need no allocation of their own.
type numbers struct {
	low  uint64
	high []uint64
}

func (n *numbers) add(i int32) {
	if i < 64 {
		n.low |= 1 << i
		return
	}
	word := int(i/64) - 1
	for len(n.high) <= word {
		n.high = append(n.high, 0)
	}
	n.high[word] |= 1 << (i % 64)
}

func (n *numbers) remove(i int32) {
	if i < 64 {
		n.low &^= 1 << i
		return
	}
	if word := int(i/64) - 1; word < len(n.high) {
		n.high[word] &^= 1 << (i % 64)
	}
}

func (n *numbers) empty() bool {
	return n.low == 0 && !slices.ContainsFunc(n.high, func(w uint64) bool { return w != 0 })
}

// each calls fn with the numbers in order.
func (n *numbers) each(fn func(int32)) {
	word := func(base int32, w uint64) {
		for ; w != 0; w &= w - 1 {
			fn(base + int32(bits.TrailingZeros64(w)))
		}
	}
	word(0, n.low)
	for i, w := range n.high {
		word(int32(i+1)*64, w)
	}
}

func (s partitionSet) add(p place) {
	n := s[p.topic]
	n.add(p.partition)
	s[p.topic] = n
}

func (s partitionSet) remove(p place) {
	n, ok := s[p.topic]
	if !ok {
		return
	}
	if n.remove(p.partition); n.empty() {
		delete(s, p.topic)
		return
	}
	s[p.topic] = n
}

// place names a partition.
type place struct {
	topic     record.UUID
	partition int32
}

// in lists the partitions of the sets in order of topic name and number, each once.
func (m *Machine) in(sets ...partitionSet) []place {
	topics := map[string]*metadata.Topic{}
	for _, s := range sets {
		for id := range s {
			if t, ok := m.image().TopicByID(id); ok {
				topics[t.Name] = t
			}
		}
	}
	var out []place
	for _, name := range slices.SortedFunc(maps.Keys(topics), strings.Compare) {
		id := topics[name].ID
		var all numbers
		for _, s := range sets {
			n := s[id]
			n.each(all.add)
		}
		all.each(func(i int32) { out = append(out, place{id, i}) })
	}
	return out
}

func newIndex(im *metadata.Image) *index {
	x := &index{inSync: map[int32]partitionSet{}, eligible: map[int32]partitionSet{}, leading: map[int32]int{},
		reassigning: partitionSet{}, unpreferred: partitionSet{}}
	for t := range im.Topics("") {
		for i, p := range t.Partitions {
			x.change(place{t.ID, int32(i)}, nil, p)
		}
	}
	return x
}

// change takes a partition from what it was to what it is; nil: it does not exist.
func (x *index) change(at place, was, is *metadata.Partition) {
	if was != nil {
		x.forget(at, was, is)
	}
	if is == nil {
		return
	}
	for _, id := range is.ISR {
		put(x.inSync, id, at)
	}
	put(x.inSync, is.Leader, at)
	for _, id := range is.ELR {
		put(x.eligible, id, at)
	}
	x.leading[is.Leader]++
	if reassigning(is) {
		x.reassigning.add(at)
	}
	if len(is.Replicas) > 0 && is.Leader != is.Replicas[0] {
		x.unpreferred.add(at)
	}
}

// forget takes out what was said of a partition; what will be said again stays.
func (x *index) forget(at place, was, is *metadata.Partition) {
	for _, id := range was.ISR {
		if is == nil || !slices.Contains(is.ISR, id) {
			drop(x.inSync, id, at)
		}
	}
	if is == nil || is.Leader != was.Leader {
		drop(x.inSync, was.Leader, at)
	}
	for _, id := range was.ELR {
		drop(x.eligible, id, at)
	}
	if x.leading[was.Leader]--; x.leading[was.Leader] == 0 {
		delete(x.leading, was.Leader)
	}
	x.reassigning.remove(at)
	x.unpreferred.remove(at)
}

func put(of map[int32]partitionSet, id int32, at place) {
	s := of[id]
	if s == nil {
		s = partitionSet{}
		of[id] = s
	}
	s.add(at)
}

func drop(of map[int32]partitionSet, id int32, at place) {
	if s := of[id]; s != nil {
		if s.remove(at); len(s) == 0 {
			delete(of, id)
		}
	}
}

// before notes what a record is about to change, and returns what brings the index up to date once the record is applied.
func (x *index) before(im *metadata.Image, r Record) func(after *metadata.Image) {
	switch r := r.(type) {
	case *metadata.PartitionRecord:
		return x.beforePartition(im, r)
	case *metadata.PartitionChangeRecord:
		at := place{r.TopicID, r.PartitionID}
		was := partitionAt(im, at)
		return func(after *metadata.Image) { x.change(at, was, partitionAt(after, at)) }
	case *metadata.RemoveTopicRecord:
		if t, ok := im.TopicByID(r.TopicID); ok {
			for i, p := range t.Partitions {
				x.change(place{t.ID, int32(i)}, p, nil)
			}
		}
	case *metadata.ClearElrRecord:
		x.clearEligible(im, r.TopicName)
	case *metadata.AbortTransactionRecord:
		return func(after *metadata.Image) { *x = *newIndex(after) }
	}
	return nil
}

// beforePartition follows the creation of a partition, with which others may appear that had come too early.
func (x *index) beforePartition(im *metadata.Image, r *metadata.PartitionRecord) func(*metadata.Image) {
	had := 0
	if t, ok := im.TopicByID(r.TopicID); ok {
		had = len(t.Partitions)
	}
	at := place{r.TopicID, r.PartitionID}
	was := partitionAt(im, at)
	return func(after *metadata.Image) {
		if was != nil {
			x.change(at, was, partitionAt(after, at))
		}
		if t, ok := after.TopicByID(r.TopicID); ok {
			for i := had; i < len(t.Partitions); i++ {
				x.change(place{t.ID, int32(i)}, nil, t.Partitions[i])
			}
		}
	}
}

func (x *index) clearEligible(im *metadata.Image, name string) {
	if name == "" {
		x.eligible = map[int32]partitionSet{}
		return
	}
	if t, ok := im.Topic(name); ok {
		for id, s := range x.eligible {
			if delete(s, t.ID); len(s) == 0 {
				delete(x.eligible, id)
			}
		}
	}
}

func partitionAt(im *metadata.Image, at place) *metadata.Partition {
	t, ok := im.TopicByID(at.topic)
	if !ok || at.partition < 0 || int(at.partition) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[at.partition]
}
