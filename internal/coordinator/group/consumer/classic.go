package consumer

import (
	"bytes"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/epochs"
	"leat/internal/coordinator/group/kind"
)

// joinError is a refused JoinGroup. Like Kafka it names the member only to whom it gives an id.
func joinError(memberID string, code int16) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.MemberID, resp.ErrorCode, resp.Generation = memberID, code, -1
	return resp
}

// syncError is a refused SyncGroup.
func syncError(code int16) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.ErrorCode, resp.MemberAssignment = code, []byte{}
	return resp
}

// classicJoin lets a member of the classic protocol join a group of the new one. To it a generation is its member epoch, and it never leads.
func (k *Kind) classicJoin(d kind.Desk, e kind.Event, rq *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	g := k.hard.groups[rq.Group]
	if code := g.checkClassicJoin(d, rq); code != 0 {
		return joinError("", code)
	}
	id := rq.MemberID
	if id == "" {
		id = memberID(d)
		if rq.Version >= 4 && rq.InstanceID == nil {
			return joinError(id, kerr.MemberIDRequired.Code)
		}
	}
	sub := &subscription{}
	if readSubscription(rq.Protocols[0].Metadata, &sub.ConsumerMemberMetadata) != nil {
		return joinError("", kerr.InconsistentGroupProtocol.Code)
	}
	dr := &draft{k: k, d: d, id: rq.Group, group: g, epoch: g.epoch}
	if code := dr.speakClassic(id, rq); code != 0 {
		return joinError("", code)
	}
	u := *dr.now
	u.clientID, u.clientHost, u.regex = e.ClientID, e.ClientHost, new(string)
	u.topics = sub.topics()
	u.rebalanceTimeout = rq.RebalanceTimeoutMillis
	if rq.InstanceID != nil {
		u.instanceID = rq.InstanceID
	}
	if rack := filled(sub.Rack); rack != nil {
		u.rackID = rack
	}
	u.classic = &classicMember{sessionTimeout: rq.SessionTimeoutMillis}
	for i := range rq.Protocols {
		u.classic.protocols = append(u.classic.protocols, kind.Protocol{Name: rq.Protocols[i].Name, Metadata: bytes.Clone(rq.Protocols[i].Metadata)})
	}
	topicsChanged, regex, refused := dr.subscribe(&u)
	if refused != nil {
		return joinError("", refused.code)
	}
	if bump := topicsChanged || regex == regexResolved; bump || !k.fresh[dr.id] {
		dr.bump(bump)
	}
	target, assignmentEpoch := dr.assign()
	next, refused := dr.reconcile(target, assignmentEpoch, topicsChanged || regex != regexSame, sub.owned(d))
	if refused != nil {
		return joinError("", refused.code)
	}
	if !next.sameAssignment(dr.now) {
		k.writeCurrent(d, dr.id, next)
	}
	delete(k.rejoin, rq.Group+"\x00"+next.id)
	if !dr.replacedLast(next) {
		d.Timer(rq.Group, joinTimer+next.id, time.Time{})
		k.startSession(d, rq.Group, next)
		d.Timer(rq.Group, syncTimer+next.id, in(d, rq.RebalanceTimeoutMillis))
	}
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.MemberID, resp.Generation = next.id, next.epoch
	resp.ProtocolType, resp.Protocol = new(protocolType), &next.classic.protocols[0].Name
	resp.Members = []kmsg.JoinGroupResponseMember{}
	return resp
}

// subscription is what a classic consumer says of itself.
type subscription struct{ kmsg.ConsumerMemberMetadata }

func (s *subscription) topics() []string { return sortedKeys(set(s.Topics)) }

// owned is what it owns, by topic id.
func (s *subscription) owned(d kind.Desk) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	all := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for _, o := range s.OwnedPartitions {
		if t, ok := d.Image().Topic(o.Topic); ok {
			all = append(all, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: t.ID, Partitions: o.Partitions})
		}
	}
	return all
}

func set(all []string) map[string]bool {
	m := make(map[string]bool, len(all))
	for _, s := range all {
		m[s] = true
	}
	return m
}

// checkClassicJoin checks what does not depend on the member.
func (g *group) checkClassicJoin(d kind.Desk, rq *kmsg.JoinGroupRequest) int16 {
	_, static := g.statics[text(rq.InstanceID)]
	switch {
	case d.Settings().Consumer.MigrationPolicy == noMigration:
		return kerr.InconsistentGroupProtocol.Code
	case len(g.members) >= d.Settings().Consumer.MaxSize && (rq.InstanceID == nil || !static) && g.members[rq.MemberID] == nil:
		return kerr.GroupMaxSizeReached.Code
	case rq.ProtocolType != protocolType || len(rq.Protocols) == 0 || !g.speaks(rq.Protocols):
		return kerr.InconsistentGroupProtocol.Code
	}
	return 0
}

// speaks reports whether one of the protocols is known to all classic members.
func (g *group) speaks(protocols []kmsg.JoinGroupRequestProtocol) bool {
	if g.classic == 0 {
		return true
	}
	counts := make(map[string]int)
	for _, p := range g.members {
		if p.classic != nil {
			for i := range p.classic.protocols {
				counts[p.classic.protocols[i].Name]++
			}
		}
	}
	for i := range protocols {
		if counts[protocols[i].Name] == g.classic {
			return true
		}
	}
	return false
}

// speakClassic is speak for a member of the classic protocol.
func (dr *draft) speakClassic(id string, rq *kmsg.JoinGroupRequest) int16 {
	if rq.InstanceID == nil {
		if dr.before = dr.members[id]; dr.before == nil {
			dr.now = newMember(id)
		} else {
			dr.now = dr.before
		}
		return 0
	}
	if rq.MemberID != "" {
		p, refused := dr.checkStatic(id, *rq.InstanceID)
		if refused != nil {
			return refused.code
		}
		dr.before, dr.now = p, p
		return 0
	}
	oldID, known := dr.statics[*rq.InstanceID]
	if !known {
		dr.now = newMember(id)
		return 0
	}
	dr.before = dr.members[oldID]
	dr.now = dr.takeOver(dr.before, id)
	return 0
}

// classicMember finds the classic member that a request claims to come from.
func (g *group) classicMember(memberID string, instanceID *string, generation int32) (*member, int16) {
	p := g.members[memberID]
	if instanceID != nil {
		var refused *refusal
		if p, refused = g.checkStatic(memberID, *instanceID); refused != nil {
			return nil, refused.code
		}
	}
	switch {
	case p == nil || p.classic == nil:
		return nil, kerr.UnknownMemberID.Code
	case p.epoch != generation:
		return nil, kerr.IllegalGeneration.Code
	}
	return p, 0
}

// classicSync gives a classic member what it has.
func (k *Kind) classicSync(d kind.Desk, rq *kmsg.SyncGroupRequest) *kmsg.SyncGroupResponse {
	g := k.hard.groups[rq.Group]
	p, code := g.classicMember(rq.MemberID, rq.InstanceID, rq.Generation)
	if code != 0 {
		return syncError(code)
	}
	protocol := p.classic.protocols[0].Name
	switch {
	case rq.ProtocolType != nil && *rq.ProtocolType != protocolType || rq.Protocol != nil && *rq.Protocol != protocol:
		return syncError(kerr.InconsistentGroupProtocol.Code)
	case g.assigned > p.epoch && p.state != unrevoked:
		k.awaitJoin(d, rq.Group, p)
		return syncError(kerr.RebalanceInProgress.Code)
	}
	d.Timer(rq.Group, syncTimer+p.id, time.Time{})
	k.startSession(d, rq.Group, p)
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.ProtocolType, resp.Protocol = new(protocolType), &protocol
	resp.MemberAssignment = p.classicAssignment(d.Image())
	return resp
}

// awaitJoin gives a classic member until then to join again.
func (k *Kind) awaitJoin(d kind.Desk, id string, p *member) {
	if key := id + "\x00" + p.id; !k.rejoin[key] {
		k.rejoin[key] = true
		d.Timer(id, joinTimer+p.id, in(d, p.rebalanceTimeout))
	}
}

// classicBeat prolongs a classic member's session, and tells it to join again when there is something to revoke or to get.
func (k *Kind) classicBeat(d kind.Desk, rq *kmsg.HeartbeatRequest) *kmsg.HeartbeatResponse {
	resp := kmsg.NewPtrHeartbeatResponse()
	g := k.hard.groups[rq.Group]
	p, code := g.classicMember(rq.MemberID, rq.InstanceID, rq.Generation)
	if code != 0 {
		resp.ErrorCode = code
		return resp
	}
	k.startSession(d, rq.Group, p)
	if p.epoch < g.assigned || p.state == unrevoked || p.state == unreleased && !g.waits(p) || g.onlyJoinsAssign(d, rq.Group) {
		resp.ErrorCode = kerr.RebalanceInProgress.Code
		k.awaitJoin(d, rq.Group, p)
	}
	return resp
}

// onlyJoinsAssign reports whether the group is to be assigned anew and has classic members alone. Their heartbeats assign nothing; so
// one of them has to join again, or what a lost member had would never be read.
func (g *group) onlyJoinsAssign(d kind.Desk, id string) bool {
	return g.epoch > g.assigned && g.classic == len(g.members) && epochs.MayAssign(g.assignedAt, configOf(d, id).assignmentInterval, d.Now())
}

// waits reports whether others own something that the member shall have.
func (g *group) waits(p *member) bool {
	for id, ps := range g.targets[p.id] {
		for _, partition := range ps {
			if !p.assigned.has(id, partition) && g.owned(id, partition) {
				return true
			}
		}
	}
	return false
}

// classicLeave removes members at their own wish, or at an administrator's.
func (k *Kind) classicLeave(d kind.Desk, rq *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	g := k.hard.groups[rq.Group]
	resp := kmsg.NewPtrLeaveGroupResponse()
	members := rq.Members
	if rq.Version < 3 {
		members = []kmsg.LeaveGroupRequestMember{{MemberID: rq.MemberID}}
	}
	var gone []*member
	for i := range members {
		one := kmsg.NewLeaveGroupResponseMember()
		one.MemberID, one.InstanceID = members[i].MemberID, members[i].InstanceID
		p := g.members[members[i].MemberID]
		if instance := members[i].InstanceID; instance != nil {
			id, known := g.statics[*instance]
			if p = g.members[id]; !known {
				p = nil
			} else if one.MemberID != "" && one.MemberID != id {
				p, one.ErrorCode = nil, kerr.FencedInstanceID.Code
			}
		}
		if p == nil && one.ErrorCode == 0 {
			one.ErrorCode = kerr.UnknownMemberID.Code
		}
		if p != nil && !contains(gone, p) {
			d.Note(p.goodbye(d, rq.Group, g, text(members[i].Reason)))
			gone = append(gone, p)
		}
		resp.Members = append(resp.Members, one)
	}
	if len(gone) > 0 {
		k.fence(d, rq.Group, g, gone...)
	}
	if rq.Version < 3 {
		resp.ErrorCode, resp.Members = resp.Members[0].ErrorCode, nil
	}
	return resp
}

func contains(all []*member, p *member) bool {
	for _, q := range all {
		if p == q {
			return true
		}
	}
	return false
}
