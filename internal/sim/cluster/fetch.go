package cluster

import (
	"time"

	"leat/internal/replication/progress"
)

// ask is what a follower asks of one partition.
type ask struct {
	partition int
	epoch     int32 // of the leader
	offset    int64
	lastEpoch int32
	mark      int64 // high watermark that it knows
}

// part is the answer for one partition.
type part struct {
	ask
	problem   problem
	entries   []entry
	mark      int64
	end       int64
	diverging progress.EpochEnd
}

type problem int

const (
	fine problem = iota
	refused
	outOfRange
)

// fetchCall is a request of a follower.
type fetchCall struct {
	from  *broker
	epoch int64 // under which it is registered
	asks  []ask
	at    time.Time
	over  int64 // when it is answered at the latest
	done  func([]part)
	ended bool
}

// Limits of one request.
const (
	fetchWait    = 400 * time.Millisecond
	fetchTimeout = 1200 * time.Millisecond
	fetchRecords = 30
)

// handleFetch answers another broker, once there is something to tell or its time is over.
func (b *broker) handleFetch(c *fetchCall) {
	c.at, c.over = b.h.clock(), b.h.w.now+int64(fetchWait)
	if b.look(c, false) {
		return
	}
	b.parked = append(b.parked, c)
	b.h.unless(&c.ended, int64(fetchWait), "fetch expires", func() {
		b.look(c, true)
		b.sweep()
	})
}

// wake has the waiting requests looked at again.
func (b *broker) wake() {
	if b.waking || len(b.parked) == 0 {
		return
	}
	b.waking = true
	b.h.after(20_000, "wake", func() {
		b.waking = false
		for _, c := range b.parked {
			if !c.ended {
				b.look(c, false)
			}
		}
		b.sweep()
	})
}

func (b *broker) sweep() {
	kept := b.parked[:0]
	for _, c := range b.parked {
		if !c.ended {
			kept = append(kept, c)
		}
	}
	clear(b.parked[len(kept):])
	b.parked = kept
}

// look answers a request if there is enough to say, or it is its last time.
func (b *broker) look(c *fetchCall, last bool) bool {
	stale, eligible := b.standing(c)
	var parts []part
	for _, a := range c.asks {
		p := part{ask: a, diverging: progress.EpochEnd{Epoch: -1}}
		if stale {
			p.problem = refused
		} else if say := b.answerPart(c, &p, eligible); !say {
			continue
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 && !last {
		return false
	}
	c.ended = true
	c.done(parts)
	return true
}

// standing tells whether a follower speaks under a broker epoch that was replaced, and whether it may join in-sync sets (KIP-903).
func (b *broker) standing(c *fetchCall) (stale, eligible bool) {
	if b.image == nil {
		return false, false
	}
	r, ok := b.image.Broker(c.from.h.id)
	if !ok {
		return false, false
	}
	return c.epoch < r.Epoch, r.Active() && c.epoch == r.Epoch
}

// answerPart notes how far a follower is and finds what it lacks. It reports whether there is something to say.
func (b *broker) answerPart(c *fetchCall, p *part, eligible bool) (say bool) {
	var r *replica
	if p.partition < len(b.replicas) {
		r = b.replicas[p.partition]
	}
	if r == nil || r.progress.CheckEpoch(p.epoch) != progress.EpochFits || !r.progress.Leads() || !r.progress.Assigned(c.from.h.id) {
		p.problem = refused
		return true
	}
	end := r.log.end()
	p.end = end
	if p.lastEpoch >= 0 {
		epoch, endThere := r.log.endOfEpoch(p.lastEpoch)
		switch {
		case epoch < 0:
			p.problem = outOfRange
			return true
		case epoch < p.lastEpoch || endThere < p.offset:
			p.diverging, p.mark = progress.EpochEnd{Epoch: epoch, End: endThere}, r.log.mark
			return true
		}
	}
	if p.offset > end {
		p.problem = outOfRange
		return true
	}
	moved, _ := r.progress.Fetched(progress.Fetch{Replica: c.from.h.id, Offset: p.offset, BrokerEpoch: c.epoch, Eligible: eligible, At: c.at})
	if moved {
		r.advanced(true)
	}
	if proposal := r.progress.Expand(c.from.h.id, eligible); proposal != nil {
		r.submit(proposal)
	}
	p.mark = r.log.mark
	to := min(end, p.offset+fetchRecords)
	for to > p.offset && r.log.entries[to-1].rest > 0 {
		to++
	}
	p.entries = r.log.entries[p.offset:to:to]
	return p.mark != p.ask.mark || len(p.entries) > 0
}

// fetcher copies partitions from one broker: one request after the other.
type fetcher struct {
	b      *broker
	source *broker
	round  int // the request under way
	busy   bool
	failed int
}

// fetcher is the one that copies from a broker.
func (b *broker) fetcher(from int32) *fetcher {
	i := int(from)
	if b.fetchers[i] == nil {
		b.fetchers[i] = &fetcher{b: b, source: b.h.w.brokers[i-1]}
	}
	return b.fetchers[i]
}

// kick begins a round unless one is under way. A request that waits does not know of new partitions; its wait is short.
func (f *fetcher) kick() {
	if !f.busy {
		f.busy = true
		f.b.h.after(30_000, "fetch", f.fetch)
	}
}

func (f *fetcher) fetch() {
	w, h := f.b.h.w, f.b.h
	asks, resting := f.asks()
	if len(asks) == 0 {
		if f.busy = resting; resting {
			h.after(int64(20*time.Millisecond), "fetch", f.fetch)
		}
		return
	}
	f.round++
	round, source := f.round, f.source
	call := &fetchCall{from: f.b, epoch: f.b.epoch, asks: asks}
	answered := false
	w.call(h, source.h, "fetch request", func(back func(string, func())) {
		again := *call // a message may come twice
		again.done = func(parts []part) {
			back("fetched", func() {
				if answered || f.round != round {
					return
				}
				answered, f.failed = true, 0
				h.after(f.take(parts), "fetch", f.fetch)
			})
		}
		source.handleFetch(&again)
	})
	h.unless(&answered, int64(fetchTimeout), "fetch fails", func() {
		answered = true
		f.failed++
		h.after(int64(50*time.Millisecond)<<min(f.failed, 3), "fetch", f.fetch)
	})
}

// asks are what is wanted of the source now; resting: something will be wanted later.
func (f *fetcher) asks() (asks []ask, resting bool) {
	b := f.b
	for i, r := range b.replicas {
		if r == nil || r.following.leader != f.source.h.id {
			continue
		}
		if r.rests > b.h.w.now {
			resting = true
			continue
		}
		if !r.known {
			r.beginFollowing()
		}
		last := r.log.lastEpoch()
		if b.h.w.opts.Mutation == TruncateToHighWatermark {
			last = -1
		}
		asks = append(asks, ask{i, r.following.epoch, r.log.end(), last, r.log.mark})
	}
	return asks, resting
}

// beginFollowing forgets an epoch at which this node led and wrote nothing: the records that come now may be of older ones.
func (r *replica) beginFollowing() {
	r.known = true
	if r.b.h.w.opts.Mutation == TruncateToHighWatermark && r.log.mark < r.log.end() {
		r.cut(r.log.mark)
	}
	if r.log.latestEpoch() != r.log.lastEpoch() {
		r.log.truncate(r.log.end())
	}
}

// take takes an answer, and tells how long to wait before the next request.
func (f *fetcher) take(parts []part) (pause int64) {
	b := f.b
	for i := range parts {
		p := &parts[i]
		r := b.replicas[p.partition]
		if r == nil || r.following != (following{f.source.h.id, p.epoch}) || r.log.end() != p.offset {
			continue
		}
		switch p.problem {
		case fine:
			if r.takeFetched(p) {
				pause = max(pause, b.h.writeTime())
			}
		case outOfRange:
			if p.offset > p.end {
				r.cut(0)
			}
			r.known = false
			fallthrough
		default:
			r.rests = b.h.w.now + int64(100*time.Millisecond)
		}
	}
	return pause
}

// takeFetched truncates, or appends and takes over the high watermark. It reports whether it had to sync.
func (r *replica) takeFetched(p *part) (synced bool) {
	w := r.b.h.w
	if p.diverging.Epoch >= 0 {
		epoch, end := r.log.endOfEpoch(p.diverging.Epoch)
		to := progress.TruncateTo(p.diverging, progress.EpochEnd{Epoch: epoch, End: end}, r.log.end())
		if to >= r.log.end() {
			w.fail("%s-%d on broker %d: nothing is behind offset %d where it diverges in epoch %d", r.partition.topic, r.partition.number, r.b.h.id, to,
				p.diverging.Epoch)
		}
		r.cut(max(to, 0))
		return false
	}
	for _, e := range p.entries {
		r.log.append(e)
	}
	if r.partition.flush && len(p.entries) > 0 {
		r.log.synced, synced = r.log.end(), true
	}
	if mark := progress.FollowerMark(r.log.mark, p.mark, r.log.end()); mark > r.log.mark {
		r.log.mark = mark
		w.marked(r)
	}
	return synced
}

// cut truncates the log.
func (r *replica) cut(to int64) {
	w := r.b.h.w
	w.stats.Truncations++
	w.note(r.b.h, "truncates", int64(r.partition.index), r.log.end(), to)
	w.checkCut(r, to)
	r.log.truncate(to)
}
