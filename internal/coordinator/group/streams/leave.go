package streams

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// leave takes a member off the group. A static member that comes back keeps its tasks: nobody else gets them until its session ends.
func (k *Groups) leave(d kind.Desk, rq *kmsg.StreamsGroupHeartbeatRequest) (*Answer, *refusal) {
	g := k.hard[rq.Group]
	switch t := d.TypeOf(rq.Group); {
	case t == kind.None:
		return nil, refuse(codeGroupIDNotFound, "Group "+rq.Group+" not found.")
	case g == nil:
		return nil, refuse(codeGroupIDNotFound, "Group "+rq.Group+" is not a streams group.")
	}
	if l := k.live(rq.Group); rq.ShutdownApplication && l.shutdown == "" {
		l.shutdown = rq.MemberID
	}
	resp := rq.ResponseKind().(*kmsg.StreamsGroupHeartbeatResponse)
	resp.MemberID, resp.MemberEpoch = rq.MemberID, rq.MemberEpoch
	resp.Status = []kmsg.StreamsGroupHeartbeatResponseStatus{}
	answer := &Answer{StreamsGroupHeartbeatResponse: resp}
	m := g.Members[rq.MemberID]
	if rq.InstanceID != nil {
		m = g.static(*rq.InstanceID)
		if bad := checkStatic(m, *rq.InstanceID, rq.MemberID); bad != nil {
			return nil, bad
		}
		if rq.MemberEpoch == leaveStaticEpoch {
			d.Note(g.goodbye(d, rq.Group, m, "static member left group for a while"))
			d.Write(&CurrentRecord{rq.Group, m.ID, m.away()})
			return answer, nil
		}
	}
	if m == nil {
		return nil, refuse(codeUnknownMemberID, fmt.Sprintf("Member %s is not a member of group %s.", rq.MemberID, rq.Group))
	}
	d.Note(g.goodbye(d, rq.Group, m, "member left group"))
	k.fence(d, rq.Group, g, m)
	return answer, nil
}

// goodbye tells of a member that leaves.
func (g *group) goodbye(d kind.Desk, id string, m *member, message string) kind.Notice {
	return kind.Notice{Message: message, Group: id, Member: m.ID, ClientID: m.ClientID, ClientHost: m.ClientHost, Generation: g.Epoch,
		Quiet: kind.QuietOf(d.Now(), g.Target.Timestamp, m.RebalanceTimeout, d.Commits(id))}
}

// away is a static member that has left for a while.
func (m *member) away() *Current {
	c := &Current{Epoch: leaveStaticEpoch, Previous: m.Previous, State: m.State, Assigned: m.Assigned.clone()}
	for task := range c.Assigned[Active] {
		c.Assigned[Active][task] = 0 // whoever comes back may commit for them
	}
	return c
}
