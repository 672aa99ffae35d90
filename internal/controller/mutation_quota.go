package controller

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/quota"
	"leat/internal/security"
)

// mutations are the tokens of those that a quota holds to a number of partitions a second (KIP-599). Soft state: another controller begins with full buckets.
type mutations struct {
	window  quota.Window
	buckets map[quota.Who]*bucket
	sweep   int // at how many buckets the full ones are dropped: a full one is like a new one
}

type bucket struct {
	quota.Bucket
	limit float64
}

// fewestBuckets are kept without looking.
const fewestBuckets = 1000

func newMutations(v *config.Values) mutations {
	return mutations{
		window:  quota.Window{Samples: v.Int("controller.quota.window.num"), Millis: int64(v.Int("controller.quota.window.size.seconds")) * 1000},
		buckets: map[quota.Who]*bucket{}, sweep: fewestBuckets,
	}
}

// permit is what the client of one request may still change. Its zero value bounds nothing.
type permit struct {
	bucket *bucket
	window quota.Window
	strict bool  // the client knows the error, so it is refused; others get what they ask for, and wait
	now    int64 // ms
	wait   int64 // ms until the client may come again

	who   quota.Who
	taken int // partitions
}

// strictSince are the versions from which on clients know the error.
var strictSince = map[int16]int16{19: 6, 20: 5, 37: 3}

// permitFor looks what the client of an event may change.
func (m *Machine) permitFor(now time.Time, e *Event) permit {
	if e.Request == nil || e.Principal == security.Self || !m.image().HasQuotas() {
		return permit{}
	}
	since, limited := strictSince[e.Request.Key()]
	if !limited {
		return permit{}
	}
	who, limit, ok := quota.Find(m.image(), quota.Mutation, e.Principal.Name, e.ClientID)
	if !ok {
		return permit{}
	}
	p := permit{window: m.mutations.window, strict: e.Request.GetVersion() >= since, now: now.UnixMilli(), who: who}
	p.bucket = m.mutations.of(who, p.now)
	p.bucket.limit = limit
	return p
}

func (m *mutations) of(who quota.Who, now int64) *bucket {
	if b := m.buckets[who]; b != nil {
		return b
	}
	if len(m.buckets) >= m.sweep {
		for w, b := range m.buckets {
			if b.Full(m.window, b.limit, now) {
				delete(m.buckets, w)
			}
		}
		m.sweep = max(fewestBuckets, 2*len(m.buckets))
	}
	b := &bucket{}
	m.buckets[who] = b
	return b
}

// take takes a token for each partition that is made or deleted.
func (p *permit) take(partitions int) *refusal {
	if p.bucket == nil {
		return nil
	}
	left := p.bucket.Left(p.window, p.bucket.limit, p.now)
	if p.strict && left < 0 {
		p.wait = quota.Debt(left, p.bucket.limit)
		return refuse(kerr.ThrottlingQuotaExceeded, "")
	}
	p.taken += partitions
	p.bucket.Take(p.window, p.bucket.limit, float64(partitions), p.now)
	if !p.strict {
		p.wait = quota.Debt(p.bucket.Left(p.window, p.bucket.limit, p.now), p.bucket.limit)
	}
	return nil
}

// tell puts into an answer for how long its client has to wait, and counts it.
func (p *permit) tell(response any, mutated func(quota.Who, quota.Window, int, int64, int64)) {
	if p.bucket != nil && mutated != nil {
		mutated(p.who, p.window, p.taken, p.wait, p.now)
	}
	if r, ok := response.(kmsg.SetThrottleResponse); ok && p.wait > 0 {
		r.SetThrottle(quota.Millis32(p.wait))
	}
}
