package group

import (
	"container/heap"
	"time"
)

// timerKind says what is due.
type timerKind int8

const (
	sessionTimer timerKind = iota // a member's session, or its first join, ends
	pendingTimer                  // a member that was given an id has not joined with it
	joinTimer                     // the join phase ends
	initialTimer                  // the wait for more members of a new group ends
	syncTimer                     // members that have not asked for their assignment are removed
	holdTimer                     // the answer to a heartbeat has waited long enough
	kindTimer                     // of a group of a newer kind
)

// timer is one entry of the heap.
//
// Putting the time off is free: only deadline changes, and the entry is moved when its old place in the heap comes up.
type timer struct {
	kind       timerKind
	group      string
	member     string
	generation int32
	desk       *desk     // of a kindTimer
	deadline   time.Time // when it is really due; zero: stopped
	at         time.Time // its place in the heap, not after deadline
	seq        uint64    // breaks ties in the order of making
}

// stop makes the timer never fire. A nil timer is stopped already.
func (t *timer) stop() {
	if t != nil {
		t.deadline = time.Time{}
	}
}

// timers is the heap of all timers of a machine, and is itself the heap.Interface.
type timers struct {
	heap []*timer
	last uint64
}

// start adds a timer.
func (c *timers) start(t timer) *timer {
	c.last++
	t.seq, t.at = c.last, t.deadline
	heap.Push(c, &t)
	return &t
}

// next is when pop should be asked next; the zero time: never. It may be too early, never too late.
func (c *timers) next() time.Time {
	for len(c.heap) > 0 && c.heap[0].deadline.IsZero() {
		heap.Pop(c)
	}
	if len(c.heap) == 0 {
		return time.Time{}
	}
	return c.heap[0].at
}

// pop takes out the first timer that is due, nil if none is.
func (c *timers) pop(now time.Time) *timer {
	for len(c.heap) > 0 {
		t := c.heap[0]
		switch {
		case t.deadline.IsZero():
			heap.Pop(c)
		case t.at.After(now):
			return nil
		case t.deadline.After(t.at):
			t.at = t.deadline
			heap.Fix(c, 0)
		default:
			heap.Pop(c)
			return t
		}
	}
	return nil
}

// Len is for package heap.
func (c *timers) Len() int { return len(c.heap) }

// Less is for package heap.
func (c *timers) Less(i, j int) bool {
	a, b := c.heap[i], c.heap[j]
	if a.at.Equal(b.at) {
		return a.seq < b.seq
	}
	return a.at.Before(b.at)
}

// Swap is for package heap.
func (c *timers) Swap(i, j int) { c.heap[i], c.heap[j] = c.heap[j], c.heap[i] }

// Push is for package heap.
func (c *timers) Push(x any) { c.heap = append(c.heap, x.(*timer)) }

// Pop is for package heap.
func (c *timers) Pop() any {
	last := len(c.heap) - 1
	t := c.heap[last]
	c.heap[last] = nil
	c.heap = c.heap[:last]
	return t
}
