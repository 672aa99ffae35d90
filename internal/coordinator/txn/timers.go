package txn

import (
	"container/heap"
	"time"
)

// timerKind says what is due.
type timerKind int8

const (
	timeoutTimer  timerKind = iota // an open transaction is aborted
	completeTimer                  // the record that completes a transaction was refused and is written again
	settleTimer                    // what the image does not have does not exist any more
	expiryTimer                    // ids that nobody used for long are removed
)

// timerKey names a timer; there is one of each kind for an id.
type timerKey struct {
	kind timerKind
	id   string
}

// timer is one entry of the heap.
//
// Putting the time off and stopping are free: only deadline changes, and the entry is moved when its old place in the heap comes up. An
// id that runs one transaction after another so has one entry, which is moved once per timeout.
type timer struct {
	timerKey
	deadline time.Time // when it is really due; zero: stopped
	at       time.Time // its place in the heap, not after deadline
	seq      uint64    // breaks ties in the order of making
	index    int       // in the heap
}

// timers is the heap of all timers of a machine, and is itself the heap.Interface.
type timers struct {
	heap  []*timer
	byKey map[timerKey]*timer // those in the heap
	last  uint64
}

// set makes a timer due at a time.
func (c *timers) set(key timerKey, deadline time.Time) {
	t := c.byKey[key]
	switch {
	case t == nil:
		c.last++
		t = &timer{timerKey: key, deadline: deadline, at: deadline, seq: c.last}
		c.byKey[key] = t
		heap.Push(c, t)
	case deadline.Before(t.at):
		t.deadline, t.at = deadline, deadline
		heap.Fix(c, t.index)
	default:
		t.deadline = deadline
	}
}

// stop makes a timer never fire, if there is one.
func (c *timers) stop(key timerKey) {
	if t := c.byKey[key]; t != nil {
		t.deadline = time.Time{}
	}
}

// drop takes out the first timer of the heap.
func (c *timers) drop() *timer {
	t := heap.Pop(c).(*timer)
	delete(c.byKey, t.timerKey)
	return t
}

// next is when pop should be asked next; the zero time: never. It may be too early, never too late.
func (c *timers) next() time.Time {
	for len(c.heap) > 0 && c.heap[0].deadline.IsZero() {
		c.drop()
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
			c.drop()
		case t.at.After(now):
			return nil
		case t.deadline.After(t.at):
			t.at = t.deadline
			heap.Fix(c, 0)
		default:
			return c.drop()
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
func (c *timers) Swap(i, j int) {
	c.heap[i], c.heap[j] = c.heap[j], c.heap[i]
	c.heap[i].index, c.heap[j].index = i, j
}

// Push is for package heap.
func (c *timers) Push(x any) {
	t := x.(*timer)
	t.index = len(c.heap)
	c.heap = append(c.heap, t)
}

// Pop is for package heap.
func (c *timers) Pop() any {
	last := len(c.heap) - 1
	t := c.heap[last]
	c.heap[last] = nil
	c.heap = c.heap[:last]
	return t
}
