package sharing

import (
	"fmt"
	"hash/maphash"
	"slices"

	"leat/internal/record"
	"leat/internal/sharing/acquire"
	"leat/internal/storage"
)

// part is one batch of a slice.
type part struct {
	at          int64 // position in the slice
	size        int
	first, last int64
}

const (
	// window is how much of a slice is read at once to look at batch headers.
	window = 16 << 10
	// maxDecompressed bounds what is decompressed of one batch to see its keys.
	maxDecompressed = 128 << 20
)

// walker looks at the batches of a slice one by one, without reading what lies between their headers.
type walker struct {
	slice storage.Slice
	at    int64
	buf   []byte // of the slice from bufAt on
	bufAt int64
}

// next returns the header of the batch at the walker's place and moves behind it; nil: the slice ends.
func (w *walker) next() (record.Batch, part, error) {
	if w.at >= int64(w.slice.Len()) {
		return nil, part{}, nil
	}
	head, err := w.bytes(w.at, record.HeaderSize)
	if err != nil {
		return nil, part{}, err
	}
	b := record.Batch(head)
	p := part{at: w.at, size: b.Size(), first: b.BaseOffset(), last: b.LastOffset()}
	if p.size < record.HeaderSize || p.at+int64(p.size) > int64(w.slice.Len()) || p.last < p.first {
		return nil, part{}, fmt.Errorf("batch at offset %d: size %d of %d: %w", p.first, p.size, int64(w.slice.Len())-p.at, storage.ErrCorrupt)
	}
	w.at += int64(p.size)
	return b, p, nil
}

// bytes reads n bytes of the slice. They are valid until the next call.
func (w *walker) bytes(at int64, n int) ([]byte, error) {
	if at >= w.bufAt && at+int64(n) <= w.bufAt+int64(len(w.buf)) {
		return w.buf[at-w.bufAt:][:n:n], nil
	}
	size := int(min(int64(max(n, window)), int64(w.slice.Len())-at))
	if size < n {
		return nil, fmt.Errorf("batch at byte %d of a slice of %d: %w", at, w.slice.Len(), storage.ErrCorrupt)
	}
	if cap(w.buf) < size {
		w.buf = make([]byte, size)
	}
	w.buf, w.bufAt = w.buf[:size], at
	if got, err := w.slice.ReadAt(w.buf, at); got < size {
		w.buf = w.buf[:0]
		return nil, fmt.Errorf("read %d bytes of a slice: %w", size, err)
	}
	return w.buf[:n:n], nil
}

// aborted tells which batches belong to aborted transactions.
type aborted struct {
	list []storage.Aborted // by first offset
	open map[int64]bool    // producer ids
}

// skips reports whether nobody is to get a batch: it is a control batch, or the group reads committed records only and it is of an aborted transaction.
func (a *aborted) skips(w *walker, b record.Batch, p part) (bool, error) {
	for len(a.list) > 0 && a.list[0].FirstOffset <= p.last {
		if a.open == nil {
			a.open = make(map[int64]bool)
		}
		a.open[a.list[0].ProducerID] = true
		a.list = a.list[1:]
	}
	if !b.Control() {
		return b.Transactional() && a.open[b.ProducerID()], nil
	}
	producer := b.ProducerID()
	if !a.open[producer] || p.size > window {
		return true, nil
	}
	whole, err := w.bytes(p.at, p.size)
	if err != nil {
		return false, err
	}
	if kind, _, err := record.Batch(whole).ControlRecord(); err == nil && kind == record.ControlAbort {
		delete(a.open, producer)
	}
	return true, nil
}

// seed makes hashes of keys differ between processes.
var seed = maphash.MakeSeed()

// keysOf reads the records of a batch for a group that is ordered by key.
func keysOf(w *walker, p part) ([]acquire.Record, error) {
	whole, err := w.bytes(p.at, p.size)
	if err != nil {
		return nil, err
	}
	var out []acquire.Record
	err = record.Batch(whole).Records(maxDecompressed, func(r *record.Record) bool {
		rec := acquire.Record{Offset: r.Offset, Null: r.Key == nil}
		if !rec.Null {
			rec.Hash = maphash.Bytes(seed, r.Key)
		}
		out = append(out, rec)
		return true
	})
	return out, err
}

// spans looks at batches of a slice from an offset on until they have enough records.
func spans(s storage.Slice, from int64, enough int, keys bool) (found []acquire.Span, parts []part, err error) {
	w, a := walker{slice: s}, aborted{list: s.Aborted}
	for {
		b, p, err := w.next()
		if b == nil || err != nil {
			return found, parts, err
		}
		if p.last < from {
			continue
		}
		span := acquire.Span{First: p.first, Last: p.last}
		if span.Skip, err = a.skips(&w, b, p); err != nil {
			return found, parts, err
		}
		if keys && !span.Skip {
			if span.Records, err = keysOf(&w, p); err != nil {
				return found, parts, err
			}
		}
		found, parts = append(found, span), append(parts, p)
		if p.last-from+1 >= int64(enough) {
			return found, parts, nil
		}
	}
}

// holding returns the parts that have at least one of the records.
func holding(parts []part, got []acquire.Given) []part {
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool {
		i, _ := slices.BinarySearchFunc(got, p.first, func(g acquire.Given, first int64) int { return int(min(1, max(-1, g.Last-first))) })
		return i >= len(got) || got[i].First > p.last
	})
}
