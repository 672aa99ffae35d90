package controller

import (
	"slices"
	"time"

	"leat/internal/machine"
	"leat/internal/metadata"
)

// schedule is when what is looked after from time to time is due next: soft state. A zero time: never.
type schedule struct {
	balance  time.Time // leadership goes back to first replicas: auto.leader.rebalance.enable
	giveBack time.Time // the same, soon after a first replica is in sync again: leat.leader.return.ms
	rescue   time.Time // partitions without a leader get any: unclean.leader.election.enable, which may have changed since they lost theirs
	tokens   time.Time // expired delegation tokens are removed: delegation.token.expiry.check.interval.ms
}

func (m *Machine) newSchedule(now time.Time) schedule {
	s := schedule{rescue: now.Add(m.rescueInterval())}
	if m.delegation.secret != "" {
		s.tokens = now.Add(m.delegation.sweep)
	}
	if m.cfg.Broker.Bool("auto.leader.rebalance.enable") {
		s.balance = now.Add(m.balanceInterval())
		if wait := m.returnWait(); wait >= 0 && len(m.index.unpreferred) > 0 {
			s.giveBack = now.Add(wait)
		}
	}
	return s
}

// returnWait is how soon leadership goes back to a first replica that is in sync again; negative: only with the next balance.
func (m *Machine) returnWait() time.Duration { return m.cfg.Broker.Millis("leat.leader.return.ms") }

// returned notes that a partition may have its first replica back. Those that come back within the wait go together.
func (m *Machine) returned(p *metadata.Partition) {
	if p.Leader == p.Replicas[0] || !slices.Contains(p.ISR, p.Replicas[0]) || m.schedule.balance.IsZero() || !m.schedule.giveBack.IsZero() {
		return
	}
	if wait := m.returnWait(); wait >= 0 {
		m.schedule.giveBack = m.now.Add(wait)
	}
}

func (m *Machine) balanceInterval() time.Duration {
	return time.Duration(m.cfg.Broker.Int64("leader.imbalance.check.interval.seconds")) * time.Second
}

func (m *Machine) rescueInterval() time.Duration {
	return m.cfg.Broker.Millis("unclean.leader.election.interval.ms")
}

// earliest is the first of some times that are set, the zero time if none is.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// due reports whether a time has come.
func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// Tick implements machine.Machine: it goes on with what is under way; or fences the broker whose session ran out longest ago, one at a
// time, so that each election sees the state that the one before left; or looks after what is due.
func (m *Machine) Tick(now time.Time) machine.Result[Record] {
	slept := m.wake(now)
	res := m.tick(now)
	if len(slept) > 0 {
		res.Effects = append(effects(slept), res.Effects...)
	}
	return res
}

func (m *Machine) tick(now time.Time) machine.Result[Record] {
	switch {
	case len(m.tasks) > 0:
		if m.pause.After(now) {
			return machine.Result[Record]{}
		}
		return m.goOn(now)
	case due(m.sessions.due(m.image()), now):
		if b, ok := m.sessions.expired(now, m.image()); ok {
			return m.begin(now, m.fencingFor(b, Notice{Why: "no heartbeat for " + m.sessions.timeout.String(), Expired: true}))
		}
	case due(m.schedule.balance, now):
		m.schedule.balance, m.schedule.giveBack = now.Add(m.balanceInterval()), time.Time{}
		return m.begin(now, m.balancing())
	case due(m.schedule.giveBack, now):
		m.schedule.giveBack = time.Time{}
		return m.begin(now, m.balancing())
	case due(m.schedule.rescue, now):
		m.schedule.rescue = now.Add(m.rescueInterval())
		return m.begin(now, m.rescuing())
	case due(m.schedule.tokens, now):
		return m.sweepTokens(now)
	}
	return machine.Result[Record]{}
}

// begin makes the first step of a task for which nobody waits.
func (m *Machine) begin(now time.Time, t *task) machine.Result[Record] {
	a := m.run(now, t)
	return machine.Result[Record]{Records: a.records, Effects: effects(a.notices)}
}

// Due implements machine.Machine.
func (m *Machine) Due() time.Time {
	if len(m.tasks) > 0 {
		if m.pause.After(m.now) {
			return m.pause
		}
		return m.now
	}
	return earliest(m.sessions.due(m.image()), m.pulseDue(), m.schedule.balance, m.schedule.giveBack, m.schedule.rescue, m.schedule.tokens)
}

// balancing gives leadership back to the first replicas that are in sync.
func (m *Machine) balancing() *task {
	t := newTask()
	t.find = func() []place { return m.in(m.index.unpreferred) }
	t.each = func(d *decision, at place) {
		if p := d.partition(at); p != nil && p.Leader != p.Replicas[0] {
			c := d.begin(at)
			c.election = preferFirst
			d.end(c)
		}
	}
	return t
}

// rescuing gives a leader to partitions without one, where losing records is allowed.
func (m *Machine) rescuing() *task {
	t := newTask()
	t.find = func() []place { return m.in(m.index.inSync[nobody]) }
	t.each = func(d *decision, at place) {
		if p := d.partition(at); p != nil && p.Leader == nobody && d.settings(at.topic).anyLeader {
			d.end(d.begin(at))
		}
	}
	return t
}
