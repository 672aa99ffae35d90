package group

import (
	"bytes"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// syncError is a refused SyncGroup.
func syncError(code int16) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.ErrorCode = code
	resp.MemberAssignment = []byte{}
	return resp
}

// synced is the answer to a member of the group's generation.
func (g *liveGroup) synced(assignment []byte) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.Protocol, resp.ProtocolType = g.protocol, nullable(g.protocolType)
	resp.MemberAssignment = assignment
	if assignment == nil {
		resp.MemberAssignment = []byte{}
	}
	return resp
}

// answerSync answers the member's waiting SyncGroup, if there is one, and reports whether there was.
func (m *Machine) answerSync(p *member, resp *kmsg.SyncGroupResponse) bool {
	waits := p.syncing != 0
	m.reply(p.syncing, resp)
	p.syncing = 0
	return waits
}

// endSync answers the member's waiting SyncGroup; then its session counts anew.
func (m *Machine) endSync(g *liveGroup, p *member, resp *kmsg.SyncGroupResponse) {
	if m.answerSync(p, resp) {
		m.startSession(g, p, p.sessionTimeout)
	}
}

// sync handles a SyncGroup.
func (m *Machine) sync(ticket machine.Ticket, rq *kmsg.SyncGroupRequest) {
	g, p, code := m.checkSync(rq)
	switch {
	case code != 0:
		m.reply(ticket, syncError(code))
	case g.state == PreparingRebalance:
		m.reply(ticket, syncError(codeRebalancing))
	case g.state == Stable:
		m.syncArrived(g, p)
		m.reply(ticket, g.synced(p.assignment))
	case g.state == CompletingRebalance:
		if p.syncing != 0 { // the client has given the first one up
			m.reply(p.syncing, syncError(codeRebalancing))
		}
		p.syncing = ticket
		m.syncArrived(g, p)
		if p.id == g.leader {
			m.assign(g, rq.GroupAssignment)
		}
	}
}

func (m *Machine) checkSync(rq *kmsg.SyncGroupRequest) (*liveGroup, *member, int16) {
	if rq.Group == "" {
		return nil, nil, kerr.InvalidGroupID.Code
	}
	if rq.Version >= 5 && (rq.ProtocolType == nil || rq.Protocol == nil) {
		return nil, nil, codeInconsistent
	}
	g := m.live[rq.Group]
	if g == nil || g.state == Empty {
		return nil, nil, codeUnknownMember
	}
	p, code := g.validate(rq.MemberID, rq.InstanceID)
	switch {
	case code != 0:
		return nil, nil, code
	case rq.Generation != g.generation:
		return nil, nil, kerr.IllegalGeneration.Code
	case differs(rq.ProtocolType, nullable(g.protocolType)) || differs(rq.Protocol, g.protocol):
		return nil, nil, codeInconsistent
	}
	return g, p, 0
}

// differs compares what both name.
func differs(a, b *string) bool { return a != nil && b != nil && *a != *b }

// syncArrived notes that the member has asked for its assignment.
func (m *Machine) syncArrived(g *liveGroup, p *member) {
	delete(g.unsynced, p.id)
	if len(g.unsynced) == 0 {
		g.syncTimer.stop()
		g.syncTimer = nil
	}
}

// assign takes over the leader's assignment and gives everybody who waits theirs. They hear of it once the record is committed.
func (m *Machine) assign(g *liveGroup, given []kmsg.SyncGroupRequestGroupAssignment) {
	assignment := make(map[string][]byte, len(given))
	for i := range given {
		assignment[given[i].MemberID] = bytes.Clone(given[i].MemberAssignment)
	}
	m.writeGeneration(g, assignment)
	for _, p := range g.members {
		p.assignment = assignment[p.id]
		m.endSync(g, p, g.synced(p.assignment))
	}
	m.moveTo(g, Stable)
	m.note(Notice{Message: "group is stable", Group: g.id, Generation: g.generation})
}

// endSyncWait removes the members that have not asked for their assignment in time.
func (m *Machine) endSyncWait(g *liveGroup, generation int32) {
	g.syncTimer = nil
	if generation != g.generation || len(g.unsynced) == 0 || g.state != CompletingRebalance && g.state != Stable {
		return
	}
	late := make([]string, 0, len(g.unsynced))
	for id := range g.unsynced {
		late = append(late, id)
	}
	slices.Sort(late)
	for _, id := range late {
		m.answerBeat(g.member(id), codeUnknownMember)
		g.remove(id)
	}
	m.prepareRebalance(g, "members did not ask for their assignment in time: "+strings.Join(late, ", "))
}
