package controller

import (
	"time"

	"leat/internal/machine"
)

// retryAfter is how long a task waits after the log refused its records.
const retryAfter = time.Second

// task is a decision about many partitions that need not be made at once: a step decides about as many as fit a decision, the next tick goes
// on. What it concerns is known from hard state, so a controller that takes over in between loses nothing but the asker's answer.
//
// The steps of a task may have other decisions between them, so each partition is looked at when its turn has come. Tasks about brokers
// are done one after the other.
type task struct {
	broker  int32 // that it is about; nobody: none
	going   int32 // broker that counts as gone while the task lasts; nobody: none
	coming  int32 // broker that counts as active for it; nobody: none
	unclean int32 // broker whose replicas lost their log's tail; nobody: none

	first func(*decision)                      // adds what comes before the partitions; may be nil
	find  func() []place                       // the partitions
	each  func(*decision, place)               // decides about one; it may have gone, or have changed
	last  func(now time.Time, d *decision) any // adds what comes after the partitions, and makes the answer

	waiting []machine.Ticket // whom the answer is for

	places []place
	at     progress
	before progress // of the last step
}

// progress is how far a task is.
type progress struct {
	found, begun bool
	next         int // place to go on with
}

func newTask() *task { return &task{broker: nobody, going: nobody, coming: nobody, unclean: nobody} }

// step goes on with a task, and reports whether it is done.
func (m *Machine) step(now time.Time, d *decision, t *task) (response any, done bool) {
	m.stepped = t
	d.going, d.coming = t.going, t.coming
	t.before = t.at
	if !t.at.found {
		t.places, t.at.found = t.find(), true
	}
	if t.first != nil && !t.at.begun {
		t.first(d)
		t.at.begun = true
	}
	for ; t.at.next < len(t.places); t.at.next++ {
		if d.full() {
			return nil, false
		}
		t.each(d, t.places[t.at.next])
	}
	if t.last != nil {
		response = t.last(now, d)
	}
	return response, true
}

// run makes the first step of tasks, and keeps what is left for later ticks. The answer is that of the last one.
func (m *Machine) run(now time.Time, tasks ...*task) answer {
	d := m.decide()
	var response any
	for _, t := range tasks {
		if t.broker != nobody && m.busy(nobody) {
			m.tasks = append(m.tasks, t)
			continue
		}
		r, done := m.step(now, d, t)
		if !done {
			m.tasks = append(m.tasks, t)
			continue
		}
		response = r
	}
	a := answer{response: response, records: d.records, notices: d.told()}
	if last := tasks[len(tasks)-1]; len(m.tasks) > 0 && m.tasks[len(m.tasks)-1] == last {
		a.response, a.later = nil, last
	}
	return a
}

// busy reports whether a task about a broker is under way; nobody: about any.
func (m *Machine) busy(broker int32) bool {
	for _, t := range m.tasks {
		if t.broker != nobody && (broker == nobody || t.broker == broker) {
			return true
		}
	}
	return false
}

// leaving reports whether a task takes everything from a broker.
func (m *Machine) leaving(broker int32) bool {
	for _, t := range m.tasks {
		if t.going == broker && broker != nobody {
			return true
		}
	}
	return false
}

// goOn makes the next step of the task whose turn it is. Tasks that end without a record are gone past: a tick without records means that nothing
// can be done now, and whoever drives the machine waits before the next.
func (m *Machine) goOn(now time.Time) machine.Result[Record] {
	var res machine.Result[Record]
	for len(m.tasks) > 0 && len(res.Records) == 0 {
		t, d := m.tasks[0], m.decide()
		response, done := m.step(now, d, t)
		res.Records, res.Effects, m.finished = d.records, append(res.Effects, effects(d.told())...), nil
		if !done {
			break
		}
		m.tasks, m.finished = m.tasks[1:], t
		for _, ticket := range t.waiting {
			res.Effects = append(res.Effects, machine.Reply{To: ticket, Response: response})
		}
		t.waiting = nil
	}
	return res
}

// Refused implements machine.Refuser: what the refused step of a task decided is decided again, later. Those whom it would have answered know
// of the refusal.
func (m *Machine) Refused(now time.Time, _ []Record) []machine.Effect {
	if t := m.stepped; t != nil {
		t.at = t.before
	}
	if m.finished != nil {
		m.tasks = append([]*task{m.finished}, m.tasks...)
	}
	m.pause = now.Add(retryAfter)
	return nil
}
