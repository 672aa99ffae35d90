package telemetry

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// quantiles remembers how long things took, in steps of at most a quarter: good enough for a dashboard, at a cost of two additions.
//
// Two windows take turns: additions go to the newer one, quantiles are over both, and a scrape that finds the newer one old enough empties
// the older one and makes it the newer. So the quantiles tell of the last minutes, as in Kafka, and nothing runs in between.
type quantiles struct {
	count   atomic.Int64
	sum     atomic.Int64 // microseconds
	current atomic.Int32
	windows [2][steps]atomic.Uint32
	turned  atomic.Int64 // Unix nanoseconds
}

// steps: 4 per doubling, from 1 microsecond to more than an hour.
const (
	perDoubling = 4
	steps       = 34 * perDoubling
	window      = 2 * time.Minute
)

func (q *quantiles) add(d time.Duration) {
	micros := max(d.Microseconds(), 0)
	q.count.Add(1)
	q.sum.Add(micros)
	q.windows[q.current.Load()][step(micros)].Add(1)
}

// step is the number of the step that a duration falls in: its highest bit and the two below.
func step(micros int64) int {
	if micros < perDoubling {
		return int(micros)
	}
	top := bits.Len64(uint64(micros)) - 1
	below := int(micros>>(top-2)) & (perDoubling - 1)
	return min((top-1)*perDoubling+below, steps-1)
}

// upTo is the longest duration of a step, in milliseconds.
func upTo(step int) float64 {
	if step < perDoubling {
		return float64(step) / 1000
	}
	top, below := step/perDoubling+1, step%perDoubling
	return float64((int64(perDoubling+below+1)<<(top-2))-1) / 1000
}

// shownQuantiles are those that Kafka's histograms have, as the exporter's rules write them.
var shownQuantiles = []struct {
	label string
	of    float64
}{{"0.50", 0.5}, {"0.75", 0.75}, {"0.95", 0.95}, {"0.98", 0.98}, {"0.99", 0.99}, {"0.999", 0.999}}

// read returns the values of shownQuantiles in milliseconds.
func (q *quantiles) read(now time.Time, values []float64) {
	var of [8]float64
	for n, shown := range shownQuantiles {
		of[n] = shown.of
	}
	q.readAt(now, of[:len(shownQuantiles)], values)
}

// readAt returns the values of quantiles, which rise, in milliseconds. 1 is the longest.
func (q *quantiles) readAt(now time.Time, of, values []float64) {
	var counts [steps]uint64
	var all uint64
	for i := range counts {
		counts[i] = uint64(q.windows[0][i].Load()) + uint64(q.windows[1][i].Load())
		all += counts[i]
	}
	i, seen := 0, counts[0]
	for n, quantile := range of {
		for want := quantile * float64(all); float64(seen) < want && i < steps-1; {
			i++
			seen += counts[i]
		}
		if values[n] = upTo(i); all == 0 {
			values[n] = 0
		}
	}
	if turned := q.turned.Load(); now.UnixNano()-turned >= int64(window) && q.turned.CompareAndSwap(turned, now.UnixNano()) {
		older := 1 - q.current.Load()
		for i := range q.windows[older] {
			q.windows[older][i].Store(0)
		}
		q.current.Store(older)
	}
}

// mean is in milliseconds.
func (q *quantiles) mean() float64 {
	return float64(q.sum.Load()) / 1000 / float64(max(q.count.Load(), 1))
}

// longest is the longest of the last minutes, in milliseconds.
func (q *quantiles) longest(now time.Time) float64 {
	var out [1]float64
	q.readAt(now, []float64{1}, out[:])
	return out[0]
}
