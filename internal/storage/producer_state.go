package storage

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"leat/internal/record"
)

// ProducerState is what DescribeProducers tells of one producer.
type ProducerState struct {
	ProducerID       int64
	ProducerEpoch    int16
	LastSequence     int32
	LastTimestamp    int64
	CoordinatorEpoch int32
	TxnStartOffset   int64 // -1: no open transaction
}

// batchesKept is how many batches of a producer are remembered to recognise a repeated one: the number of requests that an
// idempotent producer may have in flight.
const batchesKept = 5

// batchMeta is what is remembered of a batch.
type batchMeta struct {
	lastSequence int32
	offsetDelta  int32 // last offset minus base offset
	lastOffset   int64
	timestamp    int64
}

func (m batchMeta) firstSequence() int32 {
	if s := int64(m.lastSequence) - int64(m.offsetDelta); s >= 0 {
		return int32(s)
	} else {
		return int32(s + 1<<31)
	}
}

// producerEntry is the state of one producer id in one log.
type producerEntry struct {
	id               int64
	epoch            int16
	count            int8 // of batches that count
	short            bool // from a snapshot: there may be batches before the first of them, in the log
	coordinatorEpoch int32
	lastTimestamp    int64
	txnFirstOffset   int64 // -1: none is open
	batches          [batchesKept]batchMeta
}

func newProducerEntry(id int64) producerEntry {
	return producerEntry{
		id: id, epoch: record.NoProducerEpoch, coordinatorEpoch: -1, lastTimestamp: record.NoTimestamp, txnFirstOffset: -1,
	}
}

func (e *producerEntry) last() batchMeta {
	if e.count == 0 {
		return batchMeta{lastSequence: record.NoSequence, lastOffset: -1}
	}
	return e.batches[e.count-1]
}

func (e *producerEntry) setEpoch(epoch int16) {
	if e.epoch != epoch {
		e.epoch, e.count, e.short = epoch, 0, false
	}
}

func (e *producerEntry) push(m batchMeta) {
	if e.count == batchesKept {
		copy(e.batches[:], e.batches[1:])
		e.count--
		e.short = false
	}
	e.batches[e.count] = m
	e.count++
}

// duplicate finds the remembered batch with the same epoch and sequences.
func (e *producerEntry) duplicate(b record.Batch) (batchMeta, bool) {
	if b.ProducerEpoch() != e.epoch {
		return batchMeta{}, false
	}
	for _, m := range e.batches[:e.count] {
		if m.lastSequence == b.LastSequence() && m.firstSequence() == b.BaseSequence() {
			return m, true
		}
	}
	return batchMeta{}, false
}

// openTxn is a transaction that holds the last stable offset back: still open (lastOffset -1), or ended by a marker that is
// not yet below the high watermark.
type openTxn struct {
	producerID  int64
	firstOffset int64
	lastOffset  int64
}

// producerTable is the state of all producers of a log, as of the log end offset.
type producerTable struct {
	byID         producerList
	ongoing      []openTxn // ordered by firstOffset
	unreplicated []openTxn // ordered by firstOffset
}

// firstUnstable is the first offset of a transaction that is not decided, or whose decision may yet be lost.
func (t *producerTable) firstUnstable() (int64, bool) {
	first := int64(-1)
	if len(t.ongoing) > 0 {
		first = t.ongoing[0].firstOffset
	}
	if len(t.unreplicated) > 0 && (first < 0 || t.unreplicated[0].firstOffset < first) {
		first = t.unreplicated[0].firstOffset
	}
	return first, first >= 0
}

// replicated forgets transactions whose markers are below the high watermark.
func (t *producerTable) replicated(highWatermark int64) {
	if len(t.unreplicated) > 0 {
		t.unreplicated = slices.DeleteFunc(t.unreplicated, func(x openTxn) bool { return x.lastOffset < highWatermark })
	}
}

// expire forgets producers that have been silent for too long and have no open transaction.
func (t *producerTable) expire(now time.Time, after time.Duration) {
	t.byID.deleteIf(func(e *producerEntry) bool { return e.expired(now, after) })
}

func (e *producerEntry) expired(now time.Time, after time.Duration) bool {
	return e.txnFirstOffset < 0 && now.UnixMilli()-e.lastTimestamp >= after.Milliseconds()
}

// load puts an entry of a snapshot in the table.
func (t *producerTable) load(e producerEntry) {
	t.byID.put(&e)
	if e.txnFirstOffset >= 0 {
		t.ongoing = insertTxn(t.ongoing, openTxn{e.id, e.txnFirstOffset, -1})
	}
}

func insertTxn(list []openTxn, x openTxn) []openTxn {
	i, _ := slices.BinarySearchFunc(list, x, func(a, b openTxn) int { return cmp.Compare(a.firstOffset, b.firstOffset) })
	return slices.Insert(list, i, x)
}

func (t *producerTable) states() []ProducerState {
	list := make([]ProducerState, 0, t.byID.len())
	for e := range t.byID.all() {
		list = append(list, ProducerState{
			ProducerID: e.id, ProducerEpoch: e.epoch, LastSequence: e.last().lastSequence, LastTimestamp: e.lastTimestamp,
			CoordinatorEpoch: e.coordinatorEpoch, TxnStartOffset: e.txnFirstOffset,
		})
	}
	slices.SortFunc(list, func(a, b ProducerState) int { return cmp.Compare(a.ProducerID, b.ProducerID) })
	return list
}

// producerUpdate gathers what the batches of one append change, to be committed once they are written. It is reused.
type producerUpdate struct {
	table    *producerTable
	entries  []producerEntry // changed copies
	finished []finishedTxn

	abortedNow []abortedTxn // of the append, or of the batch replayed last

	elsewhere *Elsewhere // of the append
}

// producerUpdates are those that no append uses: a log without traffic needs none.
var producerUpdates = sync.Pool{New: func() any { return new(producerUpdate) }}

// beginUpdate gives the log an empty update, with writeMu held; endUpdate takes it away.
func (l *Log) beginUpdate() { l.update = producerUpdates.Get().(*producerUpdate) }

func (l *Log) endUpdate() {
	l.update.table = nil
	producerUpdates.Put(l.update)
	l.update = nil
}

// finishedTxn is a transaction that a marker in the append ends.
type finishedTxn struct {
	producerID  int64
	firstOffset int64
	lastOffset  int64
	aborted     bool
}

func (u *producerUpdate) reset(t *producerTable) {
	u.table, u.entries, u.finished, u.elsewhere = t, u.entries[:0], u.finished[:0], nil
}

// entry returns the copy of the producer's entry that this append changes.
func (u *producerUpdate) entry(id int64) *producerEntry {
	for i := range u.entries {
		if u.entries[i].id == id {
			return &u.entries[i]
		}
	}
	if e := u.table.byID.find(id); e != nil {
		u.entries = append(u.entries, *e)
	} else {
		u.entries = append(u.entries, newProducerEntry(id))
	}
	return &u.entries[len(u.entries)-1]
}

// data takes a data batch into account; offsets are assigned. With check, epoch and sequence must continue what is known.
func (u *producerUpdate) data(b record.Batch, checkEpoch, checkSeq bool) error {
	e := u.entry(b.ProducerID())
	if checkEpoch && b.ProducerEpoch() < e.epoch {
		return fmt.Errorf("producer %d at offset %d: epoch %d is older than the last seen epoch %d: %w",
			e.id, b.BaseOffset(), b.ProducerEpoch(), e.epoch, ErrProducerFenced)
	}
	if checkSeq && !u.elsewhere.before(e, b) {
		if err := checkSequence(e, b); err != nil {
			return err
		}
	}
	if checkEpoch && e.txnFirstOffset >= 0 && !b.Transactional() {
		return fmt.Errorf("producer %d at offset %d: a transaction is open, the batch is outside of it: %w", e.id, b.BaseOffset(), ErrTxnState)
	}
	e.setEpoch(b.ProducerEpoch())
	e.push(metaOf(b))
	e.lastTimestamp = b.MaxTimestamp()
	if b.Transactional() && e.txnFirstOffset < 0 {
		e.txnFirstOffset = b.BaseOffset()
	}
	return nil
}

// checkSequence refuses a gap. A producer that is not known here (never seen, expired, or its records were deleted) may begin
// with any sequence; a known one that raises its epoch begins at 0.
func checkSequence(e *producerEntry, b record.Batch) error {
	first, last := b.BaseSequence(), e.last().lastSequence
	switch {
	case e.epoch == record.NoProducerEpoch:
		return nil
	case b.ProducerEpoch() != e.epoch:
		if first != 0 {
			return fmt.Errorf("producer %d at offset %d: sequence %d with the new epoch %d, expected 0: %w",
				e.id, b.BaseOffset(), first, b.ProducerEpoch(), ErrOutOfOrder)
		}
	case first != record.AddSequence(last, 1):
		return fmt.Errorf("producer %d at offset %d: sequence %d follows %d: %w", e.id, b.BaseOffset(), first, last, ErrOutOfOrder)
	}
	return nil
}

// marker takes the end of a transaction into account. A marker of transaction version 2 carries a raised epoch, so that one
// that does not is late or repeated; repeating the end of a transaction that already ended does no harm.
func (u *producerUpdate) marker(b record.Batch, commit bool, coordinatorEpoch int32, check bool, txnVersion int16) error {
	e := u.entry(b.ProducerID())
	if check {
		late := b.ProducerEpoch() < e.epoch
		if txnVersion >= 2 {
			late = late || (b.ProducerEpoch() == e.epoch && e.txnFirstOffset >= 0)
		}
		if late {
			return fmt.Errorf("producer %d at offset %d: marker of epoch %d, last seen epoch is %d: %w",
				e.id, b.BaseOffset(), b.ProducerEpoch(), e.epoch, ErrProducerFenced)
		}
		if e.coordinatorEpoch > coordinatorEpoch {
			return fmt.Errorf("producer %d at offset %d: marker of coordinator epoch %d, last seen is %d: %w",
				e.id, b.BaseOffset(), coordinatorEpoch, e.coordinatorEpoch, ErrStaleCoordinator)
		}
	}
	if e.txnFirstOffset >= 0 {
		u.finished = append(u.finished, finishedTxn{e.id, e.txnFirstOffset, b.BaseOffset(), !commit})
	}
	e.setEpoch(b.ProducerEpoch())
	e.coordinatorEpoch = coordinatorEpoch
	e.txnFirstOffset = -1
	e.lastTimestamp = b.MaxTimestamp()
	return nil
}

// aborted returns the transaction index entries for what this append ends, before commit.
func (u *producerUpdate) aborted(dst []abortedTxn) []abortedTxn {
	for _, f := range u.finished {
		if !f.aborted {
			continue
		}
		stable := f.lastOffset + 1
		for _, x := range u.table.ongoing {
			if x.producerID != f.producerID {
				stable = x.firstOffset
				break
			}
		}
		dst = append(dst, abortedTxn{f.producerID, f.firstOffset, f.lastOffset, stable})
	}
	return dst
}

// commit puts the changes in the table.
func (u *producerUpdate) commit() {
	t := u.table
	for _, f := range u.finished {
		t.ongoing = slices.DeleteFunc(t.ongoing, func(x openTxn) bool { return x.firstOffset == f.firstOffset })
		t.unreplicated = insertTxn(t.unreplicated, openTxn{f.producerID, f.firstOffset, f.lastOffset})
	}
	for i := range u.entries {
		e := &u.entries[i]
		known := t.byID.find(e.id)
		if known == nil {
			known = &producerEntry{id: e.id}
			t.byID.put(known)
		}
		*known = *e
		if e.txnFirstOffset >= 0 && !slices.ContainsFunc(t.ongoing, func(x openTxn) bool { return x.firstOffset == e.txnFirstOffset }) {
			t.ongoing = insertTxn(t.ongoing, openTxn{e.id, e.txnFirstOffset, -1})
		}
	}
}
