package bank

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// Fault is a mistake put in on purpose, to see that the checks find it.
type Fault int8

// The faults.
const (
	NoFault        Fault = iota
	LateMarkers          // a partition takes a marker with the epoch of the transaction that is open
	HastyMarkers         // markers are sent before the decision is committed
	NoFencing            // a producer that comes is given the epoch of the one before
	NoVerification       // a partition lets a transaction begin without asking the coordinator
	faultCount
)

// Options say what to run.
type Options struct {
	Seed   uint64
	Rounds int // crashes of the coordinator
	Fault  Fault
}

// Outcome is what a run came to.
type Outcome struct {
	Violation string // "": none
	Steps     int
	Committed int // transfers that producers were told of
	Aborted   int
	Fenced    int // producers that had to stop
	TimedOut  int // transactions that the coordinator aborted
	Rotated   int // producer ids whose epochs ran out
}

// world is everything there is. It is deterministic: events happen in the order of their time and number, chance comes from one generator.
type world struct {
	rand  *rand.Rand
	fault Fault
	now   time.Time
	queue queue
	last  uint64
	steps int

	// orderly: requests arrive before they are asked again, and none comes twice. Below transaction version 2 the protocol asks for that.
	orderly bool
	healed  bool // nothing is lost or late any more, and no new transfers begin

	coordinator *coordinator
	log         stateLog
	partitions  []*partition
	clients     []*client
	bank        bank
	out         Outcome
}

// event is something that will happen.
type event struct {
	at  time.Time
	seq uint64
	do  func()
}

type queue []event

// Len is for package heap.
func (q queue) Len() int { return len(q) }

// Less is for package heap.
func (q queue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}

// Swap is for package heap.
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is for package heap.
func (q *queue) Push(x any) { *q = append(*q, x.(event)) }

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = event{}
	*q = (*q)[:last]
	return e
}

func (w *world) after(d time.Duration, do func()) { w.at(w.now.Add(d), do) }

func (w *world) at(t time.Time, do func()) {
	w.last++
	heap.Push(&w.queue, event{t, w.last, do})
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.rand.IntN(n) == 0 }

// askAgain is how long a caller waits for an answer.
const askAgain = 100 * time.Millisecond

// send delivers a message, some time, perhaps never, perhaps twice.
func (w *world) send(deliver func()) {
	quick := func() time.Duration { return time.Duration(1+w.rand.IntN(20_000)) * time.Microsecond }
	switch {
	case w.healed:
		w.after(quick(), deliver)
		return
	case w.chance(20):
		return
	}
	d := quick()
	if !w.orderly && w.chance(25) {
		d = time.Duration(w.rand.IntN(3000)) * time.Millisecond
	}
	w.after(d, deliver)
	if !w.orderly && w.chance(15) {
		w.after(quick()*time.Duration(1+w.rand.IntN(50)), deliver)
	}
}

// step lets the next thing happen.
func (w *world) step() bool {
	if len(w.queue) == 0 || w.out.Violation != "" {
		return false
	}
	e := heap.Pop(&w.queue).(event)
	w.now = e.at
	e.do()
	w.steps++
	w.bank.check(w)
	return w.out.Violation == ""
}

// fail notes the first thing that is wrong.
func (w *world) fail(format string, args ...any) {
	if w.out.Violation == "" {
		w.out.Violation = fmt.Sprintf("step %d: ", w.steps) + fmt.Sprintf(format, args...)
	}
}
