package compact

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"leat/internal/record"
)

// modelRecord is one record of the model's log.
type modelRecord struct {
	offset, timestamp int64
	key, value        string
	keyless, deletion bool
	header            string
}

// modelBatch is one batch of the model's log, with what the rules of compaction depend on.
type modelBatch struct {
	base, last int64
	producer   int64 // -1: none
	sequence   int32
	codec      record.Codec
	txn        *modelTxn // nil: none
	marker     bool
	records    []modelRecord
	appendTime bool
	maxTime    int64
	horizon    int64 // 0: none
}

// modelTxn is one transaction.
type modelTxn struct {
	producer int64
	first    int64
	aborted  bool
}

// model is a log and what compaction must make of it, record by record and without regard for how it is done.
type model struct {
	rng       *rand.Rand
	batches   []*modelBatch
	open      map[int64]*modelTxn
	lastData  map[int64]int64
	sequences map[int64]int32
	next      int64
	index     []Aborted // as the transaction index has them
}

const (
	testRetention = 1000
	testKeys      = 12
)

func newModel(seed uint64) *model {
	return &model{
		rng: rand.New(rand.NewPCG(seed, 1)), open: map[int64]*modelTxn{}, lastData: map[int64]int64{}, sequences: map[int64]int32{},
	}
}

// grow appends a batch of data, or ends a transaction.
func (m *model) grow(now int64) {
	producer := int64(m.rng.IntN(5)) - 1
	if t := m.open[producer]; t != nil && m.rng.IntN(3) == 0 {
		m.end(producer, now)
		return
	}
	b := &modelBatch{base: m.next, producer: producer, sequence: -1, codec: record.Codec(m.rng.IntN(5)), appendTime: m.rng.IntN(8) == 0, maxTime: -1}
	count := 1 + m.rng.IntN(6)
	for i := range count {
		r := modelRecord{offset: b.base + int64(i), timestamp: now - int64(m.rng.IntN(50)), key: fmt.Sprintf("key-%d", m.rng.IntN(testKeys))}
		switch m.rng.IntN(12) {
		case 0:
			r.keyless, r.key = true, ""
			r.value = "x"
		case 1, 2, 3:
			r.deletion = true
		default:
			r.value = fmt.Sprintf("value-%d", r.offset)
		}
		if m.rng.IntN(4) == 0 {
			r.header = fmt.Sprintf("h%d", r.offset)
		}
		b.maxTime = max(b.maxTime, r.timestamp)
		b.records = append(b.records, r)
	}
	if b.appendTime {
		b.maxTime = now
		for i := range b.records {
			b.records[i].timestamp = now
		}
	}
	b.last = b.base + int64(count) - 1
	m.next = b.last + 1
	if producer >= 0 {
		b.sequence = m.sequences[producer]
		m.sequences[producer] += int32(count)
		m.lastData[producer] = b.last
		if t := m.open[producer]; t != nil || m.rng.IntN(2) == 0 {
			if t == nil {
				t = &modelTxn{producer: producer, first: b.base, aborted: m.rng.IntN(2) == 0}
				m.open[producer] = t
			}
			b.txn = t
		}
	}
	m.batches = append(m.batches, b)
}

func (m *model) end(producer, now int64) {
	t := m.open[producer]
	delete(m.open, producer)
	if t.aborted {
		m.index = append(m.index, Aborted{producer, t.first, m.next, m.next + 1})
	}
	m.batches = append(m.batches, &modelBatch{base: m.next, last: m.next, producer: producer, sequence: -1, txn: t, marker: true, maxTime: now})
	m.next++
}

// settle ends all transactions: only what is decided is ever compacted.
func (m *model) settle(now int64) {
	for p := range int64(5) {
		if m.open[p] != nil {
			m.end(p, now)
		}
	}
}

func (b *modelBatch) encode(t *testing.T) []byte {
	t.Helper()
	spec := record.NewSpec()
	spec.BaseOffset, spec.LeaderEpoch, spec.ProducerID = b.base, 7, b.producer
	if b.producer >= 0 {
		spec.ProducerEpoch = 3
	}
	if b.marker {
		return record.AppendEndTxnMarker(nil, spec, b.maxTime, !b.txn.aborted, 9)
	}
	spec.Codec, spec.BaseSequence, spec.Transactional, spec.LogAppendTime = b.codec, b.sequence, b.txn != nil, b.appendTime
	records := make([]record.Record, 0, len(b.records))
	for _, r := range b.records {
		x := record.Record{Offset: r.offset, Timestamp: r.timestamp, Key: []byte(r.key), Value: []byte(r.value)}
		if r.keyless {
			x.Key = nil
		}
		if r.deletion {
			x.Value = nil
		}
		if r.header != "" {
			x.Headers = []record.Header{{Key: r.header, Value: []byte("v")}}
		}
		records = append(records, x)
	}
	out, err := record.AppendBatch(nil, spec, records)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compact is what a round of compaction must do: end is where the offset map ends.
func (m *model) compact(end, now int64) {
	lastOf := map[string]int64{}
	present := map[*modelTxn]bool{}
	for _, b := range m.batches {
		if b.txn != nil && !b.marker {
			present[b.txn] = true
		}
		for _, r := range b.records {
			if !r.keyless && r.offset < end && (b.txn == nil || !b.txn.aborted) {
				lastOf[r.key] = r.offset
			}
		}
	}
	var left []*modelBatch
	for i, b := range m.batches {
		anchored := i == len(m.batches)-1 || b.producer >= 0 && !b.marker && m.lastData[b.producer] == b.last
		if m.compactBatch(b, lastOf, present, end, now) || anchored {
			left = append(left, b)
		}
	}
	m.batches = left
}

// compactBatch reports whether anything is left of a batch.
func (m *model) compactBatch(b *modelBatch, lastOf map[string]int64, present map[*modelTxn]bool, end, now int64) bool {
	expired := b.horizon != 0 && b.horizon <= now
	if b.marker {
		if b.maxTime == emptied || !present[b.txn] && expired {
			b.maxTime = emptied
			return false
		}
		if !present[b.txn] && b.horizon == 0 {
			b.horizon = now + testRetention
		}
		return true
	}
	tombstones, before := false, len(b.records)
	b.records = slices.DeleteFunc(b.records, func(r modelRecord) bool {
		if b.txn != nil && b.txn.aborted {
			return true
		}
		gone := r.offset < end && (r.keyless || lastOf[r.key] > r.offset || r.deletion && expired)
		tombstones = tombstones || !gone && r.deletion
		return gone
	})
	if len(b.records) == 0 {
		b.horizon = 0
		return false
	}
	if tombstones && b.horizon == 0 {
		b.horizon = now + testRetention
	}
	if len(b.records) < before && !b.appendTime {
		b.maxTime = -1
		for _, r := range b.records {
			b.maxTime = max(b.maxTime, r.timestamp)
		}
	}
	return true
}

// emptied marks a marker whose record is gone.
const emptied = -99

// describe is all that can be seen of a batch, of the model or of the real log.
func (b *modelBatch) describe() string {
	s := fmt.Sprintf("%d-%d producer %d sequence %d marker %t horizon %d:", b.base, b.last, b.producer, b.sequence, b.marker, b.horizon)
	if b.marker && b.maxTime != emptied {
		s += " marker"
	}
	for _, r := range b.records {
		s += fmt.Sprintf(" %d@%d[%q=%q %t %t %s]", r.offset, r.timestamp, r.key, r.value, r.keyless, r.deletion, r.header)
	}
	return s
}

func describe(t *testing.T, raw []byte) string {
	t.Helper()
	b := record.Batch(raw)
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if b.LeaderEpoch() != 7 {
		t.Fatalf("leader epoch %d", b.LeaderEpoch())
	}
	m := modelBatch{base: b.BaseOffset(), last: b.LastOffset(), producer: b.ProducerID(), sequence: b.BaseSequence(), marker: b.Control(), maxTime: emptied}
	if b.HasDeleteHorizon() {
		m.horizon = b.BaseTimestamp()
	}
	greatest := int64(-1)
	err := b.Records(0, func(r *record.Record) bool {
		greatest = max(greatest, r.Timestamp)
		if b.Control() {
			m.maxTime = r.Timestamp
			return true
		}
		x := modelRecord{
			offset: r.Offset, timestamp: r.Timestamp, key: string(r.Key), value: string(r.Value), keyless: r.Key == nil, deletion: r.Value == nil,
		}
		if len(r.Headers) > 0 {
			x.header = r.Headers[0].Key
		}
		m.records = append(m.records, x)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.Count() > 0 && greatest != b.MaxTimestamp() {
		t.Fatalf("batch at %d: greatest timestamp %d, the header says %d", b.BaseOffset(), greatest, b.MaxTimestamp())
	}
	return m.describe()
}

// round is a real compaction of a log in memory.
type round struct {
	offsets *OffsetMap
	filter  *Filter
	end     int64
}

func (m *model) round(t *testing.T, log [][]byte, from, now int64, offsets *OffsetMap) (out [][]byte, r round) {
	t.Helper()
	aborted := m.index
	offsets.Reset(1<<20, from)
	x := &Index{Map: offsets, Start: from, Transactions: NewTransactions()}
	x.Transactions.Add(slices.DeleteFunc(slices.Clone(aborted), func(a Aborted) bool { return a.LastOffset < from }))
	for _, b := range log {
		if record.Batch(b).LastOffset() < from {
			continue
		}
		full, err := x.Batch(b)
		if err != nil {
			t.Fatal(err)
		}
		if full {
			break
		}
	}
	last := make(map[int64]Last)
	for id, offset := range m.lastData {
		last[id] = Last{Offset: offset, Epoch: 3}
	}
	f := &Filter{Map: offsets, Transactions: NewTransactions(), Producers: last, Now: now, DeleteRetention: testRetention}
	f.Transactions.Add(aborted)
	for i, b := range log {
		kept, err := f.Batch(nil, b, i == len(log)-1)
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) > 0 {
			out = append(out, kept)
		}
	}
	m.index = f.Kept
	return out, round{offsets, f, offsets.End()}
}

// The log is compacted again and again while it grows and time passes, and must always be what the model says, batch by batch.
func TestPropertyCompactionIsTheModels(t *testing.T) {
	for seed := range uint64(300) {
		m := newModel(seed)
		// Room for all keys, or for a few: then a round ends within the dirty part.
		offsets := NewOffsetMap(slotSize*100, 0.9)
		if seed%3 == 0 {
			offsets = NewOffsetMap(0, 0.1)
		}
		var log [][]byte
		from, now := int64(0), int64(1_000_000)
		for step := range 8 {
			before := len(m.batches)
			if step < 6 {
				for range m.rng.IntN(30) {
					m.grow(now)
				}
				m.settle(now)
			}
			for _, b := range m.batches[before:] {
				log = append(log, b.encode(t))
			}
			if len(log) == 0 {
				continue
			}
			now += int64(m.rng.IntN(testRetention))
			var r round
			log, r = m.round(t, log, from, now, offsets)
			if r.end > m.next || seed%3 != 0 && r.end != m.next {
				t.Fatalf("seed %d: the map ends at %d, the log at %d", seed, r.end, m.next)
			}
			m.compact(r.end, now)
			m.compare(t, fmt.Sprintf("seed %d, step %d, end %d", seed, step, r.end), log)
			from = r.end
			if step%3 != 2 {
				continue
			}
			// The next round at the same time finds the markers whose transactions went in this one; the one after that finds nothing.
			log, r = m.round(t, log, from, now, offsets)
			m.compact(r.end, now)
			m.compare(t, fmt.Sprintf("seed %d, step %d, second round", seed, step), log)
			from = r.end
			if again, r := m.round(t, log, from, now, offsets); r.end == from && !slices.EqualFunc(log, again, bytes.Equal) {
				t.Fatalf("seed %d, step %d: a third round at the same time changes the log", seed, step)
			}
		}
	}
}

func (m *model) compare(t *testing.T, when string, log [][]byte) {
	t.Helper()
	for i := range max(len(log), len(m.batches)) {
		got, want := "nothing", "nothing"
		if i < len(log) {
			got = describe(t, log[i])
		}
		if i < len(m.batches) {
			want = m.batches[i].describe()
		}
		if got != want {
			t.Fatalf("%s, batch %d:\n got %s\nwant %s", when, i, got, want)
		}
	}
}
