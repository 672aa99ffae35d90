package storage

import (
	"fmt"
	"slices"

	"leat/internal/record"
)

// modelForm is what a log holds of a batch: the batch as it was appended, or what compaction made of it.
type modelForm struct {
	raw     []byte // nil: compaction is to form it, its bytes are not known
	records []modelRecord
	horizon int64 // delete horizon in ms, 0: none
	newest  int64 // greatest timestamp as the header has it
	gone    bool
	// may is set in a prediction if nothing need be left: a batch without records stays where a segment ends.
	may bool
}

// greatest is the time of the newest record.
func (f *modelForm) greatest() int64 {
	ts := record.NoTimestamp
	for _, r := range f.records {
		ts = max(ts, r.timestamp)
	}
	return ts
}

// form is what there is of a batch.
func (m *modelLog) form(b *modelBatch) *modelForm {
	if f := m.forms[b]; f != nil {
		return f
	}
	return &b.modelForm
}

func (m *modelLog) raw(b *modelBatch) []byte { return m.form(b).raw }

// mayBeGone reports whether a log need not hold a batch that it once held.
func (m *modelLog) mayBeGone(b *modelBatch) bool {
	if f := m.form(b); f.gone || f.may {
		return true
	}
	for _, other := range m.maybe {
		if f := other[b]; f != nil && (f.gone || f.may) {
			return true
		}
	}
	return false
}

// known finds which of the forms that a batch may have is the one found in a log, and returns it with its bytes.
func (m *modelLog) known(b *modelBatch, found record.Batch) (*modelForm, error) {
	f, err := m.form(b).is(b, found)
	for _, other := range m.maybe {
		if x := other[b]; err != nil && x != nil {
			f, err = x.is(b, found)
		}
	}
	return f, err
}

// is compares a form with what was found in the place of a batch. One whose bytes are known must be found byte for byte.
func (f *modelForm) is(b *modelBatch, found record.Batch) (*modelForm, error) {
	switch {
	case f.gone:
		return nil, fmt.Errorf("batch %d to %d should be gone", b.base, b.last)
	case f.raw != nil && string(f.raw) == string(found):
		return f, nil
	case f.raw != nil:
		return nil, fmt.Errorf("batch %d to %d differs from what was there, it has %d bytes, expected %d", b.base, b.last, len(found), len(f.raw))
	}
	got := &modelForm{raw: slices.Clone(found), newest: found.MaxTimestamp()}
	if found.HasDeleteHorizon() {
		got.horizon = found.BaseTimestamp()
	}
	first := record.Batch(b.raw)
	if err := found.Check(); err != nil {
		return nil, err
	}
	err := found.Records(0, func(r *record.Record) bool {
		x := modelRecord{offset: r.Offset, timestamp: r.Timestamp}
		if !b.control {
			x = modelRecord{r.Offset, r.Timestamp, string(r.Key), string(r.Value), r.Value == nil, r.Key == nil}
		}
		got.records = append(got.records, x)
		return true
	})
	if err != nil {
		return nil, err
	}
	if !slices.Equal(got.records, f.records) || got.horizon != f.horizon {
		return nil, fmt.Errorf("batch %d to %d has records %v and the delete horizon %d, expected %v and %d", b.base, b.last, got.records, got.horizon,
			f.records, f.horizon)
	}
	codec := first.Codec()
	if len(f.records) == 0 {
		codec = record.Uncompressed
	} else if got.newest != f.greatest() {
		return nil, fmt.Errorf("batch %d to %d: greatest timestamp %d in its header, expected %d", b.base, b.last, got.newest, f.greatest())
	}
	head := func(x record.Batch, codec record.Codec) string {
		return fmt.Sprint(x.BaseOffset(), x.LastOffset(), x.LeaderEpoch(), x.ProducerID(), x.ProducerEpoch(), x.BaseSequence(), x.Transactional(), x.Control(), codec)
	}
	if got, want := head(found, found.Codec()), head(first, codec); got != want {
		return nil, fmt.Errorf("batch %d to %d has the header %s, expected %s", b.base, b.last, got, want)
	}
	return got, nil
}

// adopt notes what was found of a batch, nil for nothing.
func (m *modelLog) adopt(b *modelBatch, f *modelForm) {
	if f != nil && f.may {
		f = &modelForm{raw: f.raw, records: f.records, horizon: f.horizon, newest: f.newest}
	}
	switch {
	case f == nil:
		m.forms[b] = &modelForm{gone: true, raw: []byte{}}
	case f == &b.modelForm:
		delete(m.forms, b)
	default:
		if !slices.Contains(m.ever[string(f.raw)], b) {
			m.ever[string(f.raw)] = append(m.ever[string(f.raw)], b)
		}
		m.forms[b] = f
	}
}

// lastOfKeys is, for each key, its last record that a reader of committed records is to see.
func (m *modelLog) lastOfKeys() map[string]*modelRecord {
	list := map[string]*modelRecord{}
	for _, b := range m.written(m.start) {
		ended, aborted := m.decided(b)
		if b.control || b.transaction && (!ended || aborted) {
			continue
		}
		for i := range b.records {
			if r := &b.records[i]; !r.keyless && r.offset >= m.start {
				list[r.key] = r
			}
		}
	}
	return list
}

// present are the offsets of the records that are there.
func (m *modelLog) present() map[int64]bool {
	list := map[int64]bool{}
	for _, b := range m.from(m.start) {
		for _, r := range m.form(b).records {
			list[r.offset] = true
		}
	}
	return list
}

// excuse notes which records are gone when the log was cut. Where what took their place is cut off, or the marker that decided about it, they may
// come to be the last of their keys.
func (m *modelLog) excuse() {
	if len(m.forms) == 0 {
		return
	}
	present := m.present()
	for _, b := range m.written(m.start) {
		for _, r := range b.records {
			if !present[r.offset] {
				m.excused[r.offset] = true
			}
		}
	}
}

// producersFrom is what a snapshot as of the s-th batch of a producer, and what is there of those behind it, tell of the producer; nil for nothing.
func (m *modelLog) producersFrom(id int64, list []*modelBatch, s int) *modelProducer {
	read := modelLog{producers: map[int64]*modelProducer{}}
	for i, b := range list {
		f := &b.modelForm
		if i >= s {
			f = m.form(b)
		}
		if !f.gone && (!b.control || len(f.records) > 0) {
			read.accountAs(b, f.newest)
		}
	}
	return read.producers[id]
}

// believe takes over what a log says of its producers after it read them back, where compaction leaves it a choice: batches that are gone are
// known from snapshots only.
func (m *modelLog) believe(got []ProducerState) {
	if len(m.forms) == 0 {
		return
	}
	of := map[int64][]*modelBatch{}
	for _, b := range m.batches {
		if b.producerID >= 0 {
			of[b.producerID] = append(of[b.producerID], b)
		}
	}
	for id, list := range of {
		i := slices.IndexFunc(got, func(p ProducerState) bool { return p.ProducerID == id })
		for s := len(list); s >= 0; s-- {
			p := m.producersFrom(id, list, s)
			if p == nil && i < 0 {
				delete(m.producers, id)
				break
			}
			if p == nil || i < 0 {
				continue
			}
			// A snapshot may be as of an earlier compaction, which had left another record of the batch as the newest.
			if got[i].LastTimestamp < p.lastTime {
				p.lastTime = got[i].LastTimestamp
			}
			if p.state(id) == got[i] {
				m.producers[id] = p
				break
			}
		}
	}
}
