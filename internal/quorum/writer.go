package quorum

import (
	"sync"
	"time"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/record"
)

// writer is the machine.Log of the active controller. One goroutine syncs the log; whatever was appended while it did is synced together the
// next time, so that many decisions share one sync.
type writer struct {
	log   *metalog.Log
	epoch int32
	wake  chan struct{} // of the syncing goroutine; holds one
	quit  chan struct{}
	done  sync.WaitGroup
	feed  func([]metalog.Batch) // takes what became committed, in order
	fail  func(error)

	// What follows belongs to whoever appends: Open, then the machine's runner.
	enc metalog.Encoder
	buf []byte

	mu        sync.Mutex
	pending   []metalog.Batch // appended, not committed
	waiters   []waiter
	committed int64
	failure   error
}

type waiter struct {
	next int64
	fn   func(error)
}

func newWriter(log *metalog.Log, epoch int32, level int16) *writer {
	return &writer{log: log, epoch: epoch, wake: make(chan struct{}, 1), quit: make(chan struct{}), enc: metalog.Encoder{Level: level}}
}

// leaderChange writes the control record that begins an epoch.
func (w *writer) leaderChange(now time.Time, nodeID int32) error {
	at := metalog.Stamp{Offset: w.log.Offsets().LogEnd, Epoch: w.epoch, Timestamp: now.UnixMilli()}
	batch, err := metalog.AppendControl(w.buf[:0], at, record.ControlLeaderChange, metalog.LeaderChange(nodeID, []int32{nodeID}))
	if err != nil {
		return err
	}
	_, err = w.log.AppendFetched(batch)
	if err == nil {
		w.note(w.batch(nil, at.Offset, at, len(batch)))
	}
	return err
}

// abort ends the metadata transaction that an earlier leader left open. The image does not know of it any more.
func (w *writer) abort(now time.Time) error {
	at := metalog.Stamp{Offset: w.log.Offsets().LogEnd, Epoch: w.epoch, Timestamp: now.UnixMilli()}
	batch, err := w.enc.Batches(w.buf[:0], at, []metadata.Record{&metadata.AbortTransactionRecord{Reason: new("leader changed")}})
	if err != nil {
		return err
	}
	if _, err = w.log.AppendFetched(batch); err == nil {
		w.note(w.batch(nil, at.Offset, at, len(batch)))
	}
	return err
}

// Append implements machine.Log. The records become one batch unless they are more than a batch may hold. They not be modified afterwards; the slice may be.
func (w *writer) Append(now time.Time, records []metadata.Record, _ *machine.Producer) (baseOffset, nextOffset int64, err error) {
	at := metalog.Stamp{Offset: w.log.Offsets().LogEnd, Epoch: w.epoch, Timestamp: now.UnixMilli()}
	if w.buf, err = w.enc.Batches(w.buf[:0], at, records); err != nil {
		return 0, 0, err
	}
	info, err := w.log.AppendFetched(w.buf)
	if err != nil {
		return 0, 0, err
	}
	w.note(w.batch(append([]metadata.Record(nil), records...), info.LastOffset, at, len(w.buf)))
	w.enc.Shrink()
	if cap(w.buf) > 1<<20 {
		w.buf = nil
	}
	return info.BaseOffset, info.LastOffset + 1, nil
}

func (w *writer) batch(records []metadata.Record, lastOffset int64, at metalog.Stamp, bytes int) metalog.Batch {
	return metalog.Batch{Records: records, LastOffset: lastOffset, Epoch: w.epoch, Timestamp: at.Timestamp, Bytes: bytes}
}

func (w *writer) note(b metalog.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, b)
}

// WhenCommitted implements machine.Log.
func (w *writer) WhenCommitted(nextOffset int64, fn func(error)) {
	w.mu.Lock()
	committed, failure := w.committed, w.failure
	if committed < nextOffset && failure == nil {
		w.waiters = append(w.waiters, waiter{nextOffset, fn})
		w.mu.Unlock()
		select {
		case w.wake <- struct{}{}:
		default:
		}
		return
	}
	w.mu.Unlock()
	if committed >= nextOffset {
		failure = nil
	}
	fn(failure)
}

func (w *writer) committedOffset() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.committed
}

// start begins syncing in the background.
func (w *writer) start(feed func([]metalog.Batch), fail func(error)) {
	w.feed, w.fail = feed, fail
	w.done.Go(func() {
		for {
			select {
			case <-w.wake:
				if err := w.sync(); err != nil {
					w.fail(err)
					return
				}
			case <-w.quit:
				return
			}
		}
	})
}

// sync makes everything appended so far durable, which commits it, and tells those who wait.
func (w *writer) sync() error {
	end := w.log.Offsets().LogEnd
	err := w.log.Flush()
	if err == nil {
		w.log.Commit(end)
	}
	w.mu.Lock()
	var ready []waiter
	if err != nil {
		w.failure = err
		ready, w.waiters = w.waiters, nil
	} else {
		w.committed = end
		keep := w.waiters[:0]
		for _, x := range w.waiters {
			if x.next <= end {
				ready = append(ready, x)
			} else {
				keep = append(keep, x)
			}
		}
		w.waiters = keep
	}
	w.mu.Unlock()
	if w.feed != nil && err == nil {
		w.feed(w.takeCommitted())
	}
	for _, x := range ready {
		x.fn(err)
	}
	return err
}

// takeCommitted returns the batches that became committed since the last call.
func (w *writer) takeCommitted() []metalog.Batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.pending) && w.pending[n].LastOffset < w.committed {
		n++
	}
	out := append([]metalog.Batch(nil), w.pending[:n]...)
	w.pending = append([]metalog.Batch(nil), w.pending[n:]...)
	return out
}

// close ends the syncing goroutine and commits what was appended before.
func (w *writer) close() {
	close(w.quit)
	w.done.Wait()
	w.mu.Lock()
	failed := w.failure
	w.mu.Unlock()
	if failed == nil {
		if err := w.sync(); err != nil {
			w.fail(err)
		}
	}
}
