package consumer

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/assign"
	"leat/internal/record"
)

// reconcile brings the member as near to its target as others allow: first it has to revoke what it shall not have, then it moves to the
// assignment's epoch and gets what nobody owns.
func (dr *draft) reconcile(target assign.Assignment, assignmentEpoch int32, subscriptionChanged bool, owned []kmsg.ConsumerGroupHeartbeatRequestTopic) (*member, *refusal) {
	p := dr.now
	if !subscriptionChanged && p.reconciled(assignmentEpoch) {
		return p, nil
	}
	r := reconciliation{draft: dr, target: target, epoch: assignmentEpoch, owned: owned}
	switch p.state {
	case stable:
		if p.epoch != assignmentEpoch {
			return r.next(p.epoch), nil
		}
		return r.narrow(), nil
	case unrevoked:
		if !p.pending.ownsAny(owned) {
			return r.next(p.epoch), nil
		}
		if subscriptionChanged {
			return r.narrow(), nil
		}
		return p, nil
	case unreleased:
		return r.next(p.epoch), nil
	}
	if owned == nil || len(owned) > 0 {
		return nil, refuse(kerr.FencedMemberEpoch,
			"The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.")
	}
	return r.next(assignmentEpoch), nil
}

// reconciliation is one step of a member towards its target.
type reconciliation struct {
	*draft
	target assign.Assignment
	epoch  int32 // of the target
	owned  []kmsg.ConsumerGroupHeartbeatRequestTopic
}

// subscribed is the topics that the member reads.
func (r *reconciliation) subscribed() map[record.UUID]bool {
	all := make(map[record.UUID]bool)
	reader := topicReader{image: r.d.Image(), regexes: r.regexes}
	for _, t := range reader.of(r.now) {
		all[t.ID] = true
	}
	return all
}

// move is the member in another state and at another epoch.
func (r *reconciliation) move(s memberState, epoch int32, assigned, pending partitions) *member {
	p := *r.now
	p.state, p.previousEpoch, p.epoch, p.assigned, p.pending = s, p.epoch, epoch, assigned, pending
	return &p
}

// narrow takes away what the member does not read any more, before a new target is computed.
func (r *reconciliation) narrow() *member {
	p := r.now
	subscribed := r.subscribed()
	assigned, pending := make(partitions), make(partitions)
	for id, ps := range p.pending {
		pending[id] = ps
	}
	changed := false
	for id, ps := range p.assigned {
		if subscribed[id] {
			assigned[id] = ps
			continue
		}
		changed = true
		merged := make(map[int32]int32, len(ps)+len(pending[id]))
		for partition, since := range pending[id] {
			merged[partition] = since
		}
		for partition, since := range ps {
			merged[partition] = since
		}
		pending[id] = merged
	}
	switch {
	case !changed:
		return p
	case pending.ownsAny(r.owned):
		return r.move(unrevoked, p.epoch, assigned, pending)
	}
	return r.move(p.state, p.epoch, assigned, p.pending)
}

// next computes what the member has next; epoch is its own while it has to revoke.
func (r *reconciliation) next(epoch int32) *member {
	p := r.now
	subscribed := r.subscribed()
	assigned, pending, wanted := make(partitions), make(partitions), make(partitions)
	waits := false
	for id, ps := range p.assigned {
		for partition, since := range ps {
			to := pending
			if _, keep := slices.BinarySearch(r.target[id], partition); keep && subscribed[id] {
				to = assigned
			}
			to.put(id, partition, since)
		}
	}
	for id, ps := range r.target {
		for _, partition := range ps {
			switch {
			case !subscribed[id] || assigned.has(id, partition):
			case r.group.owned(id, partition) && !p.pending.has(id, partition) && !p.assigned.has(id, partition):
				waits = true
			default:
				wanted.put(id, partition, r.epoch)
			}
		}
	}
	if len(pending) > 0 && pending.ownsAny(r.owned) {
		return r.move(unrevoked, epoch, assigned, pending)
	}
	for id, ps := range wanted {
		for partition, since := range ps {
			assigned.put(id, partition, since)
		}
	}
	if waits {
		return r.move(unreleased, r.epoch, assigned, partitions{})
	}
	return r.move(stable, r.epoch, assigned, partitions{})
}

// put adds a partition; only while they are being made.
func (p partitions) put(id record.UUID, partition, since int32) {
	if p[id] == nil {
		p[id] = make(map[int32]int32)
	}
	p[id][partition] = since
}
