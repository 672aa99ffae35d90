package replication

import (
	"fmt"
	"sync/atomic"
	"time"
)

// deleteWait is one caller who wants to know when records are gone from all replicas (DeleteRecords, KIP-107).
type deleteWait struct {
	partition *Partition
	offset    int64
	fn        func(lowest int64, err error)
	done      atomic.Bool
	deadline  deadline
}

// DeleteBefore drops what lies below an offset, here and then on the followers, which hear of it at once. fn is called once: with the lowest log start offset
// of the replicas whose brokers are alive, when that has reached the offset, or with an error. It must not wait.
func (p *Partition) DeleteBefore(offset int64, deadline time.Time, fn func(lowest int64, err error)) {
	w := &deleteWait{partition: p, offset: offset, fn: fn}
	p.role.RLock()
	err := p.checkLeads(-1)
	if err == nil {
		err = p.log.AdvanceLogStart(offset)
	}
	p.role.RUnlock()
	if err != nil {
		fn(-1, err)
		return
	}
	var ready wakeups
	p.mu.Lock()
	lowest := p.lowestStart()
	waits := lowest < offset
	if waits {
		p.deletes = append(p.deletes, w)
		p.askStarts(&ready)
	}
	p.mu.Unlock()
	ready.run()
	if !waits {
		w.end(lowest, nil)
		return
	}
	p.node.deadlines.add(&w.deadline, deadline, w)
	if w.done.Load() { // it ended before it was queued
		p.node.deadlines.remove(&w.deadline)
	}
}

// lowestStart is the lowest log start offset of the replicas whose brokers are alive. Called with mu held.
func (p *Partition) lowestStart() int64 {
	im := p.node.image.Load()
	return p.progress.LowestStart(p.log.Offsets().LogStart, func(id int32) bool {
		if im == nil {
			return true
		}
		b, ok := im.Broker(id)
		return ok && b.Active()
	})
}

// askStarts has all followers answered at once, as if they had been told nothing: a follower that has deleted old records by itself says where its log begins
// once it hears of the partition. Called with mu held.
func (p *Partition) askStarts(ready *wakeups) {
	for _, sp := range p.watchers {
		sp.asked = true
	}
	p.lookAgain(true, ready)
}

// deleted moves the waits to ready whose records are gone everywhere. Called with mu held.
func (p *Partition) deleted(ready *wakeups) {
	if len(p.deletes) == 0 {
		return
	}
	lowest, kept := p.lowestStart(), p.deletes[:0]
	for _, w := range p.deletes {
		if lowest >= w.offset {
			ready.deletes = append(ready.deletes, endedDelete{w, lowest, nil})
		} else {
			kept = append(kept, w)
		}
	}
	clear(p.deletes[len(kept):])
	p.deletes = kept
}

// endDeletes moves all waits to ready. Called with mu held.
func (p *Partition) endDeletes(reason error, ready *wakeups) {
	for _, w := range p.deletes {
		ready.deletes = append(ready.deletes, endedDelete{w, -1, reason})
	}
	p.deletes = nil
}

// end calls the caller back, once.
func (w *deleteWait) end(lowest int64, err error) {
	if w.done.CompareAndSwap(false, true) {
		w.partition.node.deadlines.remove(&w.deadline)
		w.fn(lowest, err)
	}
}

func (w *deleteWait) expire() {
	p := w.partition
	p.mu.Lock()
	kept := p.deletes[:0]
	for _, other := range p.deletes {
		if other != w {
			kept = append(kept, other)
		}
	}
	clear(p.deletes[len(kept):])
	p.deletes = kept
	p.mu.Unlock()
	w.end(-1, fmt.Errorf("%s: followers have not deleted what is below offset %d: %w", p.tp, w.offset, ErrTimedOut))
}
