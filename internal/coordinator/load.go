package coordinator

import (
	"errors"
	"fmt"
	"io"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/record"
)

// loaded is what came of reading a log.
type loaded struct {
	next    int64 // the offset after the last entry
	records int
	foreign map[string]int // records that were read over, by kind
}

// firstBuffer is the size of the first read of a log.
const firstBuffer = 32 << 10

// load reads a log into a machine, from its start to what is its end now. stop is asked between reads.
func load(l Leader, m machine.Machine[group.Event, group.Record], bufferSize int, stop func() bool) (loaded, error) {
	start, end := l.Bounds()
	out := loaded{next: end, foreign: make(map[string]int)}
	var buf []byte
	for offset := start; offset < end; {
		if len(buf) < bufferSize { // small logs need no large buffer
			buf = make([]byte, min(max(2*len(buf), firstBuffer), bufferSize))
		}
		if stop() {
			return out, ErrNotCoordinator
		}
		b, err := l.Read(buf, offset)
		if err != nil {
			return out, err
		}
		next, err := loadBatches(b, offset, m, &out)
		if err != nil {
			return out, err
		}
		if next <= offset {
			return out, fmt.Errorf("log ends at offset %d, not at %d", offset, end)
		}
		offset = next
	}
	return out, nil
}

// loadBatches applies the entries at and above offset, and returns the offset after the last whole batch.
func loadBatches(b []byte, offset int64, m machine.Machine[group.Event, group.Record], out *loaded) (next int64, err error) {
	defer machine.Catch(&err)
	for next = offset; ; {
		batch, rest, err := record.Split(b)
		if err == io.EOF || errors.Is(err, record.ErrIncomplete) && next > offset {
			return next, nil
		}
		if err != nil {
			return next, fmt.Errorf("batch at or after offset %d: %w", next, err)
		}
		if batch.NextOffset() > offset {
			if err := loadBatch(batch, offset, m, out); err != nil {
				return next, fmt.Errorf("batch at offset %d: %w", batch.BaseOffset(), err)
			}
		}
		b, next = rest, max(next, batch.NextOffset())
	}
}

// loadBatch applies the entries of one batch.
func loadBatch(batch record.Batch, offset int64, m machine.Machine[group.Event, group.Record], out *loaded) error {
	entry := machine.Entry[group.Record]{ProducerID: -1, ProducerEpoch: -1}
	if batch.Transactional() {
		entry.ProducerID, entry.ProducerEpoch = batch.ProducerID(), batch.ProducerEpoch()
	}
	if batch.Control() {
		kind, _, err := batch.ControlRecord()
		entry.Offset, entry.Timestamp = batch.BaseOffset(), batch.MaxTimestamp()
		switch {
		case err != nil:
			return err
		case kind == record.ControlCommit:
			entry.Marker = machine.CommitMarker
		case kind == record.ControlAbort:
			entry.Marker = machine.AbortMarker
		default:
			return nil
		}
		m.Apply(entry)
		return nil
	}
	var failed error
	err := batch.Records(0, func(r *record.Record) bool {
		if r.Offset < offset {
			return true
		}
		out.records++
		rec, err := group.Decode(r.Key, r.Value)
		if foreign, ok := rec.(*group.ForeignRecord); ok {
			out.foreign[foreign.Kind()]++
			return true
		}
		if err != nil {
			failed = fmt.Errorf("record at offset %d: %w", r.Offset, err)
			return false
		}
		entry.Offset, entry.Timestamp, entry.Record = r.Offset, r.Timestamp, rec
		m.Apply(entry)
		return true
	})
	return errors.Join(err, failed)
}
