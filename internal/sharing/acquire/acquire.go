package acquire

import "time"

// Fetch is a member's wish for records.
type Fetch struct {
	Member    string
	Max       int  // records
	BatchSize int  // after how many records a new stretch begins in the answer, at the end of a batch of the log; 0: never
	Strict    bool // not one record more than Max (share.acquire.mode=record_limit); else whole batches of the log
	More      bool // the answer has records already: none is added that is to be tried alone
	Readers   int  // members that read the partition, for groups ordered by key
	Now       time.Time
}

// Span is a record batch as it lies in the log.
type Span struct {
	First, Last int64
	Skip        bool     // nobody is to get it: a control batch, or of an aborted transaction for a group that reads committed records only
	Records     []Record // for groups ordered by key
}

// Given are records that a member got.
type Given struct {
	First, Last   int64
	DeliveryCount int16
}

// Want tells from which offset on the log is to be read, so that Acquire finds something; false: there is no use in reading now. Behind the offset may be nothing
// yet.
func (p *Partition) Want(now time.Time) (int64, bool) {
	if p.keys != nil {
		return p.keys.scanned, len(p.keys.of) < waitingFactor*p.settings.MaxLocks
	}
	offset, found := p.end, p.end-p.start < int64(p.settings.MaxLocks)
	look := p.end
	p.runs.tree.Ascend(p.look, func(_ int64, r *run) bool {
		if r.state == Available && r.pending == 0 {
			look = min(look, r.first)
		}
		if r.free(now) {
			offset, found = r.first, true
			return false
		}
		return true
	})
	p.look = look
	return offset, found
}

// Acquire hands records to a member. The spans are what the log has from an offset on, without a gap but those that the log itself has; what lies in these
// is archived.
func (p *Partition) Acquire(f Fetch, from int64, spans []Span) []Given {
	if p.keys != nil {
		for _, s := range spans {
			p.scan(s)
		}
		got := p.acquireByKey(f)
		p.advance()
		return got
	}
	g := &giving{p: p, f: f, left: f.Max, lastKnown: -1}
	if room := int64(p.settings.MaxLocks) - (p.end - p.start); room > 0 {
		g.left = int(min(int64(g.left), room))
	} else {
		g.lastKnown = p.end - 1 // no more in flight, but of what is known some may have come back
	}
	for _, s := range spans {
		if g.left <= 0 || g.closed || g.lastKnown >= 0 && s.First > g.lastKnown {
			break
		}
		p.archive(from, min(s.First-1, g.bound(s.First-1)))
		from = s.Last + 1
		if s.Skip {
			p.archive(s.First, g.bound(s.Last))
			continue
		}
		g.span(s)
	}
	p.advance()
	return g.got
}

// giving is one Acquire under way.
type giving struct {
	p         *Partition
	f         Fetch
	left      int
	lastKnown int64 // no offset past it, -1: any
	closed    bool  // nothing more in this answer, because what it has is to be tried alone
	got       []Given
	batch     int64 // records in the last stretch of got
}

func (g *giving) bound(last int64) int64 {
	if g.lastKnown >= 0 {
		return min(last, g.lastKnown)
	}
	return last
}

// span gives what is available of one batch of the log.
func (g *giving) span(s Span) {
	p := g.p
	first, last := max(s.First, p.start), g.bound(s.Last)
	if first > last {
		return
	}
	newStretch := g.f.BatchSize > 0 && g.batch >= int64(g.f.BatchSize)
	for _, r := range p.runs.within(first, min(last, p.end-1)) {
		if g.closed || g.f.Strict && g.left <= 0 {
			return
		}
		if r.free(g.f.Now) {
			g.again(r, max(first, r.first), min(last, r.last), newStretch)
			newStretch = newStretch && len(g.got) == 0
		}
	}
	if last < p.end || g.closed || g.f.Strict && g.left <= 0 {
		return
	}
	first = max(first, p.end)
	if g.f.Strict {
		last = min(last, first+int64(g.left)-1)
	}
	if first > p.end { // before the first batch of the log
		p.archive(p.end, first-1)
	}
	r := p.extend(last)
	r.size = r.len()
	g.take(r, newStretch)
}

// again gives records that were given before and came back, or whose fate was lost with a former leader.
//
// Records that fail again and again may be spoilt, and spoil the others in the same answer: once half of their deliveries are used up they come in
// answers of their own, half as large each time, and at the last delivery alone.
func (g *giving) again(r *run, first, last int64, newStretch bool) {
	limit := g.p.settings.MaxDeliveries
	throttle := max(2, (limit+1)/2)
	if int(r.count) >= throttle {
		if g.f.More || len(g.got) > 0 {
			g.closed = true
			return
		}
		most := max(1, r.size>>(int(r.count)-throttle+1))
		if limit > 2 && int(r.count) >= limit-1 {
			most = 1
		}
		last = min(last, first+most-1)
		g.closed = true
	}
	if g.f.Strict {
		last = min(last, first+int64(g.left)-1)
	}
	part := g.p.runs.cut(r, first, last)
	if part.size == 0 {
		part.size = part.len()
	}
	g.take(part, newStretch)
}

// take acquires a run for the member and adds it to the answer.
func (g *giving) take(r *run, newStretch bool) {
	g.p.lock(r, g.f)
	g.p.watch(r, r.deadline)
	g.left -= int(r.len())
	if n := len(g.got); n > 0 && !newStretch && g.got[n-1].Last+1 == r.first && g.got[n-1].DeliveryCount == r.count {
		g.got[n-1].Last = r.last
		g.batch += r.len()
		return
	}
	g.got = append(g.got, Given{First: r.first, Last: r.last, DeliveryCount: r.count})
	g.batch = r.len()
}

// lock marks a run as acquired.
func (p *Partition) lock(r *run, f Fetch) {
	p.set(r, Acquired)
	r.count++
	r.member, r.deadline = f.Member, f.Now.Add(p.settings.Lock)
}

// Return takes back what was acquired and could not be sent, as if it had never been.
func (p *Partition) Return(first, last int64) {
	for _, r := range p.runs.within(max(first, p.start), last) {
		if r.state != Acquired || r.pending != 0 {
			continue
		}
		r = p.runs.cut(r, max(first, r.first), min(last, r.last))
		p.set(r, Available)
		r.count--
		if p.keys != nil {
			p.offer(r)
		}
	}
}
