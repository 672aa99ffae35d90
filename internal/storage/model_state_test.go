package storage

import (
	"cmp"
	"maps"
	"slices"

	"leat/internal/record"
)

// modelRecord is a record as the model remembers it.
type modelRecord struct {
	offset    int64
	timestamp int64
	key       string
	value     string
	tombstone bool
	keyless   bool
}

// modelBatch is one batch of the slice that a log is held against. Nothing in it is taken from the log under test: offsets and leader
// epoch were written into raw by the model.
type modelBatch struct {
	modelForm               // as it was appended
	before      *modelBatch // what it was appended behind
	base, last  int64
	leaderEpoch int32
	producerID  int64 // -1: none
	epoch       int16
	sequence    int32
	transaction bool
	control     bool
	commit      bool // of a control batch
	coordinator int32
}

func (b *modelBatch) lastSequence() int32 {
	return record.AddSequence(b.sequence, int32(b.last-b.base))
}

// modelProducer is what a log must know of a producer.
type modelProducer struct {
	epoch       int16
	recent      []*modelBatch // of this epoch, at most five
	coordinator int32
	lastTime    int64
	txnFirst    int64 // -1: none open
}

func (p *modelProducer) lastSequence() int32 {
	if len(p.recent) == 0 {
		return record.NoSequence
	}
	return p.recent[len(p.recent)-1].lastSequence()
}

func (p *modelProducer) setEpoch(epoch int16) {
	if p.epoch != epoch {
		p.epoch, p.recent = epoch, nil
	}
}

// modelTxn is a transaction that a marker ended.
type modelTxn struct {
	producerID    int64
	first, marker int64
	aborted       bool
}

// modelLog is a log as a slice of batches.
type modelLog struct {
	batches        []*modelBatch // also those below start: producers outlive their records
	start, hw, end int64
	producers      map[int64]*modelProducer
	txns           []modelTxn

	born    int64         // where it began, or was emptied
	synced  int64         // everything below it was promised to survive the loss of power
	durable bool          // and so was the log itself
	unsure  bool          // it was being truncated or emptied
	earlier []*modelBatch // that it had before
	made    bool          // it has files: one that was never written to has none
	kept    int64         // start offset that was promised to survive
	deleted int64         // highest start offset so far
	highest int64         // highest high watermark so far: a checkpoint of it may be older than a truncation, as in Kafka
	reread  bool          // producers were read back from disk: only their last batches are remembered for certain
	// ever is all batches that were appended at some time, by their bytes, with the batches that each was appended behind.
	ever map[string][]*modelBatch

	forms   map[*modelBatch]*modelForm   // what compaction made of batches
	maybe   []map[*modelBatch]*modelForm // what one that was not finished may have made of them, or not yet
	point   int64                        // up to where the log was compacted, -1: never
	midway  bool                         // it was lost in the middle of a step
	clear   int64                        // of what is below it, a cleaning may have left superseded records
	buried  map[int64]bool               // tombstones whose time was over at a cleaning
	excused map[int64]bool               // last records of a key that are gone: they were not the last when they went

	leaderEpoch int32
	next        int // number of the next record
}

func newModelLog(start int64) *modelLog {
	return &modelLog{
		born: start, start: start, hw: start, end: start, synced: start, point: -1, producers: map[int64]*modelProducer{},
		ever: map[string][]*modelBatch{}, forms: map[*modelBatch]*modelForm{}, excused: map[int64]bool{}, buried: map[int64]bool{},
	}
}

// offer notes batches that may be in the log from now on, whatever becomes of the attempt to append them.
func (m *modelLog) offer(list ...*modelBatch) {
	var before *modelBatch
	if n := len(m.batches); n > 0 {
		before = m.batches[n-1]
	}
	for _, b := range list {
		b.before, before = before, b
		m.made = true
		m.ever[string(b.raw)] = append(m.ever[string(b.raw)], b)
	}
}

// add appends a batch that was offered and continues the log.
func (m *modelLog) add(b *modelBatch) {
	m.batches = append(m.batches, b)
	m.end = b.last + 1
	m.account(b)
}

// account adds what a batch does to its producer.
func (m *modelLog) account(b *modelBatch) { m.accountAs(b, b.newest) }

// accountAs is account of a batch whose header has another greatest timestamp by now.
func (m *modelLog) accountAs(b *modelBatch, newest int64) {
	if b.producerID < 0 {
		return
	}
	p := m.producers[b.producerID]
	if p == nil {
		p = &modelProducer{epoch: -1, coordinator: -1, txnFirst: -1}
		m.producers[b.producerID] = p
	}
	p.setEpoch(b.epoch)
	p.lastTime = newest
	if b.control {
		if p.txnFirst >= 0 {
			m.txns = append(m.txns, modelTxn{producerID: b.producerID, first: p.txnFirst, marker: b.base, aborted: !b.commit})
		}
		p.txnFirst, p.coordinator = -1, b.coordinator
		return
	}
	p.recent = append(p.recent, b)
	if len(p.recent) > batchesKept {
		p.recent = p.recent[1:]
	}
	if b.transaction && p.txnFirst < 0 {
		p.txnFirst = b.base
	}
}

// promise notes that everything up to the end was synced. Of a log that is empty and begins at offset 0 nothing need be left: it is made anew
// from the metadata, and is the same.
func (m *modelLog) promise() { m.synced, m.durable = m.end, m.made && m.end > 0 }

// replay computes producers and transactions anew from the batches.
func (m *modelLog) replay() {
	m.producers, m.txns = map[int64]*modelProducer{}, nil
	for _, b := range m.batches {
		m.account(b)
	}
}

// stableBetween are the bounds of the last stable offset. They differ after a restart: as in Kafka, a snapshot tells nothing of a
// transaction whose marker is written but not yet below the high watermark.
func (m *modelLog) stableBetween() (low, high int64) {
	low, high = m.hw, m.hw
	for _, p := range m.producers {
		if p.txnFirst >= 0 {
			low, high = min(low, p.txnFirst), min(high, p.txnFirst)
		}
	}
	for _, t := range m.txns {
		if t.marker >= m.hw {
			low = min(low, t.first)
		}
	}
	if !m.reread {
		high = low
	}
	return max(low, m.start), max(high, m.start)
}

// truncate drops whole batches that reach offset.
func (m *modelLog) truncate(offset int64) {
	if offset >= m.end {
		return
	}
	n, _ := slices.BinarySearchFunc(m.batches, offset, func(b *modelBatch, o int64) int { return cmp.Compare(b.last, o) })
	for n > 0 && m.form(m.batches[n-1]).gone { // the log ends behind the last batch that is there
		n--
	}
	end := m.born
	if n > 0 {
		end = m.batches[n-1].last + 1
	}
	m.batches = m.batches[:n:n]
	m.end, m.hw, m.start, m.synced = end, min(m.hw, end), min(m.start, end), min(m.synced, end)
	m.kept, m.point = min(m.kept, m.start), min(m.point, m.end)
	m.replay()
	m.excuse()
	m.reread = true
}

// restart empties the log. Until the next sync the loss of power may bring back what it held, or leave nothing.
func (m *modelLog) restart(offset int64) {
	m.batches, m.producers, m.txns = nil, map[int64]*modelProducer{}, nil
	m.born, m.start, m.hw, m.end = offset, offset, offset, offset
	m.synced, m.kept, m.deleted, m.made = 0, 0, 0, true
	m.point = min(m.point, offset)
}

// written is the batches that reach offset, also those that compaction took.
func (m *modelLog) written(offset int64) []*modelBatch {
	n, _ := slices.BinarySearchFunc(m.batches, offset, func(b *modelBatch, o int64) int { return cmp.Compare(b.last, o) })
	return m.batches[n:]
}

// from is the batches that reach offset and are there.
func (m *modelLog) from(offset int64) []*modelBatch {
	list := m.written(offset)
	if len(m.forms) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(b *modelBatch) bool { return m.form(b).gone })
}

// atTime is the first record at or above the start whose timestamp is at least ts.
func (m *modelLog) atTime(ts int64) (r modelRecord, ok bool) {
	for _, b := range m.from(m.start) {
		for _, r := range m.form(b).records {
			if r.offset >= m.start && r.timestamp >= ts {
				return r, true
			}
		}
	}
	return r, false
}

// latestTime is the greatest timestamp of the records at or above the start.
func (m *modelLog) latestTime() (ts int64) {
	ts = record.NoTimestamp
	for _, b := range m.from(m.start) {
		for _, r := range m.form(b).records {
			if r.offset >= m.start {
				ts = max(ts, r.timestamp)
			}
		}
	}
	return ts
}

// decided tells how the transaction of a batch ended.
func (m *modelLog) decided(b *modelBatch) (ended, aborted bool) {
	for _, t := range m.txns {
		if t.producerID == b.producerID && t.first <= b.base && b.base < t.marker {
			return true, t.aborted
		}
	}
	return false, false
}

// committed are the offsets in [from, to) that a read_committed consumer is to see.
func (m *modelLog) committed(from, to int64) (offsets []int64) {
	for _, b := range m.from(from) {
		if b.control || b.last >= to { // whole batches are shown, or nothing of them
			continue
		}
		if ended, aborted := m.decided(b); b.transaction && (!ended || aborted) {
			continue
		}
		for _, r := range m.form(b).records {
			if r.offset >= from {
				offsets = append(offsets, r.offset)
			}
		}
	}
	return offsets
}

// states is what the log should say of its producers.
func (m *modelLog) states() (list []ProducerState) {
	for _, id := range slices.Sorted(maps.Keys(m.producers)) {
		list = append(list, m.producers[id].state(id))
	}
	return list
}

func (p *modelProducer) state(id int64) ProducerState {
	return ProducerState{
		ProducerID: id, ProducerEpoch: p.epoch, LastSequence: p.lastSequence(), LastTimestamp: p.lastTime,
		CoordinatorEpoch: p.coordinator, TxnStartOffset: p.txnFirst,
	}
}
