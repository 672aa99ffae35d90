package compact

import "leat/internal/record"

// Last is what is known of an active producer's last batch.
type Last struct {
	Offset int64 // last offset of it; -1 if there is none under the producer's epoch
	Epoch  int16
}

// Filter goes through a log and keeps what compaction keeps.
type Filter struct {
	Map             *OffsetMap
	Transactions    *Transactions
	Producers       map[int64]Last
	Now             int64 // ms
	DeleteRetention int64 // ms
	MaxBytes        int   // of a batch, decompressed
	// KeepTombstones is set once there is something before them that cannot be removed: it would be back without them.
	KeepTombstones bool

	// Kept are the aborted transactions of which a batch is left; their markers were among the batches so far. The caller empties it.
	Kept []Aborted

	Stats

	spans []span
}

// Stats counts records.
type Stats struct {
	Read     int64
	Retained int64
	Keyless  int64 // that went because they have no key
}

// span is a range of the records of a batch, by their places in it.
type span struct{ lo, hi int32 }

// verdict is what is to become of the records of a batch.
type verdict struct {
	count        int32
	maxTimestamp int64
	tombstones   bool // some of those that stay
	whole        bool // all stay
}

// Batch takes the next batch and appends to dst what is left of it, if anything. With anchor the batch stays, without records if need be: it
// is the last one of its segment, whose end would be forgotten.
func (f *Filter) Batch(dst []byte, b record.Batch, anchor bool) ([]byte, error) {
	if err := b.Check(); err != nil {
		return dst, err
	}
	drop, emptyTxn, err := f.classify(b)
	if err != nil {
		return dst, err
	}
	var v verdict
	switch {
	case b.Count() == 0:
	case drop:
		f.Read += int64(b.Count())
	default:
		if v, err = f.decide(b); err != nil {
			return dst, err
		}
	}
	if v.count == 0 {
		switch {
		case !anchor && !f.lastOfProducer(b):
			return dst, nil
		case b.Count() == 0:
			return append(dst, b...), nil
		}
		return b.AppendEmptied(dst), nil
	}
	f.Retained += int64(v.count)
	horizon := (v.tombstones || emptyTxn) && !b.HasDeleteHorizon()
	if v.whole && !horizon {
		return append(dst, b...), nil
	}
	return f.rewrite(dst, b, v, horizon)
}

// classify finds out, from its transaction, whether all records of a batch go, and whether it is a marker without a transaction.
func (f *Filter) classify(b record.Batch) (drop, emptyTxn bool, err error) {
	if !b.Control() {
		return f.Transactions.data(b), false, nil
	}
	empty, kept, isKept, err := f.Transactions.control(b)
	if err != nil {
		return false, false, err
	}
	if isKept {
		f.Kept = append(f.Kept, kept)
	}
	return empty && b.HasDeleteHorizon() && b.BaseTimestamp() <= f.Now, empty, nil
}

// lastOfProducer reports whether the batch is what an active producer's next one is held against.
func (f *Filter) lastOfProducer(b record.Batch) bool {
	if b.ProducerID() < 0 {
		return false
	}
	last, ok := f.Producers[b.ProducerID()]
	switch {
	case !ok:
		return false
	case last.Offset >= 0:
		return b.LastOffset() == last.Offset
	}
	return b.Control() && b.ProducerEpoch() == last.Epoch
}

// decide goes through the records and notes in f.spans which ones stay.
func (f *Filter) decide(b record.Batch) (verdict, error) {
	f.spans = f.spans[:0]
	v := verdict{maxTimestamp: record.NoTimestamp, whole: true}
	base, control := b.BaseTimestamp(), b.Control()
	expired := b.HasDeleteHorizon() && b.BaseTimestamp() <= f.Now && !f.KeepTombstones
	err := b.Raws(f.MaxBytes, func(i int32, r *record.Raw) bool {
		if !control && !f.keep(b.BaseOffset()+int64(r.OffsetDelta), r, expired) {
			v.whole = false
			return true
		}
		v.count++
		v.tombstones = v.tombstones || r.Tombstone
		v.maxTimestamp = max(v.maxTimestamp, base+r.TimestampDelta)
		if n := len(f.spans); n > 0 && f.spans[n-1].hi == i {
			f.spans[n-1].hi++
		} else {
			f.spans = append(f.spans, span{i, i + 1})
		}
		return true
	})
	if err != nil {
		return verdict{}, err
	}
	f.Read += int64(b.Count())
	if b.LogAppendTime() {
		v.maxTimestamp = b.MaxTimestamp()
	}
	return v, nil
}

// keep reports whether a record stays. Expired means that tombstones of its batch may go.
func (f *Filter) keep(offset int64, r *record.Raw, expired bool) bool {
	if offset >= f.Map.End() {
		return true
	}
	if r.Key == nil {
		f.Keyless++
		return false
	}
	if f.Map.Last(r.Key) > offset {
		return false
	}
	return !r.Tombstone || !expired
}

// rewrite forms the batch anew from the records that stay. With a horizon the base timestamp becomes that, and all deltas change.
func (f *Filter) rewrite(dst []byte, b record.Batch, v verdict, horizon bool) ([]byte, error) {
	w := record.Rewrite{
		Count: v.count, MaxTimestamp: v.maxTimestamp, BaseTimestamp: b.BaseTimestamp(), DeleteHorizon: b.HasDeleteHorizon(), MaxBytes: f.MaxBytes,
	}
	if horizon {
		w.BaseTimestamp, w.DeleteHorizon = f.Now+f.DeleteRetention, true
	}
	rest := f.spans
	w.Kept = func(i int32) bool {
		for len(rest) > 0 && i >= rest[0].hi {
			rest = rest[1:]
		}
		return len(rest) > 0 && i >= rest[0].lo
	}
	return b.AppendRewritten(dst, w)
}
