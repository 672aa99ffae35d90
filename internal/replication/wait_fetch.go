package replication

import (
	"math"
	"sync/atomic"
	"time"

	"leat/internal/storage"
)

// WaitPart is one partition of a waiting fetch. Offset is the bound up to which the caller has seen everything: bytes past it count.
type WaitPart struct {
	Partition *Partition
	Offset    int64
	Isolation storage.Isolation
	Any       bool // a replica that does not lead will do
}

// Wait is one waiting fetch: see WaitFor.
type Wait struct {
	node     *Node
	fn       func()
	need     int64
	got      atomic.Int64
	state    atomic.Int32
	deadline deadline
	entries  []waitEntry
}

// States of a Wait. Whoever moves it to ended calls fn; while it is being registered only WaitFor itself may, so that fn finds nothing of the wait in use.
const (
	registering int32 = iota
	waiting
	newsMeanwhile // something came while it was registered
	ended
)

// waitEntry is a wait's place at one partition. Fields below partition are guarded by partition.mu.
type waitEntry struct {
	wait      *Wait
	partition *Partition
	offset    int64
	counted   int64 // what the partition's counter stood at when it was last added to the wait
	index     int32 // in partition.fetches, -1: not there
	isolation storage.Isolation
	any       bool
}

// WaitFor registers a waiter over several partitions: fn is called once, when the bytes that became readable past the given offsets
// reach minBytes, something changed that the fetcher must know (leadership, truncation, deletion), or the deadline came. Cancel drops it.
// fn may be called before WaitFor returns; it must not wait.
func (n *Node) WaitFor(parts []WaitPart, minBytes int, deadline time.Time, fn func()) *Wait {
	w := &Wait{node: n, fn: fn, need: int64(minBytes), entries: make([]waitEntry, len(parts))}
	n.waitingFetches.Add(1)
	n.deadlines.add(&w.deadline, deadline, w)
	news := minBytes <= 0
	for i, part := range parts {
		e := &w.entries[i]
		*e = waitEntry{wait: w, partition: part.Partition, offset: part.Offset, isolation: part.Isolation, any: part.Any, index: -1}
		if news = news || !e.watch(); news {
			w.entries = w.entries[:i+1]
			break
		}
	}
	if !news && w.state.CompareAndSwap(registering, waiting) {
		return w
	}
	w.state.Store(ended)
	w.leave()
	fn()
	return w
}

// Cancel drops the wait; fn will not be called after it returns true, false means it was (or is being) called.
func (w *Wait) Cancel() bool {
	if !w.state.CompareAndSwap(waiting, ended) {
		return false
	}
	w.leave()
	return true
}

// wake ends the wait, if nothing else did.
func (w *Wait) wake() {
	if w.state.CompareAndSwap(registering, newsMeanwhile) {
		return
	}
	if w.state.CompareAndSwap(waiting, ended) {
		w.leave()
		w.fn()
	}
}

func (w *Wait) expire() { w.wake() }

// leave takes the wait out of every list. Called once, by whoever ended it.
func (w *Wait) leave() {
	w.node.waitingFetches.Add(-1)
	w.node.deadlines.remove(&w.deadline)
	for i := range w.entries {
		e := &w.entries[i]
		e.partition.mu.Lock()
		e.partition.dropFetch(e)
		e.partition.mu.Unlock()
	}
}

// watch puts the entry into the partition's list, unless there is news for it already.
func (e *waitEntry) watch() bool {
	p := e.partition
	p.mu.Lock()
	defer p.mu.Unlock()
	refusal := p.refusal()
	if e.any {
		refusal = p.failed
	}
	if refusal != nil || p.bound(e.isolation) != e.offset {
		return false
	}
	e.counted = p.grown.counter(e.isolation)
	e.index = int32(len(p.fetches))
	p.fetches = append(p.fetches, e)
	return true
}

// bound is the offset up to which a reader may read.
func (p *Partition) bound(iso storage.Isolation) int64 {
	o := p.log.Offsets()
	switch iso {
	case storage.ReadLogEnd:
		return o.LogEnd
	case storage.ReadUncommitted:
		return o.HighWatermark
	default:
		return o.LastStable
	}
}

// dropFetch takes the entry out of the list. Called with mu held.
func (p *Partition) dropFetch(e *waitEntry) {
	if e.index < 0 {
		return
	}
	last := len(p.fetches) - 1
	moved := p.fetches[last]
	p.fetches[e.index], moved.index = moved, e.index
	p.fetches[last] = nil
	p.fetches = p.fetches[:last]
	e.index = -1
}

// readable adds what has become readable to the waiting fetches and moves those that have enough to ready. Called with mu held.
func (p *Partition) readable(ready *wakeups) {
	for _, e := range p.fetches {
		now := p.grown.readableTo(e)
		gain := now - e.counted
		if gain <= 0 {
			continue
		}
		e.counted = now
		if e.wait.got.Add(gain) >= e.wait.need {
			ready.fetches = append(ready.fetches, e.wait)
		}
	}
}

// counter is the counter that an isolation's waits are measured by.
func (g *growth) counter(iso storage.Isolation) int64 {
	if iso == storage.ReadLogEnd {
		return g.atEnd
	}
	return g.atCommitted
}

// readableTo is where the counter stands for one entry. Behind an open transaction nothing is readable to a read_committed fetch; once the last stable
// offset moves but not all the way, how many bytes that is would need a look into the log, so it counts as enough.
func (g *growth) readableTo(e *waitEntry) int64 {
	if e.isolation == storage.ReadCommitted && g.lastStable < g.committedEnd {
		if g.lastStable > e.offset {
			return math.MaxInt64 / 2
		}
		return e.counted
	}
	return g.counter(e.isolation)
}
