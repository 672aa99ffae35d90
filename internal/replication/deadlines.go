package replication

import (
	"container/heap"
	"sync"
	"time"
)

// deadlines expires what waits. It has one timer for all, armed only while something waits, and no goroutine in between.
type deadlines struct {
	mu     sync.Mutex
	queue  deadlineQueue
	timer  *time.Timer
	armed  bool      // the timer will call fire, or fire is waiting for mu
	next   time.Time // when, if armed
	closed bool

	firing sync.WaitGroup // armed timers and running fires
}

// deadline is the place of one wait in the queue. Fields are guarded by deadlines.mu.
type deadline struct {
	at    time.Time
	who   expirer
	place int // in the queue plus one; 0: not queued
}

// expirer is told that its deadline has come, without locks held. It must not wait.
type expirer interface{ expire() }

// add queues d for the given time. A closed deadlines drops it: whoever closes ends all waits.
func (q *deadlines) add(d *deadline, at time.Time, who expirer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	d.at, d.who = at, who
	heap.Push(&q.queue, d)
	if q.armed && at.Before(q.next) && q.timer.Stop() {
		q.armed = false
		q.firing.Done()
	}
	if !q.armed {
		q.arm()
	}
}

// remove forgets d if it is queued.
func (q *deadlines) remove(d *deadline) {
	q.mu.Lock()
	if d.place > 0 {
		heap.Remove(&q.queue, d.place-1)
	}
	q.mu.Unlock()
}

// arm sets the timer for the first in the queue. Called with mu held and the timer not armed.
func (q *deadlines) arm() {
	q.armed, q.next = true, q.queue[0].at
	q.firing.Add(1)
	after := max(0, time.Until(q.next))
	if q.timer == nil {
		q.timer = time.AfterFunc(after, q.fire)
	} else {
		q.timer.Reset(after)
	}
}

// fire expires what is due and arms the timer for the rest.
func (q *deadlines) fire() {
	defer q.firing.Done()
	var due []expirer
	q.mu.Lock()
	q.armed = false
	now := time.Now()
	for len(q.queue) > 0 && !q.queue[0].at.After(now) {
		due = append(due, heap.Pop(&q.queue).(*deadline).who)
	}
	if len(q.queue) > 0 && !q.closed {
		q.arm()
	}
	q.mu.Unlock()
	for _, who := range due {
		who.expire()
	}
}

// close stops the timer and waits for expiries under way.
func (q *deadlines) close() {
	q.mu.Lock()
	q.closed = true
	if q.armed && q.timer.Stop() {
		q.armed = false
		q.firing.Done()
	}
	q.mu.Unlock()
	q.firing.Wait()
}

// deadlineQueue is a heap by time.
type deadlineQueue []*deadline

func (q deadlineQueue) Len() int           { return len(q) }
func (q deadlineQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q deadlineQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i+1, j+1
}

func (q *deadlineQueue) Push(x any) {
	d := x.(*deadline)
	*q = append(*q, d)
	d.place = len(*q)
}

func (q *deadlineQueue) Pop() any {
	old := *q
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	d.place = 0
	return d
}
