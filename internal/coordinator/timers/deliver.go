package timers

import (
	"time"

	"leat/internal/record"
)

// pick lists what is due, nil if nothing is or may go.
func (m *Machine) pick(t *target) []Ref {
	first, ok := t.waiting.first()
	if !ok || first.Due > m.now.UnixMilli() {
		return nil
	}
	if m.hard.producerID < 0 {
		if m.now.Sub(m.asked) >= idPause {
			m.asked = m.now
			m.emit(NeedProducerID{})
		}
		return nil
	}
	return t.waiting.pick(m.now.UnixMilli(), m.set.MaxFlightRecords, m.set.MaxFlightBytes)
}

// depart writes a flight down; it is sent once that is committed.
func (m *Machine) depart(of Target, epoch int16, sequence int32, flight []Ref) {
	m.write(&State{Target: of, Epoch: epoch, Sequence: sequence, Flight: flight})
	if len(flight) > 0 {
		m.deliver(of, epoch, sequence, flight)
	}
}

func (m *Machine) deliver(of Target, epoch int16, sequence int32, flight []Ref) {
	m.emit(Deliver{Target: of, ProducerID: m.hard.producerID, Epoch: epoch, Sequence: sequence, Records: flight})
}

// delivered takes what came of a flight. A flight that was refused is followed by another one with the same sequence, so that late word of the first
// is told from word of the second by its timers.
func (m *Machine) delivered(d *Delivered) {
	t := m.hard.targets[d.Target]
	if t == nil || len(t.flight) == 0 || t.epoch != d.Epoch || t.sequence != d.Sequence || t.flight[0].N != d.First || len(t.flight) != d.Count {
		return // of a flight that is over
	}
	if d.Result != Missing {
		t.soft.missing = time.Time{}
	}
	if d.Result != Lost && d.Result != Later {
		t.soft.lost = time.Time{}
	}
	switch d.Result {
	case Taken:
		m.land(d.Target, t)
	case Lost:
		m.restart(d.Target, t)
	case TooLarge:
		m.shrink(d.Target, t)
	case Missing:
		m.missed(t)
	default:
		m.later(t)
	}
}

// land ends a flight, and begins the next one if something is due.
func (m *Machine) land(of Target, t *target) {
	t.soft.pause = 0
	for _, r := range t.flight {
		m.write(&Gone{of, r.N})
	}
	m.depart(of, t.epoch, record.AddSequence(t.sequence, int32(len(t.flight))), m.pick(t))
}

// restart begins a new epoch, at sequence 0, with a flight that nobody has taken: it is the only one, and what it follows is not there.
func (m *Machine) restart(of Target, t *target) {
	if t.soft.lost.IsZero() {
		t.soft.lost = m.now
	}
	if m.now.Sub(t.soft.lost) < m.set.LostGrace {
		m.later(t)
		return
	}
	t.soft.pause, t.soft.lost = 0, time.Time{}
	m.depart(of, t.epoch+1, 0, t.flight)
}

// shrink tries with half of the records; a single one that is refused is given up, because it would hold all that come after it.
func (m *Machine) shrink(of Target, t *target) {
	if half := len(t.flight) / 2; half > 0 {
		m.depart(of, t.epoch, t.sequence, t.flight[:half])
		return
	}
	m.write(&Gone{of, t.flight[0].N})
	m.depart(of, t.epoch, t.sequence, nil)
	m.emit(Dropped{of, 1, "the partition does not take the record"})
}

// later sends the flight again after a pause.
func (m *Machine) later(t *target) {
	t.soft.pause = min(max(2*t.soft.pause, firstPause), maxPause)
	t.soft.retryAt = m.now.Add(t.soft.pause)
}

// moved sends flights again that did not arrive at the leaders before.
func (m *Machine) moved(all []Target) {
	for _, of := range all {
		if t := m.hard.targets[of]; t != nil && len(t.flight) > 0 && !t.soft.retryAt.IsZero() {
			t.soft.pause, t.soft.retryAt = 0, time.Time{}
			m.deliver(of, t.epoch, t.sequence, t.flight)
		}
	}
}

// missed gives a topic up that has been missing for long; its id never comes back.
func (m *Machine) missed(t *target) {
	if t.soft.missing.IsZero() {
		t.soft.missing = m.now
	}
	if m.now.Sub(t.soft.missing) >= m.set.MissingGrace {
		t.soft.doomed = true
		return
	}
	m.later(t)
}

// forget removes a target whose topic is gone, some timers at a time.
func (m *Machine) forget(of Target, t *target) {
	for _, r := range t.flight {
		m.write(&Gone{of, r.N})
	}
	left := t.waiting.list(maxRecordsPerTick)
	for _, r := range left {
		m.write(&Gone{of, r.N})
	}
	if n := len(t.flight) + len(left); n > 0 {
		m.emit(Dropped{of, n, "its topic was deleted"})
	}
	if len(left) < maxRecordsPerTick {
		for _, id := range t.accountIDs() {
			m.write(&Account{Target: of, ProducerID: id, Forget: true})
		}
		m.write(&State{Target: of, Forget: true})
	}
}
