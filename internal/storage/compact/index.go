package compact

import (
	"fmt"

	"leat/internal/record"
)

// Index reads the dirty part of a log into an OffsetMap.
type Index struct {
	Map          *OffsetMap
	Start        int64 // first offset of the dirty part
	Transactions *Transactions
	MaxBytes     int // of a batch, decompressed

	payload payload
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
	rest, err := x.payload.open(b, x.MaxBytes)
	if err != nil {
		return false, err
	}
	var r record.Raw
	for i := range b.Count() {
		if rest, err = record.NextRaw(rest, &r); err != nil {
			return false, recordError(b, i, err)
		}
		offset := b.BaseOffset() + int64(r.OffsetDelta)
		if r.Key == nil || offset < x.Start {
			continue
		}
		if !x.Map.Put(r.Key, offset) {
			return true, nil
		}
		x.Map.end = max(x.Map.end, offset+1)
	}
	return false, nil
}

// Reach notes that there is nothing below offset that the map does not know.
func (x *Index) Reach(offset int64) { x.Map.end = max(x.Map.end, offset) }

// payload gives the decompressed records of a batch, in a buffer that is used again.
type payload struct{ buf []byte }

// maxKept is the largest buffer that is kept from one batch to the next.
const maxKept = 8 << 20

func (p *payload) open(b record.Batch, maxBytes int) ([]byte, error) {
	if b.Codec() == record.Uncompressed {
		return b.Payload(), nil
	}
	if cap(p.buf) > maxKept {
		p.buf = nil
	}
	var err error
	p.buf, err = record.Decompress(p.buf[:0], b.Payload(), b.Codec(), maxBytes)
	if err != nil {
		return nil, fmt.Errorf("batch at offset %d: %w", b.BaseOffset(), err)
	}
	return p.buf, nil
}

// opened is what open returned last, for the same batch.
func (p *payload) opened(b record.Batch) []byte {
	if b.Codec() == record.Uncompressed {
		return b.Payload()
	}
	return p.buf
}

func recordError(b record.Batch, index int32, err error) error {
	return fmt.Errorf("batch at offset %d, record %d of %d: %w", b.BaseOffset(), index, b.Count(), err)
}
