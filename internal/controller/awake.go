package controller

import "time"

// Sessions count the time in which the controller was awake. A process that was stopped for a while, or a machine that stood still, finds all sessions
// at their end, and the heartbeats of everybody unread: it must not fence the whole cluster before it has read them.
//
// The machine wants to be ticked at least once in each pulse while it watches a session. Heartbeats come more often than that, so a healthy controller
// is never ticked for it.

// pulse is how long the machine is without any event at most.
func (s *sessions) pulse() time.Duration { return s.timeout / 4 }

// pulseDue is when a tick is wanted only to know that the controller is awake.
func (m *Machine) pulseDue() time.Time {
	if m.sessions.due(m.image()).IsZero() {
		return time.Time{}
	}
	return m.now.Add(m.sessions.pulse())
}

// wake notes the time of an event. If the controller slept since the last one, all sessions are longer by that.
func (m *Machine) wake(now time.Time) []Notice {
	slept := now.Sub(m.now)
	m.now, m.stepped, m.finished = now, nil, nil
	if m.sessions.timeout <= 0 || slept <= m.sessions.pulse()+m.sessions.timeout/20 || m.sessions.due(m.image()).IsZero() {
		return nil
	}
	for _, s := range m.sessions.of {
		s.deadline = s.deadline.Add(slept)
	}
	return []Notice{{What: ControllerSlept, BrokerID: nobody, BrokerEpoch: -1, Lost: slept, Why: "it was not running, so sessions of brokers last longer by that time"}}
}
