package server

import (
	"sync"
	"time"

	"leat/internal/quota"
)

// mutationMeters tell what clients with a quota of partitions have changed, while this node was the active controller. They decide nothing.
type mutationMeters struct {
	mu  sync.Mutex
	all map[quota.Who]*mutationMeter // guarded by mu
}

type mutationMeter struct {
	window quota.Window
	rate   quota.Rate
	used   int64 // ms
	waited int64 // ms that the client was told to wait, together
}

// mostMutationMeters bounds how many names are counted at once. Beyond them, and while none is idle, more are counted together.
const mostMutationMeters = 2000

// record counts partitions that were changed, and for how long their client was told to wait.
func (m *mutationMeters) record(who quota.Who, w quota.Window, partitions int, wait, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.all[who]
	if x == nil && len(m.all) >= mostMutationMeters && !m.sweep(now) {
		who = quota.Who{Kind: who.Kind}
		x = m.all[who]
	}
	if x == nil {
		if m.all == nil {
			m.all = map[quota.Who]*mutationMeter{}
		}
		x = &mutationMeter{window: w}
		m.all[who] = x
	}
	x.used = max(x.used, now)
	x.waited += wait
	x.rate.Record(x.window, float64(partitions), now)
}

// sweep drops who was idle for longer than his window, and reports whether there is room. mu is held.
func (m *mutationMeters) sweep(now int64) bool {
	for who, x := range m.all {
		if now-x.used > int64(x.window.Samples+1)*x.window.Millis {
			delete(m.all, who)
		}
	}
	return len(m.all) < mostMutationMeters
}

// mutationUse is what somebody with a quota has changed.
type mutationUse struct {
	User, ClientID string
	Rate           float64 // partitions a second
	Waited         time.Duration
}

// uses are all that are counted, in no order.
func (m *mutationMeters) uses(now time.Time) []mutationUse {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]mutationUse, 0, len(m.all))
	for who, x := range m.all {
		rate, _ := x.rate.Measure(x.window, now.UnixMilli())
		all = append(all, mutationUse{User: who.User, ClientID: who.ClientID, Rate: rate, Waited: time.Duration(x.waited) * time.Millisecond})
	}
	return all
}
