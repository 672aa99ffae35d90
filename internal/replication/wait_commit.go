package replication

import (
	"fmt"
	"sync/atomic"
	"time"
)

// commitWait is one caller who wants to know when records are committed, or synced here.
type commitWait struct {
	partition  *Partition
	nextOffset int64
	own        bool // it waits for this node's log only
	fn         func(error)
	done       atomic.Bool
	deadline   deadline
	index      int // in partition.commits, -1: not there; guarded by partition.mu
}

// WhenCommitted calls fn once: nil when the high watermark has reached nextOffset (and the in-sync set is large enough), else why not. A zero
// deadline waits until leadership ends. fn may be called before WhenCommitted returns; it must not wait.
func (p *Partition) WhenCommitted(nextOffset int64, deadline time.Time, fn func(error)) {
	p.when(&commitWait{partition: p, nextOffset: nextOffset, fn: fn}, deadline)
}

// WhenSynced calls fn once: nil when this node's own log counts up to nextOffset, else why not. Whoever appends without waiting for other
// replicas calls it after an append with SyncDue.
func (p *Partition) WhenSynced(nextOffset int64, fn func(error)) {
	p.when(&commitWait{partition: p, nextOffset: nextOffset, own: true, fn: fn}, time.Time{})
}

func (p *Partition) when(w *commitWait, deadline time.Time) {
	p.mu.Lock()
	err := p.refusal()
	if err != nil || w.reached() {
		if err == nil {
			err = w.outcome()
		}
		p.mu.Unlock()
		w.fn(err)
		return
	}
	w.index = len(p.commits)
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

// reached reports whether what is waited for has come. Called with mu held.
func (w *commitWait) reached() bool {
	if w.own {
		return w.partition.progress.Own() >= w.nextOffset
	}
	return w.partition.progress.HighWatermark() >= w.nextOffset
}

// outcome is what a wait ends with that has reached its offset. Called with mu held.
func (w *commitWait) outcome() error {
	if w.own {
		return nil
	}
	return w.partition.enough()
}

// committed moves the waits to ready that have reached their offsets. Called with mu held.
func (p *Partition) committed(ready *wakeups) {
	for i := 0; i < len(p.commits); {
		w := p.commits[i]
		if !w.reached() {
			i++
			continue
		}
		p.dropCommit(w)
		ready.commits = append(ready.commits, endedCommit{w, w.outcome()})
	}
}

// endUnsynced moves the waits to ready whose records could not be synced. Called with mu held.
func (p *Partition) endUnsynced(reason error, ready *wakeups) {
	own := p.progress.Own()
	for i := 0; i < len(p.commits); {
		w := p.commits[i]
		if w.nextOffset <= own { // other replicas are missing, not this one
			i++
			continue
		}
		p.dropCommit(w)
		ready.commits = append(ready.commits, endedCommit{w, reason})
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
