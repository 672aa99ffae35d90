package group

import (
	"fmt"
	"slices"
)

// rebalance starts a rebalance, or goes on with the one under way.
func (m *Machine) rebalance(g *liveGroup, reason string) {
	if g.state == PreparingRebalance {
		m.completeIfAllJoined(g)
		return
	}
	m.prepareRebalance(g, reason)
}

// prepareRebalance begins the join phase.
func (m *Machine) prepareRebalance(g *liveGroup, reason string) {
	if g.state == CompletingRebalance {
		for _, p := range g.members {
			p.assignment = nil
			m.endSync(g, p, syncError(codeRebalancing))
		}
	}
	for _, p := range g.members {
		m.answerBeat(p, codeRebalancing)
	}
	g.unsynced = nil
	g.syncTimer.stop()
	first := g.state == Empty
	m.moveTo(g, PreparingRebalance)
	m.note(Notice{Message: "preparing to rebalance group", Group: g.id, Generation: g.generation, Reason: reason})
	switch {
	case first:
		g.newMemberAdded = false
		g.delay = int32(m.set.InitialRebalanceDelay.Milliseconds())
		g.remaining = max(g.rebalanceTimeout()-g.delay, 0)
		wait := g.delay
		if m.looksForOthers() {
			wait = arrivalFirst
		}
		m.startJoinTimer(g, initialTimer, wait)
	case g.allJoined():
		m.completeJoin(g)
	default:
		m.startJoinTimer(g, joinTimer, g.rebalanceTimeout())
	}
}

// startJoinTimer sets when the join phase ends.
func (m *Machine) startJoinTimer(g *liveGroup, kind timerKind, millis int32) {
	g.joinTimer.stop()
	g.joinTimer = m.clock.start(timer{kind: kind, group: g.id, deadline: m.in(millis)})
}

// endInitialDelay ends the first join phase of a group, or prolongs it if members came meanwhile.
func (m *Machine) endInitialDelay(g *liveGroup) {
	if m.othersCome(g) {
		return
	}
	if !g.newMemberAdded || g.remaining == 0 {
		m.completeJoin(g)
		return
	}
	g.newMemberAdded = false
	next := min(int32(m.set.InitialRebalanceDelay.Milliseconds()), g.remaining)
	g.remaining = max(g.remaining-g.delay, 0)
	g.delay = next
	m.startJoinTimer(g, initialTimer, next)
}

// Without an initial delay a group of many that start at once would be a group of the first few, and the others would wait for these to hear of
// them at their next heartbeats. So the first generation begins when nobody has come for a moment. The few that a busy machine lets through first tell
// nothing about how many follow: a process that is busy may look at its connections every 10 ms only.
const (
	arrivalFirst = 4    // ms, for one that is alone
	arrivalFew   = 18   // ms, while fewer than arrivalMany have come
	arrivalMany  = 8    // members
	arrivalQuiet = 8    // ms, when more have come, and more the more they are
	pendingWait  = 20   // ms, while somebody who was given an id has not come back with it
	arrivalMost  = 1000 // ms, all in all
)

// quiet is for how many ms nobody must have come, so that the first generation of a group without an initial delay begins.
func (g *liveGroup) quiet() int64 {
	here := len(g.members)
	wait := int64(arrivalQuiet + here/25)
	switch {
	case here+len(g.pending) == 1:
		return arrivalFirst
	case here < arrivalMany:
		wait = arrivalFew
	}
	if len(g.pending) > 0 {
		wait = max(wait, pendingWait)
	}
	return wait
}

// othersCome prolongs the first join phase of a group without an initial delay while others come, and reports whether it did.
func (m *Machine) othersCome(g *liveGroup) bool {
	now := m.now.UnixMilli()
	until := min(g.arrivedAt+g.quiet(), g.stateTimestamp+arrivalMost)
	if !m.looksForOthers() || now >= until {
		return false
	}
	m.startJoinTimer(g, initialTimer, int32(min(until-now, arrivalFirst))) // who comes meanwhile may shorten the wait
	return true
}

// looksForOthers is about groups without an initial delay. Who wants no heartbeats held wants Kafka's times here, too.
func (m *Machine) looksForOthers() bool {
	return m.set.InitialRebalanceDelay <= 0 && m.set.HeartbeatHold > 0
}

// completeIfAllJoined ends the join phase if nobody is missing. The first one of a group ends by time only.
func (m *Machine) completeIfAllJoined(g *liveGroup) {
	if g.state == PreparingRebalance && g.previous != Empty && g.allJoined() {
		m.completeJoin(g)
	}
}

// leastStaticWait is how long, at least, a group waits for static members before it looks for them again, in ms.
const leastStaticWait = 1000

// completeJoin ends the join phase: dynamic members who did not come are removed, the others get the next generation.
func (m *Machine) completeJoin(g *liveGroup) {
	g.joinTimer.stop()
	g.joinTimer = nil
	for _, p := range slices.Clone(g.members) {
		if p.joining == 0 && p.instanceID == nil {
			g.remove(p.id)
			m.note(Notice{Message: "removed member that did not join", Group: g.id, Member: p.id, ClientID: p.clientID, ClientHost: p.clientHost, Generation: g.generation})
		}
	}
	if len(g.members) > 0 && !g.electJoined() {
		// Only static members are left and none is here: wait until they are, or their sessions end. They may have left no time for that,
		// and a timer that is due at once would be due again when it has fired.
		m.startJoinTimer(g, joinTimer, max(g.rebalanceTimeout(), leastStaticWait))
		return
	}
	m.nextGeneration(g)
	if g.state == Empty {
		m.writeGeneration(g, nil)
		m.note(Notice{Message: "group is empty", Group: g.id, Generation: g.generation})
		return
	}
	m.note(Notice{Message: "group has a new generation", Group: g.id, Generation: g.generation, Reason: fmt.Sprintf("%d members", len(g.members))})
	g.unsynced = make(map[string]bool, len(g.members))
	for _, p := range g.members {
		m.endJoin(g, p, g.joined(p.id))
		m.startSession(g, p, p.sessionTimeout)
		p.isNew = false
		g.unsynced[p.id] = true
	}
	g.syncTimer.stop()
	g.syncTimer = m.clock.start(timer{kind: syncTimer, group: g.id, generation: g.generation, deadline: m.in(g.rebalanceTimeout())})
}

// nextGeneration counts the generation up and chooses its protocol.
func (m *Machine) nextGeneration(g *liveGroup) {
	g.generation++
	g.unsynced = nil
	if len(g.members) == 0 {
		g.protocol, g.leader = nil, ""
		g.subscribed = g.subscriptions()
		m.moveTo(g, Empty)
		return
	}
	protocol := g.selectProtocol()
	g.protocol = &protocol
	g.subscribed = g.subscriptions()
	m.moveTo(g, CompletingRebalance)
}

// writeGeneration writes the group's record. assignment overrides the members' own, if not nil.
func (m *Machine) writeGeneration(g *liveGroup, assignment map[string][]byte) {
	v := &Metadata{
		ProtocolType: g.protocolType, Generation: g.generation, Protocol: g.protocol, Leader: nullable(g.leader),
		StateTimestamp: g.stateTimestamp, Members: make([]StoredMember, 0, len(g.members)),
	}
	for _, p := range g.members {
		given := p.assignment
		if assignment != nil {
			given = assignment[p.id]
		}
		v.Members = append(v.Members, StoredMember{
			MemberID: p.id, InstanceID: p.instanceID, ClientID: p.clientID, ClientHost: p.clientHost,
			RebalanceTimeout: p.rebalanceTimeout, SessionTimeout: p.sessionTimeout,
			Subscription: p.metadata(text(g.protocol)), Assignment: given,
		})
	}
	m.write(&MetadataRecord{Group: g.id, Metadata: v})
}

// nullable is nil for the empty string.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// fire does what a timer was set for.
func (m *Machine) fire(t *timer) {
	if t.kind == kindTimer {
		t.desk.fire(t)
		return
	}
	g := m.live[t.group]
	if g == nil {
		return
	}
	switch t.kind {
	case sessionTimer:
		if p := g.member(t.member); p != nil && p.session == t {
			p.session = nil
			m.endSession(g, p)
		}
	case pendingTimer:
		if g.pending[t.member] == t {
			g.remove(t.member)
			if g.state == PreparingRebalance && g.allJoined() {
				m.completeJoin(g)
			}
		}
	case joinTimer:
		if g.joinTimer == t {
			m.completeJoin(g)
		}
	case initialTimer:
		if g.joinTimer == t {
			m.endInitialDelay(g)
		}
	case holdTimer:
		if p := g.member(t.member); p != nil && m.held[p.beating] == t {
			m.answerBeat(p, 0)
		}
	case syncTimer:
		if g.syncTimer == t {
			m.endSyncWait(g, t.generation)
		}
	}
	m.prune(g)
}

// startSession gives the member until then to be heard of again.
func (m *Machine) startSession(g *liveGroup, p *member, millis int32) {
	deadline := m.in(millis)
	if s := p.session; s != nil && !s.deadline.IsZero() && s.member == p.id && !deadline.Before(s.at) {
		s.deadline = deadline
		return
	}
	p.session.stop()
	p.session = m.clock.start(timer{kind: sessionTimer, group: g.id, member: p.id, deadline: deadline})
}

// endSession removes a member that was not heard of, unless it waits for an answer of ours.
func (m *Machine) endSession(g *liveGroup, p *member) {
	if !p.isNew && (p.joining != 0 || p.syncing != 0) {
		return
	}
	m.note(Notice{Message: "removed member whose session ended", Group: g.id, Member: p.id, ClientID: p.clientID, ClientHost: p.clientHost, Generation: g.generation})
	m.endJoin(g, p, joinError("", codeUnknownMember))
	m.answerBeat(p, codeUnknownMember)
	g.remove(p.id)
	switch {
	case g.state == Stable || g.state == CompletingRebalance:
		m.rebalance(g, "session of member "+p.id+" ended")
	case g.state == PreparingRebalance && g.allJoined():
		m.completeJoin(g)
	}
}
