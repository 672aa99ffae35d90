package group

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// leave removes members at their own wish, or at an administrator's.
func (m *Machine) leave(rq *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	resp := kmsg.NewPtrLeaveGroupResponse()
	if rq.Group == "" {
		resp.ErrorCode = kerr.InvalidGroupID.Code
		return resp
	}
	members := rq.Members
	if rq.Version < 3 {
		members = []kmsg.LeaveGroupRequestMember{{MemberID: rq.MemberID}}
	}
	g := m.live[rq.Group]
	var left []string
	for i := range members {
		one := kmsg.NewLeaveGroupResponseMember()
		one.MemberID, one.InstanceID = members[i].MemberID, members[i].InstanceID
		var id string
		if id, one.ErrorCode = m.leaveOne(g, &members[i]); one.ErrorCode == 0 {
			left = append(left, id)
		}
		resp.Members = append(resp.Members, one)
	}
	if rq.Version < 3 {
		resp.ErrorCode, resp.Members = resp.Members[0].ErrorCode, nil
	}
	if len(left) > 0 {
		m.afterLeave(g, strings.Join(left, ", "))
		m.prune(g)
	}
	return resp
}

// leaveOne removes one member and returns its id. g is nil for a group without members.
func (m *Machine) leaveOne(g *liveGroup, who *kmsg.LeaveGroupRequestMember) (string, int16) {
	if g == nil {
		return "", codeUnknownMember
	}
	id := who.MemberID
	if id == "" { // an administrator names static members by their instance id
		static, ok := g.statics[text(who.InstanceID)]
		if who.InstanceID == nil || !ok {
			return "", codeUnknownMember
		}
		id = static
	} else if _, ok := g.pending[id]; ok {
		g.remove(id)
		return id, 0
	}
	p, code := g.validate(id, who.InstanceID)
	if code != 0 {
		return "", code
	}
	notice := Notice{Message: "member left group", Group: g.id, Member: id, ClientID: p.clientID, ClientHost: p.clientHost, Generation: g.generation, Reason: text(who.Reason)}
	if notice.Reason == "" && g.state == Stable {
		notice.Quiet = kind.QuietOf(m.now, g.stateTimestamp, p.rebalanceTimeout, m.hard.commits(g.id))
	}
	m.endJoin(g, p, joinError("", codeUnknownMember))
	m.answerSync(p, syncError(codeUnknownMember))
	m.answerBeat(p, codeUnknownMember)
	g.remove(id)
	m.note(notice)
	return id, 0
}

// afterLeave goes on without those who left.
func (m *Machine) afterLeave(g *liveGroup, who string) {
	switch g.state {
	case Stable, CompletingRebalance:
		m.prepareRebalance(g, "members left: "+who)
	case PreparingRebalance:
		m.completeIfAllJoined(g)
	}
}
