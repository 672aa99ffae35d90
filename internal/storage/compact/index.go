package compact

import "leat/internal/record"

// Index reads the dirty part of a log into an OffsetMap.
type Index struct {
	Map          *OffsetMap
	Start        int64 // first offset of the dirty part
	Transactions *Transactions
	MaxBytes     int // of a batch, decompressed
}

// Batch takes the next batch. Full means that the map has no room for one of its keys: the map ends there.
func (x *Index) Batch(b record.Batch) (full bool, err error) {
	if err := b.Check(); err != nil {
		return false, err
	}
	if b.Control() {
		if _, _, _, err := x.Transactions.control(b); err != nil {
			return false, err
		}
		x.Reach(b.NextOffset())
		return false, nil
	}
	if !x.Transactions.data(b) { // what an aborted transaction wrote supersedes nothing
		if full, err := x.records(b); full || err != nil {
			return full, err
		}
	}
	x.Reach(b.NextOffset())
	return false, nil
}

func (x *Index) records(b record.Batch) (full bool, err error) {
	if b.Count() == 0 {
		return false, nil
	}
	err = b.Raws(x.MaxBytes, func(_ int32, r *record.Raw) bool {
		offset := b.BaseOffset() + int64(r.OffsetDelta)
		if r.Key == nil || offset < x.Start {
			return true
		}
		if full = !x.Map.Put(r.Key, offset); full {
			return false
		}
		x.Map.end = max(x.Map.end, offset+1)
		return true
	})
	return full, err
}

// Reach notes that there is nothing below offset that the map does not know.
func (x *Index) Reach(offset int64) { x.Map.end = max(x.Map.end, offset) }
