package replication

import (
	"math"
	"sync/atomic"
	"time"
)

// moved is what replication has done on this node so far.
type moved struct {
	BytesIn, BytesOut                  atomic.Int64 // of records, as follower and as leader
	Shrinks, Expands, FailedISRUpdates atomic.Int64
}

// Progress is what metrics show of replication.
type Progress struct {
	BytesIn, BytesOut                  int64 // of records, as follower and as leader
	Shrinks, Expands, FailedISRUpdates int64
	MaxLag                             int64   // the most records that a partition here lacks of what its leader has committed
	MinFetchRate                       float64 // requests a second of the slowest fetcher; 0: there is none
	Failed                             int     // followed partitions that could not be copied lately
}

// Replicated tells how replication goes.
func (n *Node) Replicated() Progress {
	p := Progress{BytesIn: n.moved.BytesIn.Load(), BytesOut: n.moved.BytesOut.Load(), Shrinks: n.moved.Shrinks.Load(), Expands: n.moved.Expands.Load(),
		FailedISRUpdates: n.moved.FailedISRUpdates.Load()}
	for part := range n.table.all() {
		p.MaxLag = max(p.MaxLag, part.lag.Load())
	}
	p.MinFetchRate, p.Failed = n.fetchers.state(time.Now())
	return p
}

// pace is how often something happens, averaged over the last minute or so.
type pace struct {
	perSecond atomic.Uint64 // bits of a float64
	last      atomic.Int64  // ns
}

const paceOver = 15 * time.Second

// tick counts one; called by one goroutine.
func (c *pace) tick(now time.Time) {
	before := c.last.Swap(now.UnixNano())
	gap := now.Sub(time.Unix(0, before)).Seconds()
	if before == 0 || gap <= 0 {
		return
	}
	weight := 1 - math.Exp(-gap/paceOver.Seconds())
	rate := math.Float64frombits(c.perSecond.Load())
	c.perSecond.Store(math.Float64bits(rate + weight*(1/gap-rate)))
}

// rate is how often a second it happens; what has stopped gets slower.
func (c *pace) rate(now time.Time) float64 {
	last := c.last.Load()
	if last == 0 {
		return 0
	}
	rate, gap := math.Float64frombits(c.perSecond.Load()), now.Sub(time.Unix(0, last)).Seconds()
	if gap > 0 {
		rate = min(rate, 1/gap)
	}
	return rate
}
