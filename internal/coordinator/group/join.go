package group

import (
	"bytes"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	codeUnknownMember = kerr.UnknownMemberID.Code
	codeNotAvailable  = kerr.CoordinatorNotAvailable.Code
	codeRebalancing   = kerr.RebalanceInProgress.Code
	codeFenced        = kerr.FencedInstanceID.Code
	codeInconsistent  = kerr.InconsistentGroupProtocol.Code
)

// joinError is a refused JoinGroup.
func joinError(memberID string, code int16) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.MemberID, resp.ErrorCode, resp.Generation = memberID, code, -1
	return resp
}

// joined is the answer to a member of the group's generation.
func (g *liveGroup) joined(memberID string) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.MemberID, resp.Generation, resp.LeaderID, resp.Protocol = memberID, g.generation, g.leader, g.protocol
	resp.ProtocolType = nullable(g.protocolType)
	if g.leader == memberID {
		resp.Members = g.joinedMembers()
	}
	return resp
}

func (g *liveGroup) joinedMembers() []kmsg.JoinGroupResponseMember {
	all := make([]kmsg.JoinGroupResponseMember, 0, len(g.members))
	for _, p := range g.members {
		jm := kmsg.NewJoinGroupResponseMember()
		jm.MemberID, jm.InstanceID, jm.ProtocolMetadata = p.id, p.instanceID, p.metadata(text(g.protocol))
		all = append(all, jm)
	}
	return all
}

// answerJoin answers the member's waiting JoinGroup, if there is one. awaitingJoin is the caller's business.
func (m *Machine) answerJoin(p *member, resp *kmsg.JoinGroupResponse) {
	m.reply(p.joining, resp)
	p.joining = 0
}

// endJoin answers the member's waiting JoinGroup, if there is one.
func (m *Machine) endJoin(g *liveGroup, p *member, resp *kmsg.JoinGroupResponse) {
	if p.joining != 0 {
		g.awaitingJoin--
		m.answerJoin(p, resp)
	}
}

// join handles a JoinGroup.
func (m *Machine) join(e *Event, rq *kmsg.JoinGroupRequest) {
	if code := m.checkJoin(rq); code != 0 {
		m.reply(e.Ticket, joinError(rq.MemberID, code))
		return
	}
	known, before := m.exists(rq.Group), len(m.out.Records)
	if !known && rq.MemberID != "" {
		m.reply(e.Ticket, joinError(rq.MemberID, codeUnknownMember))
		return
	}
	g := m.group(rq.Group)
	switch {
	case !m.accepts(g, rq.MemberID):
		g.remove(rq.MemberID)
		m.reply(e.Ticket, joinError("", kerr.GroupMaxSizeReached.Code))
	case !g.supports(rq.ProtocolType, rq.Protocols):
		m.reply(e.Ticket, joinError(rq.MemberID, codeInconsistent))
	case rq.MemberID == "":
		m.joinNew(e, rq, g)
	default:
		m.joinAgain(e, rq, g)
	}
	if !known && len(m.out.Records) == before {
		m.write(&MetadataRecord{Group: g.id, Metadata: &Metadata{StateTimestamp: g.stateTimestamp}})
	}
	m.prune(g)
}

// checkJoin checks what does not depend on the group.
func (m *Machine) checkJoin(rq *kmsg.JoinGroupRequest) int16 {
	timeout := time.Duration(rq.SessionTimeoutMillis) * time.Millisecond
	switch {
	case rq.Group == "" || len(rq.Group) > maxString:
		return kerr.InvalidGroupID.Code
	case timeout < m.set.MinSessionTimeout || timeout > m.set.MaxSessionTimeout:
		return kerr.InvalidSessionTimeout.Code
	case len(rq.ProtocolType) > maxString || len(text(rq.InstanceID)) > maxString-37:
		return kerr.InvalidRequest.Code
	}
	for i := range rq.Protocols {
		if len(rq.Protocols[i].Name) > maxString {
			return kerr.InvalidRequest.Code
		}
	}
	return 0
}

// accepts reports whether there is room for the member.
func (m *Machine) accepts(g *liveGroup, id string) bool {
	p := g.member(id)
	switch g.state {
	case PreparingRebalance:
		// Those who wait count, not the members: the limit may have been lowered, and then the last to rejoin have to go.
		return p != nil && p.joining != 0 || g.awaitingJoin < m.set.MaxSize
	case CompletingRebalance, Stable:
		return p != nil || len(g.members) < m.set.MaxSize
	}
	return true
}

// joinNew handles the JoinGroup of somebody without a member id.
func (m *Machine) joinNew(e *Event, rq *kmsg.JoinGroupRequest, g *liveGroup) {
	if rq.InstanceID != nil {
		id := m.memberID(*rq.InstanceID)
		if old, ok := g.statics[*rq.InstanceID]; ok {
			m.replaceStatic(e, rq, g, old, id)
			return
		}
		m.addMember(e, rq, g, id)
		return
	}
	id := m.memberID(e.ClientID)
	if rq.Version < 4 {
		m.addMember(e, rq, g, id)
		return
	}
	// The client comes back with the id (KIP-394), so that one whose answer got lost leaves no member behind.
	if g.pending == nil {
		g.pending = make(map[string]*timer)
	}
	g.arrivedAt = m.now.UnixMilli()
	g.pending[id] = m.clock.start(timer{kind: pendingTimer, group: g.id, member: id, deadline: m.in(rq.SessionTimeoutMillis)})
	m.reply(e.Ticket, joinError(id, kerr.MemberIDRequired.Code))
}

// in is the time some milliseconds from now.
func (m *Machine) in(millis int32) time.Time {
	return m.now.Add(time.Duration(max(millis, 0)) * time.Millisecond)
}

// joinAgain handles the JoinGroup of somebody with a member id.
func (m *Machine) joinAgain(e *Event, rq *kmsg.JoinGroupRequest, g *liveGroup) {
	if t, ok := g.pending[rq.MemberID]; ok {
		if rq.InstanceID != nil {
			m.reply(e.Ticket, joinError(rq.MemberID, codeUnknownMember))
			return
		}
		t.stop()
		delete(g.pending, rq.MemberID)
		m.addMember(e, rq, g, rq.MemberID)
		return
	}
	p, code := g.validate(rq.MemberID, rq.InstanceID)
	if code != 0 {
		m.reply(e.Ticket, joinError(rq.MemberID, code))
		return
	}
	same := p.matches(rq.Protocols)
	switch {
	case g.state == Empty:
		m.reply(e.Ticket, joinError(rq.MemberID, codeUnknownMember))
	case g.state == CompletingRebalance && same,
		g.state == Stable && same && g.leader != p.id:
		// The answer of this generation got lost, or the member asks without need.
		m.reply(e.Ticket, g.joined(p.id))
	default:
		m.updateMember(e, rq, g, p)
		m.rebalance(g, p.id+" joins again"+reason(rq.Reason))
	}
}

// reason is what the client gave as its reason, for the operator.
func reason(r *string) string {
	if r == nil || *r == "" {
		return ""
	}
	return ": " + *r
}

// validate finds the member that a request claims to come from.
func (g *liveGroup) validate(memberID string, instanceID *string) (*member, int16) {
	if instanceID != nil {
		id, ok := g.statics[*instanceID]
		if !ok {
			return nil, codeUnknownMember
		}
		if id != memberID {
			return nil, codeFenced
		}
	}
	if p := g.member(memberID); p != nil {
		return p, 0
	}
	return nil, codeUnknownMember
}

// addMember adds a member and goes on with the rebalance that this means.
func (m *Machine) addMember(e *Event, rq *kmsg.JoinGroupRequest, g *liveGroup, id string) {
	p := &member{
		id: id, instanceID: rq.InstanceID, clientID: e.ClientID, clientHost: e.ClientHost,
		rebalanceTimeout: rebalanceTimeoutOf(rq), sessionTimeout: rq.SessionTimeoutMillis, protocols: keep(rq.Protocols),
		isNew: true, joining: e.Ticket,
	}
	if g.state == PreparingRebalance && g.previous == Empty {
		g.newMemberAdded = true
	}
	g.arrivedAt = m.now.UnixMilli()
	if len(g.members) == 0 {
		g.protocolType = rq.ProtocolType
	}
	g.insert(p)
	m.startSession(g, p, int32(newMemberTimeout.Milliseconds()))
	m.rebalance(g, "new member "+id+reason(rq.Reason))
}

// rebalanceTimeoutOf is the rebalance timeout of a request; version 0 has none.
func rebalanceTimeoutOf(rq *kmsg.JoinGroupRequest) int32 {
	if rq.Version == 0 {
		return rq.SessionTimeoutMillis
	}
	return rq.RebalanceTimeoutMillis
}

// updateMember takes over what a member says in a new JoinGroup, which waits from now on. One that waited before is not answered
// any more: the client has given it up.
func (m *Machine) updateMember(e *Event, rq *kmsg.JoinGroupRequest, g *liveGroup, p *member) {
	g.count(p, -1)
	p.protocols = keep(rq.Protocols)
	g.count(p, 1)
	p.rebalanceTimeout, p.sessionTimeout = rebalanceTimeoutOf(rq), rq.SessionTimeoutMillis
	if p.joining == 0 {
		g.awaitingJoin++
	} else {
		m.reply(p.joining, joinError(p.id, codeRebalancing))
	}
	p.joining = e.Ticket
}

// keep copies protocols whose bytes belong to the request.
func keep(protocols []kmsg.JoinGroupRequestProtocol) []kmsg.JoinGroupRequestProtocol {
	kept := make([]kmsg.JoinGroupRequestProtocol, len(protocols))
	for i := range protocols {
		kept[i].Name, kept[i].Metadata = protocols[i].Name, bytes.Clone(protocols[i].Metadata)
	}
	return kept
}
