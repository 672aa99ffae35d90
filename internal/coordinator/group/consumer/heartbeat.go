package consumer

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// heartbeat handles a ConsumerGroupHeartbeat.
func (k *Kind) heartbeat(d kind.Desk, e kind.Event, rq *kmsg.ConsumerGroupHeartbeatRequest) (*kmsg.ConsumerGroupHeartbeatResponse, *refusal) {
	if refused := validate(d, rq); refused != nil {
		return nil, refused
	}
	if rq.MemberEpoch < 0 {
		return k.leave(d, rq)
	}
	if rq.MemberEpoch == 0 { // before anything is written
		if refused := k.hard.groups[rq.Group].checkRegex(text(rq.SubscribedTopicRegex)); refused != nil {
			return nil, refused
		}
	}
	g, refused := k.groupFor(d, rq)
	if refused != nil {
		return nil, refused
	}
	dr := &draft{k: k, d: d, id: rq.Group, group: g, epoch: g.epoch, sees: e.Sees}
	if refused = dr.speak(rq); refused != nil {
		return nil, refused
	}
	spoke := dr.now
	updated := update(spoke, e, rq)
	topicsChanged, regex, refused := dr.subscribe(updated)
	if refused != nil {
		return nil, refused
	}
	assignorChanged := assignor(d, dr.group.assignors) != assignor(d, dr.assignorCounts())
	if bump := topicsChanged || regex == regexResolved || assignorChanged; bump || !k.fresh[dr.id] {
		dr.bump(bump)
	}
	target, assignmentEpoch := dr.assign()
	next, refused := dr.reconcile(target, assignmentEpoch, topicsChanged || regex != regexSame, rq.Topics)
	if refused != nil {
		return nil, refused
	}
	moved := next != dr.now && !next.sameAssignment(dr.now)
	if moved {
		k.writeCurrent(d, dr.id, next)
	}
	k.startSession(d, dr.id, next)
	return k.answer(d, dr.id, rq, next, moved && !spoke.assigned.samePlaces(next.assigned)), nil
}

// groupFor finds the group, or makes room for it.
func (k *Kind) groupFor(d kind.Desk, rq *kmsg.ConsumerGroupHeartbeatRequest) (*group, *refusal) {
	id, joining := rq.Group, rq.MemberEpoch == 0
	if g := k.hard.groups[id]; g != nil {
		return g, nil
	}
	switch {
	case joining && d.Claim(id, kind.Classic):
		return newGroup(), nil
	case d.TypeOf(id) == kind.None:
		return nil, refuse(kerr.GroupIDNotFound, fmt.Sprintf("Group %s not found.", id))
	case joining && d.TypeOf(id) == kind.Classic:
		return k.upgrade(d, id, rq)
	}
	return nil, refuse(kerr.GroupIDNotFound, fmt.Sprintf("Group %s is not a consumer group.", id))
}

// speak finds the member that speaks, or makes it: then dr.before is whom it replaces, if anybody.
func (dr *draft) speak(rq *kmsg.ConsumerGroupHeartbeatRequest) *refusal {
	_, static := dr.statics[text(rq.InstanceID)]
	if static = static && rq.InstanceID != nil; !static && len(dr.members) >= dr.d.Settings().Consumer.MaxSize {
		if rq.MemberID == "" || dr.members[rq.MemberID] == nil {
			return refuse(kerr.GroupMaxSizeReached,
				fmt.Sprintf("The consumer group has reached its maximum capacity of %d members.", dr.d.Settings().Consumer.MaxSize))
		}
	}
	id := rq.MemberID
	if id == "" {
		id = memberID(dr.d)
	}
	if rq.InstanceID != nil {
		return dr.speakStatic(id, *rq.InstanceID, rq)
	}
	p := dr.members[id]
	if p == nil {
		if rq.MemberEpoch != 0 {
			return unknownMember(rq.Group, id)
		}
		p = newMember(id)
	} else {
		dr.before = p
	}
	dr.now = p
	if rq.MemberEpoch == 0 {
		return nil
	}
	return p.checkEpoch(rq.MemberEpoch, rq.Topics)
}

// speakStatic is speak for a static member, which takes the place of the one with its instance id when it joins.
func (dr *draft) speakStatic(id, instanceID string, rq *kmsg.ConsumerGroupHeartbeatRequest) *refusal {
	if rq.MemberEpoch != 0 {
		p, refused := dr.checkStatic(id, instanceID)
		if refused != nil {
			return refused
		}
		dr.before, dr.now = p, p
		return p.checkEpoch(rq.MemberEpoch, rq.Topics)
	}
	oldID, known := dr.statics[instanceID]
	if !known {
		if p := dr.members[id]; p != nil {
			dr.before, dr.now = p, p
		} else {
			dr.now = newMember(id)
		}
		return nil
	}
	old := dr.members[oldID]
	if old.classic == nil && old.epoch != leavingStatic {
		return refuse(kerr.UnreleasedInstanceID, fmt.Sprintf(
			"Static member %s with instance id %s cannot join the group because the instance id is owned by %s member.", id, instanceID, oldID))
	}
	dr.before, dr.now = old, dr.takeOver(old, id)
	return nil
}

// takeOver writes a member in the place of another one, whose assignment it has.
func (dr *draft) takeOver(old *member, id string) *member {
	p := *old
	p.id, p.epoch, p.previousEpoch = id, 0, 0
	dr.k.stopTimers(dr.d, dr.id, old.id)
	dr.k.writeGone(dr.d, dr.id, old.id)
	dr.d.Write(&MemberRecord{Group: dr.id, ID: id, Member: &p})
	dr.d.Write(&TargetRecord{Group: dr.id, ID: id, Target: dr.targets[old.id]})
	dr.k.writing[dr.id].rename(old.id, id)
	dr.d.Write(currentRecord(dr.id, &p))
	return &p
}

// update is what a member is after it said something. What a request leaves out stays.
func update(p *member, e kind.Event, rq *kmsg.ConsumerGroupHeartbeatRequest) *member {
	u := *p
	u.clientID, u.clientHost, u.classic = e.ClientID, e.ClientHost, nil
	if rq.InstanceID != nil {
		u.instanceID = rq.InstanceID
	}
	if rq.RackID != nil {
		u.rackID = rq.RackID
	}
	if rq.RebalanceTimeoutMillis != -1 {
		u.rebalanceTimeout = rq.RebalanceTimeoutMillis
	}
	if rq.ServerAssignor != nil {
		u.assignor = rq.ServerAssignor
	}
	if rq.SubscribedTopicNames != nil {
		u.topics = slices.Compact(slices.Sorted(slices.Values(rq.SubscribedTopicNames)))
	}
	if rq.SubscribedTopicRegex != nil {
		u.regex = rq.SubscribedTopicRegex
	}
	return &u
}

// subscribe takes over what the member says of itself, and reports what of its subscription changed.
func (dr *draft) subscribe(updated *member) (topicsChanged bool, regex regexChange, refused *refusal) {
	old := dr.now
	topicsChanged = !slices.Equal(updated.topics, old.topics)
	dr.now = updated
	write := dr.before == nil || !updated.sameSubscription(old)
	regex, refused = dr.updateRegex(old, updated)
	if refused != nil {
		return false, regexSame, refused
	}
	if write {
		dr.d.Write(&MemberRecord{Group: dr.id, ID: updated.id, Member: updated})
	}
	dr.dropRegex(old, updated)
	return topicsChanged, regex, nil
}

// answer tells a member its epoch, and what it is assigned if that is news or if it said all of itself.
func (k *Kind) answer(d kind.Desk, id string, rq *kmsg.ConsumerGroupHeartbeatRequest, next *member, news bool) *kmsg.ConsumerGroupHeartbeatResponse {
	resp := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	resp.MemberID, resp.MemberEpoch = &next.id, next.epoch
	resp.HeartbeatIntervalMillis = int32(k.interval(d, id).Milliseconds())
	full := rq.RebalanceTimeoutMillis != -1 && (rq.SubscribedTopicNames != nil || rq.SubscribedTopicRegex != nil) && rq.Topics != nil
	if rq.MemberEpoch != 0 && !full && !news {
		return resp
	}
	resp.Assignment = &kmsg.ConsumerGroupHeartbeatResponseAssignment{Topics: []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{}}
	lists := next.assigned.lists()
	for _, topic := range sortedIDs(lists) {
		resp.Assignment.Topics = append(resp.Assignment.Topics, kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{TopicID: topic, Partitions: lists[topic]})
	}
	return resp
}

// currentRecord is what a member has.
func currentRecord(id string, p *member) *CurrentRecord {
	return &CurrentRecord{
		Group: id, ID: p.id, Epoch: p.epoch, PreviousEpoch: p.previousEpoch, State: p.state, Assigned: p.assigned, Pending: p.pending,
	}
}

// writeCurrent writes what a member has, and gives it its time to revoke.
func (k *Kind) writeCurrent(d kind.Desk, id string, p *member) {
	d.Write(currentRecord(id, p))
	switch {
	case p.classic != nil:
	case p.state == unrevoked:
		k.startRevoke(d, id, p)
	default:
		k.stopRevoke(d, id, p.id)
	}
}

// writeGone writes the tombstones of a member.
func (k *Kind) writeGone(d kind.Desk, id, who string) {
	d.Write(&CurrentRecord{Group: id, ID: who, Gone: true})
	d.Write(&TargetRecord{Group: id, ID: who, Gone: true})
	d.Write(&MemberRecord{Group: id, ID: who})
}
