package txn

import (
	"time"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// live is the soft state: what a load begins without.
type live struct {
	clock   timers
	marking map[string]*marking // of transactions that are prepared
	// lastEpoch is the epoch of an id before its last change of the epoch, if the producer that asked for the change had it: who comes with
	// it repeats that request. It is not in the log, so a repetition is not recognised after a load (as in Kafka).
	lastEpoch map[string]int16
	spare     []int64         // producer ids that nobody has
	image     *metadata.Image // nil: none was seen, everything may exist
	settled   bool            // what the image does not have does not exist
	expired   []string        // ids to be removed, still to be looked at
}

// marking is a transaction whose markers are being written.
type marking struct {
	token   uint64
	pending []record.TopicPartition // sorted; without a marker yet, as far as is known. Never changed, only replaced
}

func newLive() live {
	return live{clock: timers{byKey: make(map[timerKey]*timer)}, marking: make(map[string]*marking), lastEpoch: make(map[string]int16)}
}

// maxSpare bounds how many producer ids a machine keeps for later.
const maxSpare = 8

func (l *live) keepSpare(id int64) {
	if id > 0 && len(l.spare) < maxSpare {
		l.spare = append(l.spare, id)
	}
}

// takeSpare gives a producer id that nobody has; -1: there is none.
func (l *live) takeSpare() int64 {
	if len(l.spare) == 0 {
		return -1
	}
	id := l.spare[0]
	l.spare = append(l.spare[:0], l.spare[1:]...)
	return id
}

// setLastEpoch keeps the epoch before a change; -1: who had it is fenced.
func (l *live) setLastEpoch(id string, epoch int16) {
	if epoch < 0 {
		delete(l.lastEpoch, id)
		return
	}
	l.lastEpoch[id] = epoch
}

const (
	// settleTime is how long after a load a topic may be missing in the image and yet exist: a node's image can be older than that of
	// the coordinator before it.
	settleTime = 30 * time.Second
	// retryAfter is how long a decision of the machine's own waits that the log refused.
	retryAfter = time.Second
)

// loaded starts the timers of open transactions, has the markers of prepared ones written, and starts the search for expired ids.
func (m *Machine) loaded() {
	m.live.clock.set(timerKey{kind: settleTimer}, m.now.Add(settleTime))
	m.live.clock.set(timerKey{kind: expiryTimer}, m.now.Add(m.set.ExpirationInterval))
	for _, id := range sortedKeys(m.hard) {
		switch t := m.hard[id]; {
		case t.State == Ongoing:
			m.startTimeout(id, t, m.now)
		case t.State.prepared():
			m.sendMarkers(id, t)
		}
	}
}

// Refused takes back what a decision did to soft state when its records were refused.
func (m *Machine) Refused(now time.Time, records []Record) []machine.Effect {
	m.begin(now)
	for _, r := range records {
		id := r.(*TransactionRecord).TransactionalID
		t := m.hard[id]
		delete(m.live.marking, id)
		switch {
		case t == nil:
			delete(m.live.lastEpoch, id)
		case t.State.prepared(): // all markers are written, and only the record that says so is missing
			m.live.marking[id] = &marking{}
			m.live.clock.set(timerKey{completeTimer, id}, now.Add(retryAfter))
		case t.State == Ongoing:
			m.startTimeout(id, t, now.Add(retryAfter))
		default:
			m.live.clock.stop(timerKey{timeoutTimer, id})
		}
	}
	return m.out.Effects
}

// startTimeout sets the timer of an open transaction. It is due once more than the timeout has passed, but not before soonest.
func (m *Machine) startTimeout(id string, t *Transaction, soonest time.Time) {
	if t.neverTimesOut() {
		m.live.clock.stop(timerKey{timeoutTimer, id})
		return
	}
	due := time.UnixMilli(t.StartTimestamp + int64(t.TimeoutMillis) + 1)
	if due.Before(soonest) {
		due = soonest
	}
	m.live.clock.set(timerKey{timeoutTimer, id}, due)
}

// Due is when the next timer is due.
func (m *Machine) Due() time.Time { return m.live.clock.next() }

// maxRecordsPerTick keeps what one tick writes within a batch.
const maxRecordsPerTick = 500

func (m *Machine) full() bool { return len(m.out.Records) >= maxRecordsPerTick }

// Tick does what is due. What is much at once is spread over several ticks.
func (m *Machine) Tick(now time.Time) machine.Result[Record] {
	m.begin(now)
	for !m.full() {
		t := m.live.clock.pop(now)
		if t == nil {
			break
		}
		switch t.kind {
		case timeoutTimer:
			m.timeOut(t.id)
		case completeTimer:
			m.completeIfMarked(t.id)
		case settleTimer:
			m.live.settled = true
			m.dropMissing()
		case expiryTimer:
			m.expire()
		}
	}
	return m.out
}
