package telemetry

import (
	"sync"
	"time"
)

// paces turns sums into rates, for metrics that Kafka has as rates: what a sum has risen a second since the scrape before. Who asks again within a
// second gets the same answer, so that two scrapers do not spoil each other's.
type paces struct {
	mu  sync.Mutex
	all map[string]*pace // by a name for each sum: as many as the code has
}

type pace struct {
	at        time.Time
	sum, rate float64
}

// of takes the sum of now in, and returns its rate.
func (p *paces) of(name string, now time.Time, sum float64) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[string]*pace{}
	}
	last := p.all[name]
	if last == nil {
		p.all[name] = &pace{at: now, sum: sum}
		return 0
	}
	if passed := now.Sub(last.at); passed >= time.Second {
		*last = pace{now, sum, (sum - last.sum) / passed.Seconds()}
	}
	return last.rate
}
