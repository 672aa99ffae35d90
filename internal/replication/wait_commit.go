package replication

import (
	"fmt"
	"sync/atomic"
	"time"
)

// commitWait is one caller who wants to know when records are committed.
type commitWait struct {
	partition  *Partition
	nextOffset int64
	fn         func(error)
	done       atomic.Bool
	deadline   deadline
	index      int // in partition.commits, -1: not there; guarded by partition.mu
}

// WhenCommitted calls fn once: nil when the high watermark has reached nextOffset (and the in-sync set is large enough), else why not. A zero
// deadline waits until leadership ends. fn may be called before WhenCommitted returns; it must not wait.
func (p *Partition) WhenCommitted(nextOffset int64, deadline time.Time, fn func(error)) {
	p.mu.Lock()
	err := p.refusal()
	if err != nil || p.progress.HighWatermark() >= nextOffset {
		if err == nil {
			err = p.enough()
		}
		p.mu.Unlock()
		fn(err)
		return
	}
	w := &commitWait{partition: p, nextOffset: nextOffset, fn: fn, index: len(p.commits)}
	p.commits = append(p.commits, w)
	p.node.waitingCommits.Add(1)
	p.mu.Unlock()
	if deadline.IsZero() {
		return
	}
	p.node.deadlines.add(&w.deadline, deadline, w)
	if w.done.Load() { // it ended before it was queued, so nobody took it out
		p.node.deadlines.remove(&w.deadline)
	}
}

// Committed reports whether the high watermark has reached nextOffset or never will on this node; the error is what WhenCommitted would give. Who
// must wait calls WhenCommitted.
func (p *Partition) Committed(nextOffset int64) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refusal(); err != nil {
		return true, err
	}
	if p.progress.HighWatermark() < nextOffset {
		return false, nil
	}
	return true, p.enough()
}

// enough is nil if what was committed is held by enough in-sync replicas. Called with mu held.
func (p *Partition) enough() error {
	if p.progress.EnoughInSync() {
		return nil
	}
	return fmt.Errorf("%s: %d replicas in sync after the append, fewer than min.insync.replicas: %w", p.tp, p.progress.InSync(), ErrNotEnoughReplicas)
}

// committed moves the waits below the high watermark to ready. Called with mu held.
func (p *Partition) committed(ready *wakeups) {
	highWatermark := p.progress.HighWatermark()
	for i := 0; i < len(p.commits); {
		w := p.commits[i]
		if w.nextOffset > highWatermark {
			i++
			continue
		}
		p.dropCommit(w)
		ready.commits = append(ready.commits, endedCommit{w, p.enough()})
	}
}

// dropCommit takes w out of the list. Called with mu held.
func (p *Partition) dropCommit(w *commitWait) {
	if w.index < 0 {
		return
	}
	last := len(p.commits) - 1
	moved := p.commits[last]
	p.commits[w.index], moved.index = moved, w.index
	p.commits[last] = nil
	p.commits = p.commits[:last]
	w.index = -1
}

// end calls the caller back, once.
func (w *commitWait) end(err error) {
	if w.done.CompareAndSwap(false, true) {
		w.partition.node.waitingCommits.Add(-1)
		w.partition.node.deadlines.remove(&w.deadline)
		w.fn(err)
	}
}

func (w *commitWait) expire() {
	w.partition.mu.Lock()
	w.partition.dropCommit(w)
	w.partition.mu.Unlock()
	w.end(fmt.Errorf("%s: replication up to offset %d: %w", w.partition.tp, w.nextOffset, ErrTimedOut))
}
