package sharing

import (
	"container/heap"
	"sync"
	"time"
)

// alarms call functions at their times: one timer for all, armed only while something waits.
type alarms struct {
	mu     sync.Mutex
	queue  alarmQueue
	timer  *time.Timer
	next   time.Time // when the timer fires, zero: it is not armed
	closed bool
	firing sync.WaitGroup
}

// alarm is one function and its time. Fields but fn are guarded by alarms.mu.
type alarm struct {
	fn    func()
	at    time.Time
	place int // in the queue plus one; 0: not queued
}

func newAlarms() *alarms { return new(alarms) }

// set moves an alarm to a time; zero takes it back.
func (q *alarms) set(a *alarm, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || a.place > 0 && a.at.Equal(at) {
		return
	}
	if a.place > 0 {
		heap.Remove(&q.queue, a.place-1)
	}
	if !at.IsZero() {
		a.at = at
		heap.Push(&q.queue, a)
	}
	q.arm()
}

// arm sets the timer for the first in the queue. Called with mu held.
func (q *alarms) arm() {
	if len(q.queue) == 0 || !q.next.IsZero() && !q.queue[0].at.Before(q.next) {
		return // the timer may fire for nothing, and is set again then
	}
	if !q.next.IsZero() && !q.timer.Stop() {
		return // it is about to fire
	}
	if q.next.IsZero() {
		q.firing.Add(1)
	}
	q.next = q.queue[0].at
	wait := max(0, time.Until(q.next))
	if q.timer == nil {
		q.timer = time.AfterFunc(wait, q.fire)
	} else {
		q.timer.Reset(wait)
	}
}

// fire calls what is due.
func (q *alarms) fire() {
	defer q.firing.Done()
	var due []*alarm
	q.mu.Lock()
	q.next = time.Time{}
	now := time.Now()
	for len(q.queue) > 0 && !q.queue[0].at.After(now) {
		due = append(due, heap.Pop(&q.queue).(*alarm))
	}
	if !q.closed {
		q.arm()
	}
	q.mu.Unlock()
	for _, a := range due {
		a.fn()
	}
}

// close stops the timer and waits for what it is calling.
func (q *alarms) close() {
	q.mu.Lock()
	q.closed = true
	if !q.next.IsZero() && q.timer.Stop() {
		q.next = time.Time{}
		q.firing.Done()
	}
	q.mu.Unlock()
	q.firing.Wait()
}

// alarmQueue is a heap by time.
type alarmQueue []*alarm

func (q alarmQueue) Len() int           { return len(q) }
func (q alarmQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q alarmQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i+1, j+1
}

func (q *alarmQueue) Push(x any) {
	a := x.(*alarm)
	*q = append(*q, a)
	a.place = len(*q)
}

func (q *alarmQueue) Pop() any {
	old := *q
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	a.place = 0
	return a
}
