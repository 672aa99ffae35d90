package controller

import (
	"slices"

	"leat/internal/metadata"
)

// reassigning reports whether the replicas of a partition are on their way to other brokers.
func reassigning(p *metadata.Partition) bool { return len(p.Adding) > 0 || len(p.Removing) > 0 }

// completeReassignment ends a reassignment whose new replicas are all in sync: those that shall go are then no replicas any more.
//
// If more replicas go than come, all that stay must be in sync too: otherwise the last copies of a record could go.
func (c *partitionChange) completeReassignment() {
	if len(c.adding) == 0 && len(c.removing) == 0 {
		return
	}
	isr, replicas := without(c.isr, c.removing), without(c.replicas, c.removing)
	if len(isr) == 0 || len(replicas) == 0 || !containsAll(isr, c.adding) {
		return
	}
	if len(c.adding) < len(c.removing) && !containsAll(isr, replicas) {
		return
	}
	c.isr, c.replicas, c.adding, c.removing = isr, replicas, nil, nil
}

// reassign makes a change lead to other replicas: the target first, in its order, then those that will go once it is in sync.
//
// A broker that was being added before does not count as one that has a replica, so it stays one that must come into sync.
func (c *partitionChange) reassign(target []int32) {
	c.removing = slices.Sorted(slices.Values(without(c.was.Replicas, target)))
	c.adding = slices.Sorted(slices.Values(without(target, original(c.was))))
	c.replicas = append(slices.Clone(target), c.removing...)
	if len(c.removing) == 0 {
		c.removing = nil
	}
	if len(c.adding) == 0 {
		c.adding = nil
	}
}

// original is the replicas that a partition has when its reassignment is cancelled.
func original(p *metadata.Partition) []int32 { return without(p.Replicas, p.Adding) }

// cancel makes a change lead back. It reports whether records may be lost, because no replica that stays is in sync: somebody then has to
// be elected nevertheless; and false if no replica would stay.
func (c *partitionChange) cancel() (unclean, possible bool) {
	c.replicas, c.isr = original(c.was), without(c.was.ISR, c.was.Adding)
	c.adding, c.removing = nil, nil
	if len(c.isr) > 0 || len(c.replicas) == 0 {
		return false, len(c.replicas) > 0
	}
	if !c.elrOn && !slices.ContainsFunc(c.replicas, c.alive) {
		c.isr = []int32{c.replicas[0]} // an empty set cannot be written, and nobody is there to be elected
	}
	return true, true
}

// without is a list less the elements of another, in order; nil if nothing is left.
func without(list, gone []int32) []int32 {
	var out []int32
	for _, id := range list {
		if !slices.Contains(gone, id) {
			out = append(out, id)
		}
	}
	return out
}
