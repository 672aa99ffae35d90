package acquire

import (
	"math"
	"time"
)

// Settings are the group's. They may change between calls, but for ByKey.
type Settings struct {
	MaxDeliveries int           // share.delivery.count.limit
	MaxLocks      int           // share.partition.max.record.locks
	Lock          time.Duration // share.record.lock.duration.ms
	DeadLetters   bool          // errors.deadletterqueue.topic.name is set
	ByKey         bool          // leat.share.order=key
	Backoff       Backoff
}

// Backoff is how long a released record waits until it is offered again: First after the first delivery, Factor times as long after each further one, at
// most Max. First 0: not at all.
type Backoff struct {
	First, Max time.Duration
	Factor     float64
}

// after is the wait of a record that was delivered count times.
func (b Backoff) after(count int16) time.Duration {
	if b.First <= 0 {
		return 0
	}
	wait := float64(b.First) * math.Pow(max(b.Factor, 1), float64(max(count, 1)-1))
	if b.Max > 0 && wait > float64(b.Max) {
		return b.Max
	}
	return time.Duration(min(wait, math.MaxInt64/2))
}

// Partition is one share partition. It is not safe for concurrent use.
type Partition struct {
	settings   Settings
	stateEpoch int32
	start, end int64
	runs       runs
	locks      int64 // offsets in acquired runs
	look       int64 // no run that begins below it is available
	deadlines  deadlines
	trimAt     int   // how many deadlines there have to be until those that ask for nothing are looked for
	keys       *keys // nil: not ordered by key

	changed      []extent // written differently than durable
	startChanged bool
	written      int64 // the start offset that is durable
	ticket       int64 // of the next write
	writing      *writing
	letters      []DeadLetter
}

// extent is a stretch of offsets, both inclusive.
type extent struct{ first, last int64 }

// New takes up a share partition from what is durable. logStart and logEnd are where its log begins and ends: what lies outside is not there any more.
// The start offset must be known.
func New(d Durable, s Settings, logStart, logEnd int64) *Partition {
	start := min(max(d.StartOffset, logStart), logEnd)
	p := &Partition{settings: s, stateEpoch: d.StateEpoch, start: start, end: start, look: start, trimAt: minTrim, ticket: 1, written: d.StartOffset}
	if s.ByKey {
		p.keys = newKeys(start)
	}
	for _, b := range Merge(nil, d.Batches, start) {
		if b.Last = min(b.Last, logEnd-1); b.First > b.Last {
			continue
		}
		if b.First > p.end { // delivered once, but neither acknowledged nor given back before the last leader went
			p.runs.add(&run{first: p.end, last: b.First - 1})
		}
		r := &run{first: b.First, last: b.Last, state: b.State, count: b.DeliveryCount, size: b.Last - b.First + 1}
		if r.state == Acquired {
			r.state = Available
		}
		if r.state == Archiving {
			p.letters = append(p.letters, DeadLetter{First: r.first, Last: r.last, DeliveryCount: r.count})
		}
		p.runs.add(r)
		p.end = b.Last + 1
	}
	p.advance()
	return p
}

// Configure takes up other settings. The order by key stays as it was.
func (p *Partition) Configure(s Settings) {
	s.ByKey = p.keys != nil
	p.settings = s
}

// Start is the share partition's start offset: everything below is done.
func (p *Partition) Start() int64 { return p.start }

// End is the first offset that was never looked at.
func (p *Partition) End() int64 { return p.end }

// Locks is the number of records that are acquired.
func (p *Partition) Locks() int64 { return p.locks }

// StateEpoch is that of the durable state.
func (p *Partition) StateEpoch() int32 { return p.stateEpoch }

// ByKey reports whether records are handed out in the order of their keys.
func (p *Partition) ByKey() bool { return p.keys != nil }

// Idle reports whether nobody holds a record and nothing is to be written or waits for a write.
func (p *Partition) Idle() bool {
	return p.locks == 0 && p.writing == nil && !p.Unwritten() && len(p.letters) == 0
}

// Forgettable reports whether a new leader would know the same: nothing is in flight or to be written, and no record waits for its next try.
func (p *Partition) Forgettable(now time.Time) bool {
	if !p.Idle() {
		return false
	}
	waits := false
	p.runs.each(func(r *run) bool {
		waits = r.state == Available && r.notBefore.After(now)
		return !waits
	})
	return !waits
}

// Durable is what would be read back if everything were written now, and what has never been delivered left out.
func (p *Partition) Durable() Durable {
	d := Durable{StateEpoch: p.stateEpoch, StartOffset: p.start}
	p.runs.each(func(r *run) bool {
		if b := r.batch(r.state); !b.untouched() {
			d.Batches = append(d.Batches, b)
		}
		return true
	})
	d.Batches = Merge(nil, d.Batches, p.start)
	return d
}

// batch is the run as it is written once it is in a state. That records are acquired is not written, nor the delivery that is under way: whoever reads it
// back finds them as they were before.
func (r *run) batch(state int8) Batch {
	b := Batch{First: r.first, Last: r.last, State: state, DeliveryCount: r.count}
	if state == Acquired {
		b.State, b.DeliveryCount = Available, r.count-1
	}
	return b
}

// untouched reports whether a batch says no more than that its records are there.
func (b Batch) untouched() bool { return b.State == Available && b.DeliveryCount == 0 }

// LogStart takes up where the log begins now: what lies below is gone, whoever holds it.
func (p *Partition) LogStart(offset int64) {
	if offset <= p.start {
		return
	}
	for _, r := range p.runs.within(p.start, offset-1) {
		if r.state == Acquired {
			p.locks -= min(r.last, offset-1) - r.first + 1
		}
		if p.keys != nil {
			p.forget(r, min(r.last, offset-1))
		}
	}
	p.start, p.end = offset, max(p.end, offset)
	p.runs.dropBelow(offset)
	if p.keys != nil {
		p.keys.scanned = max(p.keys.scanned, offset)
	}
	p.advance()
}

// advance moves the start offset over what is done.
func (p *Partition) advance() {
	for {
		_, r, ok := p.runs.tree.Min()
		if !ok || !r.done() || r.pending != 0 {
			break
		}
		p.runs.tree.Delete(r.first)
		p.start = r.last + 1
	}
	if p.start > p.written && p.writing == nil {
		p.startChanged = true
	}
	if p.keys != nil {
		p.keys.scanned = max(p.keys.scanned, p.start)
	}
}

// set changes a run's state at once.
func (p *Partition) set(r *run, state int8) {
	if r.state == Acquired && state != Acquired {
		p.locks -= r.len()
		r.member, r.deadline = "", time.Time{}
	}
	if r.state != Acquired && state == Acquired {
		p.locks += r.len()
		r.notBefore = time.Time{}
	}
	if state == Available {
		p.look = min(p.look, r.first)
	}
	r.state, r.pending = state, 0
	if p.keys != nil && (r.done() || state == Archiving) {
		p.forget(r, r.last)
	}
}

// archive ends records that nobody is to get, of those that are available between the offsets, and takes up unknown ones as archived. What is not written is found
// out again by a new leader.
func (p *Partition) archive(first, last int64) {
	first = max(first, p.start)
	if first > last {
		return
	}
	for _, r := range p.runs.within(first, min(last, p.end-1)) {
		if r.state == Available && r.pending == 0 {
			r = p.runs.cut(r, max(first, r.first), min(last, r.last))
			p.set(r, Archived)
			p.runs.join(r)
		}
	}
	if last >= p.end {
		r := p.runs.add(&run{first: max(first, p.end), last: last, state: Archived})
		p.end = last + 1
		p.runs.join(r)
	}
}

// extend takes up offsets from the end on as available.
func (p *Partition) extend(last int64) *run {
	p.look = min(p.look, p.end)
	r := p.runs.add(&run{first: p.end, last: last})
	p.end = last + 1
	return r
}
