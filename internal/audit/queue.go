package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	queueBytes = 16 << 20 // of one queue
	lineEvents = 500      // that are written at once
	lineBytes  = 256 << 10
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Line is an event as it is written.
type Line struct {
	Time time.Time
	JSON []byte
}

// queue is the way to one place where events are written. Its goroutine belongs to Log.
type queue struct {
	name   string
	node   int32
	write  func(context.Context, []Line) error
	logger *slog.Logger
	lost   func(int64) // counts
	wake   chan struct{}

	mu      sync.Mutex
	events  []Event   // guarded by mu, as all below
	bytes   int       // of events
	most    int       // events
	dropped int64     // since the last one was told
	since   time.Time // of the first that was dropped
	busy    bool      // what was taken is not written yet
	idle    *sync.Cond
}

func newQueue(name string, cfg *Config, write func(context.Context, []Line) error, lost func(int64)) *queue {
	q := &queue{name: name, node: cfg.Node, write: write, logger: cfg.Logger, lost: lost, wake: make(chan struct{}, 1)}
	q.idle = sync.NewCond(&q.mu)
	return q
}

// add takes an event, or drops it if there is no room.
func (q *queue) add(e *Event) {
	size := e.room()
	q.mu.Lock()
	if len(q.events) >= q.most || q.bytes+size > queueBytes {
		if q.dropped == 0 {
			q.since = e.Time
		}
		q.dropped++
		q.mu.Unlock()
		q.lost(1)
		return
	}
	q.events = append(q.events, *e)
	q.bytes += size
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take gives what is to be written next; nothing if the queue is empty. That events were lost stands behind those that came before.
func (q *queue) take(now time.Time) []Line {
	q.mu.Lock()
	n, bytes := 0, 0
	for n < len(q.events) && n < lineEvents && bytes < lineBytes {
		bytes += q.events[n].room()
		n++
	}
	events := q.events[:n:n]
	q.events = q.events[n:]
	if len(q.events) == 0 {
		q.events = nil
	}
	q.bytes -= bytes
	if q.dropped > 0 && n > 0 && len(q.events) == 0 {
		since := q.since.UTC()
		events = append(events, Event{Time: now, Node: q.node, Kind: Lost, Outcome: Failure, Count: q.dropped, First: &since, Reason: "no room: " + q.name + " was too slow"})
		q.dropped = 0
	}
	q.busy = len(events) > 0
	if !q.busy {
		q.idle.Broadcast()
	}
	q.mu.Unlock()
	lines := make([]Line, len(events))
	for i := range events {
		lines[i] = Line{events[i].Time, events[i].line()}
	}
	return lines
}

// run writes until ctx ends. Who closes the queue has waited for it before, as long as it likes to.
func (q *queue) run(ctx context.Context) {
	for {
		lines := q.take(time.Now())
		if len(lines) > 0 {
			q.writeAll(ctx, lines)
			continue
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return
		}
	}
}

// writeAll tries until lines are written or ctx ends.
func (q *queue) writeAll(ctx context.Context, lines []Line) {
	wait := firstRetry
	for {
		err := q.write(ctx, lines)
		if err == nil {
			return
		}
		if wait == firstRetry {
			q.logger.Warn("audit events could not be written, it is tried again", "to", q.name, "count", len(lines), "err", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			q.lost(int64(len(lines)))
			q.logger.Warn("audit events are lost", "to", q.name, "count", len(lines), "err", err)
			return
		}
		wait = min(2*wait, lastRetry)
	}
}

// drain waits until all is written, or ctx ends.
func (q *queue) drain(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.idle.Broadcast()
	})()
	q.mu.Lock()
	defer q.mu.Unlock()
	for (len(q.events) > 0 || q.busy) && ctx.Err() == nil {
		q.idle.Wait()
	}
}

func (q *queue) setMost(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.most = n
}

// left is how many events are not written.
func (q *queue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events)
}
