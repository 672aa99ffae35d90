package coordinator

import (
	"sync"
	"sync/atomic"

	"leat/internal/coordinator/timers"
)

// pendingTimers are how many delayed records wait, by partition of the timer log that this node leads.
type pendingTimers struct {
	mu  sync.Mutex
	all map[int32]*pendingPartition
}

// pendingPartition is written by the machine of a partition and read by whoever wants to know.
type pendingPartition struct {
	leaderEpoch   int32
	timers, bytes atomic.Int64
}

func (p *pendingTimers) leading(partition, leaderEpoch int32, leading bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, partition)
	if !leading {
		return
	}
	if p.all == nil {
		p.all = make(map[int32]*pendingPartition)
	}
	p.all[partition] = &pendingPartition{leaderEpoch: leaderEpoch}
}

// of is what the machine of a partition calls. One that outlives its leadership is not heard.
func (p *pendingTimers) of(partition, leaderEpoch int32) func(timers.Pending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.all[partition]
	if one == nil || one.leaderEpoch != leaderEpoch {
		return nil
	}
	return func(n timers.Pending) {
		one.timers.Store(int64(n.Timers))
		one.bytes.Store(n.Bytes)
	}
}

func (p *pendingTimers) sum() (all timers.Pending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.all {
		all.Timers += int(one.timers.Load())
		all.Bytes += one.bytes.Load()
	}
	return all
}
