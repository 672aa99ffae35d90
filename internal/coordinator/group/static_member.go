package group

import "github.com/twmb/franz-go/pkg/kmsg"

// replaceStatic gives a static member that came back without its id a new one (KIP-345). In a stable group that keeps its
// protocol nobody else notices: no rebalance, only the record of the generation changes.
func (m *Machine) replaceStatic(e *Event, rq *kmsg.JoinGroupRequest, g *liveGroup, oldID, newID string) {
	leader := g.leader
	p := m.rename(g, oldID, newID)
	m.startSession(g, p, p.sessionTimeout)
	m.updateMember(e, rq, g, p)
	switch g.state {
	case Stable:
		if next := g.selectProtocol(); next != text(g.protocol) {
			m.rebalance(g, "static member "+newID+" came back with other protocols"+reason(rq.Reason))
			return
		}
		m.writeGeneration(g, nil)
		resp := g.joined(newID)
		if rq.Version >= 9 {
			resp.SkipAssignment = g.leader == newID
		} else {
			// Older clients that are told that they lead would assign; so the leader's old id is named.
			resp.LeaderID, resp.Members = leader, nil
		}
		m.endJoin(g, p, resp)
	case CompletingRebalance:
		// The leader may already be assigning to the old id.
		m.prepareRebalance(g, "static member "+newID+" came back"+reason(rq.Reason))
	default:
		m.completeIfAllJoined(g)
	}
}

// rename gives a static member a new id; whoever still waits under the old one is fenced.
func (m *Machine) rename(g *liveGroup, oldID, newID string) *member {
	p := g.member(oldID)
	fenced := joinError(oldID, codeFenced)
	fenced.Protocol = nil
	m.endJoin(g, p, fenced)
	m.answerSync(p, syncError(codeFenced))
	m.answerBeat(p, codeFenced)
	p.session.stop()
	delete(g.byID, oldID)
	p.id, p.isNew = newID, false
	p.pulse, p.transactional = pulse{}, false
	g.byID[newID] = p
	g.statics[*p.instanceID] = newID
	if g.leader == oldID {
		g.leader = newID
	}
	if g.unsynced[oldID] {
		delete(g.unsynced, oldID)
		g.unsynced[newID] = true
	}
	return p
}
