package balance

import (
	"fmt"
	"slices"
)

// drain moves every replica away from the brokers that shall become empty, each to the best place there is.
func (b *board) drain() {
	if !slices.ContainsFunc(b.brokers, func(t broker) bool { return t.draining && t.count > 0 }) {
		return
	}
	for i := range b.parts {
		p := &b.parts[i]
		if p.in.Moving {
			continue
		}
		for _, from := range slices.Clone(p.replicas) {
			if !b.brokers[from].draining {
				continue
			}
			if to := b.refuge(p, from); to >= 0 {
				b.move(p, from, to, ForDrain)
			}
		}
	}
}

// refuge is the broker that takes a replica from a draining one: of those that leave the partition in the most racks the one with the fewest replicas;
// -1 if there is none. If a broker that is only fenced or full now would leave it in more racks, the replica waits for that.
func (b *board) refuge(p *part, from int32) int32 {
	best, bestSpread, possible := int32(-1), -1, -1
	for i := range b.brokers {
		to, t := int32(i), &b.brokers[i]
		if !t.pool || slices.Contains(p.replicas, to) {
			continue
		}
		s := b.spread(p, from, to)
		possible = max(possible, s)
		if s < bestSpread || !b.takes(p, to) {
			continue
		}
		if s > bestSpread || t.less(&b.brokers[best]) {
			best, bestSpread = to, s
		}
	}
	if bestSpread < possible && bestSpread < b.spread(p, -1, -1) {
		return -1
	}
	return best
}

// less orders brokers by what they hold.
func (t *broker) less(u *broker) bool {
	if t.count != u.count {
		return t.count < u.count
	}
	return t.bytes < u.bytes
}

// stuck tells which draining brokers cannot become empty, and why.
func (b *board) stuck() []string {
	var notes []string
	if b.limits.Mode == Off {
		return nil
	}
	for i := range b.brokers {
		t := &b.brokers[i]
		if !t.draining || t.count == 0 {
			continue
		}
		few, waiting, moving := 0, 0, 0
		factor := 0
		for j := range b.parts {
			p := &b.parts[j]
			if !slices.Contains(p.replicas, int32(i)) {
				continue
			}
			switch {
			case p.in.Moving:
				moving++
			case b.candidates(p) == 0:
				few++
				factor = max(factor, len(p.replicas))
			default:
				waiting++
			}
		}
		if few > 0 {
			notes = append(notes, fmt.Sprintf("%d replicas cannot leave broker %d: for up to %d replicas of a partition the other brokers are too few; add a broker or lower the replication factor",
				few, t.id, factor))
		}
		if waiting > 0 {
			notes = append(notes, fmt.Sprintf("%d replicas on broker %d wait: the brokers that could take them, without fewer racks for a partition, are fenced or full", waiting, t.id))
		}
		if moving > 0 {
			notes = append(notes, fmt.Sprintf("%d replicas on broker %d wait for a reassignment of their partitions that is under way", moving, t.id))
		}
	}
	return notes
}

// candidates counts the brokers of the pool that do not have the partition.
func (b *board) candidates(p *part) int {
	n := 0
	for i := range b.brokers {
		if b.brokers[i].pool && !slices.Contains(p.replicas, int32(i)) {
			n++
		}
	}
	return n
}
