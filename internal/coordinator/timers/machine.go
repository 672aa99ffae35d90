package timers

import (
	"time"

	"leat/internal/machine"
)

// Event is one thing that happens to a partition of __leat_timers.
type Event struct {
	Ticket     machine.Ticket
	Command    *Command // answered with an Outcome
	Delivered  *Delivered
	Moved      []Target // they have other leaders now
	ProducerID int64    // if Identified: for NeedProducerID
	Identified bool
	Loaded     bool
}

// Delivered is what came of a Deliver.
type Delivered struct {
	Target   Target
	Epoch    int16
	Sequence int32
	First    int64 // number of the flight's first timer
	Count    int   // its timers
	Result   DeliveryResult
}

// Delivered is the word of what came of it.
func (d *Deliver) Delivered(r DeliveryResult) *Delivered {
	return &Delivered{Target: d.Target, Epoch: d.Epoch, Sequence: d.Sequence, First: d.Records[0].N, Count: len(d.Records), Result: r}
}

// DeliveryResult is what came of a flight.
type DeliveryResult int8

// The results of a delivery.
const (
	Taken    DeliveryResult = iota // the batch is in the target's log and committed, now or before
	Later                          // not known, or not taken: the same batch is to be sent again
	Lost                           // the target does not know the sequences before: its log lost some
	TooLarge                       // the target refuses the batch whoever sends it, perhaps not parts of it
	Missing                        // there is no such topic
)

// Deliver is an effect: append the records to the target, with this producer id, epoch and sequence, and report with a Delivered.
type Deliver struct {
	Target     Target
	ProducerID int64
	Epoch      int16
	Sequence   int32
	Records    []Ref // in the order in which they become visible
}

// NeedProducerID is an effect: the machine has no producer id yet.
type NeedProducerID struct{}

// Dropped is an effect: a timer was given up, since its target does not take the record, or is no more.
type Dropped struct {
	Target Target
	Count  int
	Reason string
}

// Settings are what the machine follows.
type Settings struct {
	MaxFlightRecords int
	MaxFlightBytes   int64
	AccountExpiry    time.Duration // producer.id.expiration.ms: when a silent producer is forgotten
	MissingGrace     time.Duration // how long a topic must be missing before its timers go
	LostGrace        time.Duration // how long a target must miss sequences before that is believed: who answers may have ceased to lead without knowing
}

// DefaultSettings are those of a node.
var DefaultSettings = Settings{MaxFlightRecords: 1000, MaxFlightBytes: 256 << 10, AccountExpiry: 24 * time.Hour, MissingGrace: 5 * time.Minute,
	LostGrace: 30 * time.Second}

// Config is what New needs.
type Config struct {
	Settings func() Settings // cheap
	Pending  func(Pending)   // hears of every change; cheap. nil: nobody wants to know
}

// soft is what a target has that no log knows.
type soft struct {
	retryAt time.Time // when the flight is sent again; zero: an answer is awaited, or there is no flight
	pause   time.Duration
	missing time.Time // since when the topic is missing; zero: it is not
	lost    time.Time // since when the target misses sequences
	doomed  bool
}

// Machine keeps the timers of one partition.
type Machine struct {
	cfg  Config
	hard state

	// Soft state.
	loaded   bool
	asked    time.Time // when a producer id was asked for
	paused   time.Time // nothing is decided before: the log refused records
	expireAt time.Time

	now time.Time // during one call
	set Settings
	out machine.Result[Record]
}

var _ machine.Machine[Event, Record] = (*Machine)(nil)
var _ machine.Refuser[Record] = (*Machine)(nil)

// New returns a machine without timers.
func New(cfg Config) *Machine {
	return &Machine{cfg: cfg, hard: state{targets: make(map[Target]*target), producerID: -1}}
}

// Apply changes the hard state.
func (m *Machine) Apply(e machine.Entry[Record]) {
	m.hard.apply(e)
	if m.cfg.Pending != nil {
		m.cfg.Pending(m.hard.pending)
	}
}

func (m *Machine) begin(now time.Time) {
	m.now, m.set, m.out = now, m.cfg.Settings(), machine.Result[Record]{}
}

func (m *Machine) write(r Record)        { m.out.Records = append(m.out.Records, r) }
func (m *Machine) emit(e machine.Effect) { m.out.Effects = append(m.out.Effects, e) }

// Pauses: before a batch is sent again, ever longer up to a bound, and after the log refused what was decided.
const (
	firstPause   = 50 * time.Millisecond
	maxPause     = 250 * time.Millisecond // what is due meanwhile waits with the flight, and the target may have a leader again
	refusedPause = 50 * time.Millisecond
	idPause      = time.Second
	expiryCheck  = 10 * time.Minute
)

// Handle decides on an event.
func (m *Machine) Handle(now time.Time, e Event) machine.Result[Record] {
	m.begin(now)
	switch {
	case e.Loaded:
		m.loaded, m.expireAt = true, now.Add(expiryCheck)
		for _, k := range m.hard.keys() {
			if t := m.hard.targets[k]; len(t.flight) > 0 {
				m.deliver(k, t.epoch, t.sequence, t.flight)
			}
		}
	case e.Identified:
		if m.hard.producerID < 0 {
			m.write(&Identity{e.ProducerID})
		}
	case e.Delivered != nil:
		m.delivered(e.Delivered)
	case e.Moved != nil:
		m.moved(e.Moved)
	case e.Command != nil:
		outcome := m.command(e.Command)
		if e.Ticket != 0 {
			m.emit(machine.Reply{To: e.Ticket, Response: outcome})
		}
	}
	return m.out
}

// Refused takes back what is soft when the log did not take the records. Nothing is decided for a moment.
func (m *Machine) Refused(now time.Time, records []Record) []machine.Effect {
	for _, r := range records {
		if _, forgotten := r.(*Gone); forgotten {
			m.paused = now.Add(refusedPause)
		}
		s, ok := r.(*State)
		if !ok {
			continue
		}
		m.paused = now.Add(refusedPause)
		if t := m.hard.targets[s.Target]; t != nil && len(t.flight) > 0 {
			t.soft.retryAt = m.paused // sent again, and so known again whether it was taken
		}
	}
	return nil
}

// Due is when the next timer is due, or the next batch is to be sent again.
func (m *Machine) Due() time.Time {
	if !m.loaded {
		return time.Time{}
	}
	var due time.Time
	earlier := func(at time.Time) {
		if !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	accounts := false
	for _, t := range m.hard.targets {
		accounts = accounts || len(t.accounts) > 0
		if t.soft.doomed {
			earlier(m.now)
			continue
		}
		if len(t.flight) > 0 {
			earlier(t.soft.retryAt)
			continue
		}
		if first, ok := t.waiting.first(); ok {
			at := time.UnixMilli(first.Due)
			if m.hard.producerID < 0 && at.Before(m.asked.Add(idPause)) {
				at = m.asked.Add(idPause)
			}
			earlier(at)
		}
	}
	if accounts {
		earlier(m.expireAt)
	}
	if !due.IsZero() && due.Before(m.paused) {
		return m.paused
	}
	return due
}

// maxRecordsPerTick bounds what one tick writes.
const maxRecordsPerTick = 4000

// Tick begins the flights that are due.
func (m *Machine) Tick(now time.Time) machine.Result[Record] {
	m.begin(now)
	for _, k := range m.hard.keys() {
		if len(m.out.Records) >= maxRecordsPerTick {
			break
		}
		t := m.hard.targets[k]
		switch {
		case t.soft.doomed:
			m.forget(k, t)
		case len(t.flight) > 0:
			if !t.soft.retryAt.IsZero() && !t.soft.retryAt.After(now) {
				t.soft.retryAt = time.Time{}
				m.deliver(k, t.epoch, t.sequence, t.flight)
			}
		default:
			if flight := m.pick(t); flight != nil {
				m.depart(k, t.epoch, t.sequence, flight)
			}
		}
	}
	if !m.expireAt.After(now) {
		m.expire()
	}
	return m.out
}

// expire forgets producers that have been silent for long.
func (m *Machine) expire() {
	m.expireAt = m.now.Add(expiryCheck)
	oldest := m.now.Add(-m.set.AccountExpiry).UnixMilli()
	for _, k := range m.hard.keys() {
		t := m.hard.targets[k]
		for _, id := range t.accountIDs() {
			if len(m.out.Records) >= maxRecordsPerTick {
				m.expireAt = m.now
				return
			}
			if t.accounts[id].at < oldest {
				m.write(&Account{Target: k, ProducerID: id, Forget: true})
			}
		}
	}
}
