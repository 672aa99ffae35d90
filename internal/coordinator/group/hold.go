package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// A member hears of a rebalance with the answer to its next heartbeat, up to 3 s later with the settings of most clients, and until the last one has heard
// of it nobody reads. So the answer to the heartbeat of a member of a stable group is held: it leaves when a rebalance begins, when the caller
// has something else to say, or after some time, as if it had only now been asked for.

// holdShare is which part of its session a member's answer is held at most.
const holdShare = 5

// hold keeps the answer to a heartbeat that found nothing new, and reports whether it did.
func (m *Machine) hold(g *liveGroup, p *member, e *Event) bool {
	most := min(m.set.HeartbeatHold, time.Duration(p.sessionTimeout)*time.Millisecond/holdShare)
	if !e.Hold || e.Ticket == 0 || most <= 0 || g.state != Stable {
		return false
	}
	m.answerBeat(p, 0) // the client has given an earlier one up
	p.beating = e.Ticket
	t := m.clock.start(timer{kind: holdTimer, group: g.id, member: p.id, deadline: m.now.Add(most)})
	m.held[e.Ticket] = t
	return true
}

// answerBeat answers the member's held heartbeat, if there is one.
func (m *Machine) answerBeat(p *member, code int16) {
	if p.beating == 0 {
		return
	}
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.ErrorCode = code
	m.held[p.beating].stop()
	delete(m.held, p.beating)
	m.reply(p.beating, resp)
	p.beating = 0
}

// release answers a held heartbeat whose caller can wait no longer; it may be answered already.
func (m *Machine) release(ticket machine.Ticket) {
	if t := m.held[ticket]; t != nil {
		m.answerBeat(m.live[t.group].member(t.member), 0)
	}
}
