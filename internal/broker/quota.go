package broker

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/quota"
	"leat/internal/tenant"
	"leat/internal/wire"
)

// clientQuota is which meters a client of a connection is counted by; nil where it has no limit.
type clientQuota struct {
	clientID                string
	asOf                    int64 // offset of the image
	produce, fetch, request *meter
	inherited               bool // the connection has waited for what its client owed when it came
}

// quotaCall is what the quotas of a call need of it; nil: nobody has a quota.
type quotaCall struct {
	*clientQuota
	tenant *tenant.Tenant // whose time is limited; nil: nobody's
	size   int            // of the request
	began  time.Time      // of its handling
	wrote  time.Duration  // for the connection's last answers
	waited atomic.Int64   // for the controller
	spent  atomic.Int64   // on its handling, once the handler has returned

	prepaid bool // its bytes are counted already
}

// unlimited are requests between nodes. Nobody else may make them, and none of them waits for what clients do.
func unlimited(c *Call) bool {
	api, ok := wire.Lookup(c.Header.Key)
	return c.Conn.Control || c.envelope != nil || !ok || api.ClusterAct
}

// limited finds whose quotas count for a call. Where nobody has any, that is all it does.
func (h *Handlers) limited(c *Call) {
	var t *tenant.Tenant
	if c.tenant != nil && c.tenant.Limits.RequestPercentage >= 0 {
		t = c.tenant.Tenant
	}
	if t == nil && !c.Image.HasQuotas() || unlimited(c) {
		return
	}
	s := stateOf(c)
	q := s.quota
	if q == nil || q.asOf != c.Image.Offset || q.clientID != c.Header.ClientID || s.quotaUser != c.Conn.Principal ||
		!q.produce.current() || !q.fetch.current() || !q.request.current() {
		q = h.quotaOf(c)
		s.quota, s.quotaUser = q, c.Conn.Principal
	}
	c.quota = &quotaCall{clientQuota: q, tenant: t, size: c.Request.Size(), began: time.Now(), wrote: min(c.Request.Wrote, longestWrite)}
}

func (h *Handlers) quotaOf(c *Call) *clientQuota {
	q, now := &clientQuota{clientID: c.Header.ClientID, asOf: c.Image.Offset}, time.Now().UnixMilli()
	for _, of := range []struct {
		kind quota.Kind
		at   **meter
	}{{quota.Produce, &q.produce}, {quota.Fetch, &q.fetch}, {quota.Request, &q.request}} {
		if who, limit, ok := quota.Find(c.Image, of.kind, c.Conn.Principal.Name, c.Header.ClientID); ok {
			*of.at = h.meters.of(who, limit, c.Image.Offset, now)
		}
	}
	return q
}

// handled notes how long the handler of a call took, for answers that come later.
func (c *Call) handled() {
	if c.quota != nil {
		c.quota.spent.Store(max(1, int64(time.Since(c.quota.began))-c.quota.waited.Load()))
	}
}

// waiting counts time that a handler does nothing but wait, as time that no request took.
func (c *Call) waiting(since time.Time) {
	if c.quota != nil {
		c.quota.waited.Add(int64(time.Since(since)))
	}
}

// maxRequestThrottle is Kafka's: a client that has taken too much time waits for a window at most.
func (q *quotaCall) maxRequestThrottle() int64 { return q.request.window.Millis }

// timed counts the time that a call took, as percent of one processor, and returns the milliseconds to wait.
func (q *quotaCall) timed(now time.Time) int64 {
	if q.request == nil {
		return 0
	}
	const percent = 100
	return min(q.request.record(q.took(now).Seconds()*percent, now.UnixMilli()), q.maxRequestThrottle())
}

// took is how long the handling of a call took.
func (q *quotaCall) took(now time.Time) time.Duration {
	if spent := time.Duration(q.spent.Load()); spent != 0 {
		return spent
	}
	return now.Sub(q.began) - time.Duration(q.waited.Load())
}

// tenantTimed counts the time that a call took as its tenant's, and returns how long its client has to wait.
func (c *Call) tenantTimed(now time.Time) time.Duration {
	if c.quota == nil || c.quota.tenant == nil {
		return 0
	}
	t := c.quota.tenant
	return t.Usage.Spent(now, t.Limits.RequestPercentage, c.quota.took(now)+reading+c.quota.wrote)
}

// A tenant that asks for next to nothing, and that very often, spends its time where its requests are read and its answers written. What writing takes shows only
// afterwards and counts with the connection's next request; one that waits for its client takes no longer than longestWrite of a processor.
const (
	reading      = 20 * time.Microsecond // about, for a small request
	longestWrite = time.Millisecond
)

// paceTenant makes the client of a call wait for its tenant's time, to the microsecond: clients of a tenant that all waited for whole milliseconds would come back
// at once, and take all processors together.
func (c *Call) paceTenant(now time.Time) (ms int64) {
	wait := c.tenantTimed(now)
	c.Mute(wait)
	return wait.Milliseconds()
}

// slow makes the client of a call wait, because of the time that requests took or, if that is longer, for what else is asked, and returns what it is to be told.
// The answer leaves at once: it is the next request that waits.
func (c *Call) slow(bytes *meter, byBytes, byTime int64) int32 {
	ms := max(byBytes, byTime)
	if ms <= 0 {
		return 0
	}
	if byTime >= byBytes && c.quota.request != nil {
		c.quota.request.waits(ms)
	} else if bytes != nil {
		bytes.waits(ms)
	}
	c.noteThrottle(quotaNamed(c.quota, bytes, byBytes, byTime), ms)
	c.Mute(time.Duration(min(ms, int64(maxMute/time.Millisecond))) * time.Millisecond)
	return quota.Millis32(ms)
}

// maxMute is the longest that a connection rests, whatever the figures say.
const maxMute = time.Hour

// tellThrottle puts into an answer for how long its client has to wait. What stands there already is the controller's.
func (c *Call) tellThrottle(resp kmsg.Response) {
	if c.quota == nil {
		return
	}
	byController := int64(0)
	if r, ok := resp.(kmsg.ThrottleResponse); ok {
		ms, _ := r.Throttle()
		byController = int64(ms)
	}
	now := time.Now()
	ms := c.slow(nil, byController, max(c.quota.timed(now), c.paceTenant(now)))
	if r, ok := resp.(kmsg.SetThrottleResponse); ok && ms > 0 {
		r.SetThrottle(ms)
	}
}

// quotaWait counts a produce request and returns what its client is told to wait.
func (p *produceCall) quotaWait() int32 {
	q := p.c.quota
	if q == nil {
		return 0
	}
	now := time.Now()
	size := float64(q.size)
	if q.prepaid {
		size = 0
	}
	byBytes, byTime := q.produce.record(size, now.UnixMilli()), int64(0)
	if p.rq.Acks != 0 {
		byTime = max(q.timed(now), p.c.paceTenant(now))
	}
	return p.c.slow(q.produce, byBytes, byTime)
}

// quotaBound is how many bytes a fetch may have at most: what its client may have in a window.
func (c *Call) quotaBound(bytes int) int {
	if c.quota == nil || c.quota.fetch == nil {
		return bytes
	}
	return min(bytes, int(min(c.quota.fetch.burst(), float64(bytes))))
}

// fetchOverhead is about what an answer has of a partition besides its records.
const fetchOverhead = 40

// throttled answers a fetch of a client that is over its quota: without records, and with the time after which it may come again. It counts the fetch.
//
// One who has had nothing for a window gets what there is, and waits afterwards: it may be a single batch that is more than the window's worth, and would
// never be sent.
func (f *fetchCall) throttled() bool {
	q := f.c.quota
	if q == nil {
		return false
	}
	size := fetchOverhead
	for i := range f.answers {
		size += fetchOverhead
		if r := f.answers[i].Records; r != nil {
			size += r.Len()
		}
	}
	now := time.Now()
	starved := q.fetch.unused(now.UnixMilli())
	byBytes, byTime := q.fetch.record(float64(size), now.UnixMilli()), q.timed(now)
	switch {
	case byBytes <= 0 && byTime <= 0:
		return false
	case byTime <= 0 && starved:
		f.resp.ThrottleMillis = f.c.slow(q.fetch, byBytes, byTime)
		return false
	}
	q.fetch.record(-float64(size), now.UnixMilli()) // it is not sent
	f.resp.ThrottleMillis = f.c.slow(q.fetch, byBytes, byTime)
	f.letGo()
	if f.session != nil {
		f.answerEmpty()
	}
	f.c.Reply(wire.EncodeFetch(f.c.Header, &f.resp))
	f.free()
	return true
}

// answerEmpty is what a session is told whose partitions are not.
func (f *fetchCall) answerEmpty() {
	s := f.session
	s.mu.Lock()
	defer s.mu.Unlock()
	f.resp.SessionID = s.id
	if s.epoch != nextSessionEpoch(f.rq.SessionEpoch) {
		f.resp.ErrorCode = kerr.InvalidFetchSessionEpoch.Code
	}
}

// quotaWait counts an answer to a share fetch. It is sent all the same: what a member has acquired and never hears of would be kept from all others until the
// lock on it ends.
func (f *shareFetchCall) quotaWait(resp *wire.ShareFetchResponse) {
	q := f.c.quota
	if q == nil {
		return
	}
	size := fetchOverhead
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			size += fetchOverhead
			for _, r := range resp.Topics[i].Partitions[j].Records {
				size += r.Len()
			}
		}
	}
	now := time.Now()
	resp.ThrottleMillis = f.c.slow(q.fetch, q.fetch.record(float64(size), now.UnixMilli()), q.timed(now))
}
