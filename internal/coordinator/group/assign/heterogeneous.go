package assign

import (
	"cmp"
	"slices"

	"leat/internal/record"
)

// balance is the work on one assignment where members read different topics.
type balance struct {
	members []Member
	topics  []readTopic
	load    []int // partitions per member
}

// readTopic is a topic, who reads it, and who has each of its partitions.
type readTopic struct {
	Topic
	readers []int
	owner   []int // -1: nobody
}

// heterogeneous balances as far as subscriptions allow: no partition could go to a reader of its topic that has at least two less. Members
// are sorted.
func heterogeneous(members []Member) map[string]Assignment {
	b := newBalance(members)
	b.keep()
	b.fill()
	b.level()
	out := make(map[string]Assignment, len(members))
	for i := range members {
		out[members[i].ID] = make(Assignment)
	}
	for i := range b.topics {
		t := &b.topics[i]
		for p, owner := range t.owner {
			if owner >= 0 {
				a := out[members[owner].ID]
				a[t.ID] = append(a[t.ID], int32(p))
			}
		}
	}
	for i := range members {
		if members[i].Previous != nil && out[members[i].ID].Equal(members[i].Previous) {
			out[members[i].ID] = members[i].Previous
		}
	}
	return out
}

// newBalance collects the topics; those with the fewest readers come first, because they leave the least choice.
func newBalance(members []Member) *balance {
	b := &balance{members: members, load: make([]int, len(members))}
	index := make(map[record.UUID]int)
	for i := range members {
		for _, t := range members[i].Topics {
			at, ok := index[t.ID]
			if !ok {
				at = len(b.topics)
				index[t.ID] = at
				owner := make([]int, t.Partitions)
				for p := range owner {
					owner[p] = -1
				}
				b.topics = append(b.topics, readTopic{Topic: t, owner: owner})
			}
			if r := b.topics[at].readers; len(r) == 0 || r[len(r)-1] != i {
				b.topics[at].readers = append(r, i)
			}
		}
	}
	slices.SortFunc(b.topics, func(x, y readTopic) int {
		return cmp.Or(cmp.Compare(len(x.readers), len(y.readers)), compareTopics(x.Topic, y.Topic))
	})
	return b
}

// keep lets members have on what they had and still read.
func (b *balance) keep() {
	for i := range b.topics {
		t := &b.topics[i]
		for _, m := range t.readers {
			for _, p := range b.members[m].Previous[t.ID] {
				if p >= 0 && int(p) < len(t.owner) && t.owner[p] < 0 {
					t.owner[p] = m
					b.load[m]++
				}
			}
		}
	}
}

// fill gives what nobody has to the reader with the least.
func (b *balance) fill() {
	for i := range b.topics {
		t := &b.topics[i]
		var h *readers
		for p, owner := range t.owner {
			if owner >= 0 {
				continue
			}
			if h == nil {
				h = newReaders(t.readers, b.load)
			}
			m := h.least()
			t.owner[p] = m
			b.load[m]++
			h.sink()
		}
	}
}

// maxRounds bounds how often level goes over all topics; each round brings the loads nearer to each other, and few are ever needed.
const maxRounds = 100

// level moves partitions from readers with much to readers with little until nothing can be gained.
func (b *balance) level() {
	for range maxRounds {
		moved := false
		for i := range b.topics {
			moved = b.levelTopic(&b.topics[i]) || moved
		}
		if !moved {
			return
		}
	}
}

// levelTopic does so within one topic, and reports whether anything moved.
func (b *balance) levelTopic(t *readTopic) (moved bool) {
	if len(t.readers) < 2 {
		return false
	}
	h := newReaders(t.readers, b.load)
	for p := len(t.owner) - 1; p >= 0; p-- {
		from, to := t.owner[p], h.least()
		if b.load[from]-b.load[to] < 2 {
			continue
		}
		t.owner[p] = to
		b.load[from]--
		b.load[to]++
		h.moved(from)
		moved = true
	}
	return moved
}
