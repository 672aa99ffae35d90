package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/quota"
)

// mostMeters bounds how many names are counted at once. Whoever comes when there are as many, and none of them idle, is counted together with all others
// like him: a client that makes up names wins nothing by it.
const mostMeters = 10_000

// meters are what clients with limits have taken. One that is idle for longer than its window says nothing any more, and is dropped when room is needed.
type meters struct {
	window quota.Window

	mu    sync.Mutex
	all   map[quota.Who]*meter
	swept int64 // ms, when idle ones were last looked for

	held atomic.Int64 // bytes of requests of new connections that wait
}

// openMeters takes the window, which does not change while the broker runs.
func (h *Handlers) openMeters() {
	h.meters.window, h.meters.all = quota.Usual, map[quota.Who]*meter{}
	if h.Config == nil {
		return
	}
	v := h.Config()
	h.meters.window = quota.Window{Samples: v.Int("quota.window.num"), Millis: int64(v.Int("quota.window.size.seconds")) * 1000}
}

// meter counts for one name and kind.
type meter struct {
	who    quota.Who
	window quota.Window
	turn   chan struct{} // of new connections that wait; full: somebody has it

	mu        sync.Mutex
	rate      quota.Rate
	limit     float64
	asOf      int64 // offset of the image that the limit is from
	used      int64 // ms
	throttled int64 // ms that clients had to wait, together
	dropped   bool
}

// of returns the meter of a name, whose limit is that of an image.
func (m *meters) of(who quota.Who, limit float64, asOf, now int64) *meter {
	who = who.Short()
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.all[who]
	if x == nil {
		if len(m.all) >= mostMeters && !m.sweep(now) {
			who = quota.Who{Kind: who.Kind}
			x = m.all[who]
		}
		if x == nil {
			x = &meter{who: who, window: m.window, turn: make(chan struct{}, 1)}
			m.all[who] = x
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if asOf >= x.asOf {
		x.limit, x.asOf = limit, asOf
	}
	x.used = max(x.used, now)
	return x
}

// sweep drops those that are idle, at most once a window, and reports whether there is room. m.mu is held.
func (m *meters) sweep(now int64) bool {
	if now-m.swept < m.window.Millis {
		return false
	}
	m.swept = now
	for who, x := range m.all {
		x.mu.Lock()
		if now-x.used > int64(m.window.Samples+1)*m.window.Millis {
			x.dropped = true
			delete(m.all, who)
		}
		x.mu.Unlock()
	}
	return len(m.all) < mostMeters
}

// record counts v and returns for how many milliseconds its client has to wait.
func (x *meter) record(v float64, now int64) int64 {
	if x == nil {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.used = max(x.used, now)
	x.rate.Record(x.window, v, now)
	rate, over := x.rate.Measure(x.window, now)
	return quota.Throttle(rate, x.limit, over)
}

// owed is for how many milliseconds nothing should be taken.
func (x *meter) owed(now int64) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	rate, over := x.rate.Measure(x.window, now)
	return quota.Throttle(rate, x.limit, over)
}

// unused reports whether nothing was taken for a window.
func (x *meter) unused(now int64) bool {
	if x == nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	rate, _ := x.rate.Measure(x.window, now)
	return rate <= 0
}

// waits counts that a client has to wait.
func (x *meter) waits(ms int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.throttled += ms
}

// current reports whether the meter is still counted by.
func (x *meter) current() bool {
	if x == nil {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.dropped
}

// burst is how much may come in a window.
func (x *meter) burst() float64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.limit * float64(x.window.Samples-1) * float64(x.window.Millis) / 1000
}

// QuotaUse is what somebody with a limit has taken.
type QuotaUse struct {
	Kind           quota.Kind
	User, ClientID string  // "" where it does not count
	Rate, Limit    float64 // in the kind's unit a second
	Throttled      time.Duration
}

// QuotaUses yields what clients with limits have taken, in no order.
func (h *Handlers) QuotaUses(yield func(QuotaUse) bool) {
	h.meters.mu.Lock()
	all := make([]*meter, 0, len(h.meters.all))
	for _, x := range h.meters.all {
		all = append(all, x)
	}
	h.meters.mu.Unlock()
	now := time.Now().UnixMilli()
	for _, x := range all {
		x.mu.Lock()
		rate, _ := x.rate.Measure(x.window, now)
		use := QuotaUse{Kind: x.who.Kind, User: x.who.User, ClientID: x.who.ClientID, Rate: rate, Limit: x.limit, Throttled: time.Duration(x.throttled) * time.Millisecond}
		x.mu.Unlock()
		if !yield(use) {
			return
		}
	}
}
