package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// A member hears of a rebalance with the answer to its next heartbeat, up to 3 s later with the settings of most clients, and until the last one has heard
// of it nobody reads. So the answer to the heartbeat of a member of a stable group is held: it leaves when a rebalance begins, when the caller
// has something else to say, or after some time, as if it had only now been asked for.
//
// Some clients send a heartbeat out of turn and wait for its answer: to know that they are members still before they commit a transaction, or
// that the one under way is through. Those are answered at once: what comes early, and what members send that commit by transactions.

// holdShare is which part of its session a member's answer is held at most.
const holdShare = 5

// hold keeps the answer to a heartbeat that found nothing new, and reports whether it did.
func (m *Machine) hold(g *liveGroup, p *member, e *Event) bool {
	most := min(m.set.HeartbeatHold, time.Duration(p.sessionTimeout)*time.Millisecond/holdShare)
	early := p.pulse.early(m.now, most)
	if !e.Hold || e.Ticket == 0 || most <= 0 || g.state != Stable {
		return false
	}
	m.answerBeat(p, 0) // the client has given an earlier one up
	if early || p.transactional {
		return false
	}
	p.beating = e.Ticket
	t := m.clock.start(timer{kind: holdTimer, group: g.id, member: p.id, deadline: m.now.Add(most)})
	m.held[e.Ticket] = t
	return true
}

// pulse is when a member's heartbeats come.
type pulse struct {
	last  time.Time     // when the last one came; zero: none yet
	usual time.Duration // between two, as far as known
}

// early notes that a heartbeat comes, and reports whether it comes much sooner than was to be expected. Some clients count their interval from the
// request, others from its answer, which is held for most at most; so only a third of what is usual is early, and half of most.
func (p *pulse) early(now time.Time, most time.Duration) bool {
	gap := now.Sub(p.last)
	first := p.last.IsZero()
	p.last = now
	switch {
	case first:
		return false
	case gap < max(most/2, p.usual/3):
		p.usual = (p.usual + gap) / 2 // it may be the interval after all: the last one came after a pause
		return true
	}
	p.usual = gap
	return false
}

// releaseSender answers the held heartbeat of the member that asks for something else, over whichever connection: it may wait for both. What it asked for is
// done already.
func (m *Machine) releaseSender(rq kmsg.Request) {
	var group, id string
	txn := false
	switch rq := rq.(type) {
	case *kmsg.OffsetCommitRequest:
		group, id = rq.Group, rq.MemberID
	case *kmsg.TxnOffsetCommitRequest:
		group, id, txn = rq.Group, rq.MemberID, true
	case *kmsg.JoinGroupRequest:
		group, id = rq.Group, rq.MemberID
	case *kmsg.SyncGroupRequest:
		group, id = rq.Group, rq.MemberID
	default: // who leaves is told so
		return
	}
	g := m.live[group]
	if g == nil || g.member(id) == nil {
		return
	}
	p := g.member(id)
	p.transactional = p.transactional || txn
	m.answerBeat(p, 0)
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
