package acquire

import (
	"container/heap"
	"time"
)

// deadline is a time at which a run has to be looked at: a lock may end or a retry time come. The run may be another by then.
type deadline struct {
	at          time.Time
	first, last int64
}

// deadlines are in the order of time.
type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}

// Deadline is when Expire wants to be called next; zero: not at all.
func (p *Partition) Deadline() time.Time {
	if len(p.deadlines) == 0 {
		return time.Time{}
	}
	return p.deadlines[0].at
}

// Expire ends the locks whose time is over and reports whether records have become available.
func (p *Partition) Expire(now time.Time) bool {
	freed := false
	for len(p.deadlines) > 0 && !p.deadlines[0].at.After(now) {
		d := heap.Pop(&p.deadlines).(deadline)
		for _, r := range p.runs.within(max(d.first, p.start), d.last) {
			switch {
			case r.pending != 0: // decided when the write has ended
			case r.state == Acquired && !r.deadline.After(now):
				p.giveBack(p.runs.cut(r, max(r.first, d.first), min(r.last, d.last)), now)
				freed = true
			case r.state == Available && !r.notBefore.IsZero() && !r.notBefore.After(now):
				freed = true
			}
		}
	}
	if freed {
		p.advance()
	}
	return freed
}

// minTrim is the number of deadlines that are not worth a look.
const minTrim = 256

// trim drops deadlines that ask for nothing any more, as those of records that were acknowledged long before: a lock may last an hour in which a billion records
// pass. It looks at all, and then not again before there are twice as many.
func (p *Partition) trim() {
	asked := p.deadlines[:0]
	for _, d := range p.deadlines {
		if p.asks(d) {
			asked = append(asked, d)
		}
	}
	p.deadlines = asked
	heap.Init(&p.deadlines)
	p.trimAt = max(minTrim, 2*len(asked))
}

// asks reports whether Expire would do something about a deadline at its time, if nothing else happens until then.
func (p *Partition) asks(d deadline) bool {
	asks := false
	p.runs.overlapping(max(d.first, p.start), d.last, func(r *run) bool {
		asks = r.pending != 0 || r.state == Acquired && !r.deadline.After(d.at) || r.state == Available && !r.notBefore.IsZero() && !r.notBefore.After(d.at)
		return !asks
	})
	return asks
}

// watch has Expire look at a run at a time.
func (p *Partition) watch(r *run, at time.Time) {
	if len(p.deadlines) >= p.trimAt {
		p.trim()
	}
	heap.Push(&p.deadlines, deadline{at: at, first: r.first, last: r.last})
}

// giveBack makes an acquired run available at once, or ends it if it has been delivered too often.
func (p *Partition) giveBack(r *run, now time.Time) {
	state := p.released(r)
	r.cause = Exhausted
	p.set(r, state)
	p.settled(r, now)
	p.changed = append(p.changed, extent{r.first, r.last})
	p.runs.join(r)
}

// released is the state of a run after somebody gave it back.
func (p *Partition) released(r *run) int8 {
	switch {
	case int(r.count) < p.settings.MaxDeliveries:
		return Available
	case p.settings.DeadLetters:
		return Archiving
	default:
		return Archived
	}
}

// settled does what follows from a run's new state: a time for the next try, or a dead letter.
func (p *Partition) settled(r *run, now time.Time) {
	switch r.state {
	case Archiving:
		p.letters = append(p.letters, DeadLetter{First: r.first, Last: r.last, DeliveryCount: r.count, Cause: r.cause})
	case Available:
		if wait := p.settings.Backoff.after(r.count); wait > 0 {
			r.notBefore = now.Add(wait)
			p.watch(r, r.notBefore)
		}
		if p.keys != nil {
			p.offer(r)
		}
	}
}

// Release gives back everything that a member holds, because its share session has ended, and returns the ticket of the write that says so; 0: it held nothing.
// The deliveries count, however it ended: nobody knows what the member had looked at.
func (p *Partition) Release(member string, now time.Time) int64 {
	var held []*run
	p.runs.each(func(r *run) bool {
		if r.state == Acquired && r.pending == 0 && r.member == member {
			held = append(held, r)
		}
		return true
	})
	for _, r := range held {
		p.giveBack(r, now)
	}
	if len(held) == 0 {
		return 0
	}
	p.advance()
	return p.ticket
}
