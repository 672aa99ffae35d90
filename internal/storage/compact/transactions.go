package compact

import (
	"cmp"
	"maps"
	"slices"

	"leat/internal/record"
)

// Aborted is an aborted transaction, as the transaction index of a segment has it.
type Aborted struct {
	ProducerID       int64
	FirstOffset      int64
	LastOffset       int64 // of the marker
	LastStableOffset int64
}

// Transactions follows the transactions of a log, batch by batch: which batches belong to an aborted one, and which markers to one of which
// no batch is left.
type Transactions struct {
	waiting   []Aborted         // that begin behind the batches seen so far, by first offset falling: the next one is the last
	aborted   map[int64]ongoing // by producer
	committed map[int64]bool    // producers of whose open transaction, not an aborted one, a batch was seen
}

// ongoing is an aborted transaction whose marker was not seen yet.
type ongoing struct {
	txn  Aborted
	seen bool // a batch of it
}

// NewTransactions returns the state before the first batch.
func NewTransactions() *Transactions {
	return &Transactions{aborted: make(map[int64]ongoing), committed: make(map[int64]bool)}
}

// Clone returns a copy that goes its own way.
func (t *Transactions) Clone() *Transactions {
	return &Transactions{waiting: slices.Clone(t.waiting), aborted: maps.Clone(t.aborted), committed: maps.Clone(t.committed)}
}

// Add makes aborted transactions known, before the first of their batches that comes. One may be added more than once.
func (t *Transactions) Add(list []Aborted) {
	if len(list) == 0 {
		return
	}
	t.waiting = append(t.waiting, list...)
	slices.SortStableFunc(t.waiting, func(a, b Aborted) int { return cmp.Compare(b.FirstOffset, a.FirstOffset) })
	t.waiting = slices.Compact(t.waiting)
}

// reach moves on to offset.
func (t *Transactions) reach(offset int64) {
	for n := len(t.waiting); n > 0 && t.waiting[n-1].FirstOffset <= offset; n-- {
		x := t.waiting[n-1]
		t.waiting = t.waiting[:n-1]
		if _, known := t.aborted[x.ProducerID]; !known {
			t.aborted[x.ProducerID] = ongoing{txn: x}
		}
	}
}

// data takes the next batch that is no control batch, and reports whether it belongs to an aborted transaction.
func (t *Transactions) data(b record.Batch) (aborted bool) {
	t.reach(b.LastOffset())
	if !b.Transactional() {
		return false
	}
	id := b.ProducerID()
	if x, ok := t.aborted[id]; ok {
		if !x.seen {
			x.seen = true
			t.aborted[id] = x
		}
		return true
	}
	if !t.committed[id] {
		t.committed[id] = true
	}
	return false
}

// control takes the next control batch, and reports whether it is a marker of a transaction of which no batch is left. If it is one of
// an aborted transaction that still has some, that is returned, too.
func (t *Transactions) control(b record.Batch) (empty bool, kept Aborted, isKept bool, err error) {
	t.reach(b.LastOffset())
	if b.Count() == 0 { // emptied before, and there for its offset or producer only
		return true, Aborted{}, false, nil
	}
	kind, _, err := b.ControlRecord()
	if err != nil {
		return false, Aborted{}, false, err
	}
	id := b.ProducerID()
	switch kind {
	case record.ControlAbort:
		x, ok := t.aborted[id]
		delete(t.aborted, id)
		if ok && x.seen {
			return false, x.txn, true, nil
		}
		return true, Aborted{}, false, nil
	case record.ControlCommit:
		seen := t.committed[id]
		delete(t.committed, id)
		return !seen, Aborted{}, false, nil
	}
	return false, Aborted{}, false, nil
}
