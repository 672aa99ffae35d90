package listener

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	arrivalTick = time.Second
	// arrivalWindow is the time over which the rate of a request on its way is judged. While others wait for the room that it holds, it is one tick; then
	// it must also come as fast as it takes to be whole within arrivalPatience.
	arrivalWindow   = 10 * time.Second
	arrivalPatience = 30 * time.Second
)

// arrivals are requests that have begun and are not whole. Each holds memory, or a place in the budget, that its sender decides the duration of; so who sends
// hardly anything is closed. Nothing runs while there are none.
type arrivals struct {
	shared *Shared

	mu      sync.Mutex
	open    map[*arrival]struct{}
	ticking bool
	ticked  time.Time
}

// arrival is one of them.
type arrival struct {
	of   *arrivals
	conn *conn
	size int64
	rate int64        // bytes a second that it must have
	have atomic.Int64 // bytes that have come since it began

	// Where the time over which it is judged began; guarded by arrivals.mu.
	since time.Time
	had   int64
}

// begin watches a request until over is called.
func (a *arrivals) begin(c *conn, size int, rate int64) *arrival {
	r := &arrival{of: a, conn: c, size: int64(size), rate: rate, since: time.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[*arrival]struct{}{}
	}
	a.open[r] = struct{}{}
	if !a.ticking {
		a.ticking, a.ticked = true, r.since
		time.AfterFunc(arrivalTick, a.tick)
	}
	return r
}

func (r *arrival) over() {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	delete(r.of.open, r)
}

// tick judges all, and comes again unless there are none.
func (a *arrivals) tick() {
	crowded := a.shared.crowded()
	for c, why := range a.judge(time.Now(), crowded) {
		c.mu.Lock()
		c.shut(why)
		c.mu.Unlock()
	}
}

// judge returns the connections that have to go, and why.
func (a *arrivals) judge(now time.Time, crowded bool) map[*conn]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	late := now.Sub(a.ticked) > 3*arrivalTick // this process did not run, and what was sent meanwhile may lie unread
	a.ticked = now
	var slow map[*conn]string
	for r := range a.open {
		have := r.have.Load()
		if late {
			r.since, r.had = now, have
			continue
		}
		over := now.Sub(r.since)
		if over < arrivalWindow && (!crowded || over < arrivalTick) {
			continue
		}
		rate := r.rate
		if crowded {
			rate = max(rate, r.size/int64(arrivalPatience/time.Second))
		}
		if came := have - r.had; float64(came) < float64(rate)*over.Seconds() {
			if slow == nil {
				slow = map[*conn]string{}
			}
			slow[r.conn] = slowness(r, came, over, rate, crowded)
		}
		r.since, r.had = now, have
	}
	if a.ticking = len(a.open) > 0; a.ticking {
		time.AfterFunc(arrivalTick, a.tick)
	}
	return slow
}

func slowness(r *arrival, came int64, over time.Duration, rate int64, crowded bool) string {
	text := fmt.Sprintf("the rest of a request of %d bytes comes too slowly: %d bytes in %v, %d a second are the least", r.size, came, over.Round(time.Millisecond), rate)
	if crowded {
		return text + " while others wait for the room that it holds (queued.max.request.bytes)"
	}
	return text + " (leat.request.min.bytes.per.second)"
}
