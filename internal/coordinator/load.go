package coordinator

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"leat/internal/machine"
	"leat/internal/record"
)

// loading reads a log into a machine.
type loading[E any, R Record] struct {
	leader  Leader
	machine machine.Machine[E, R]
	decode  func(key, value []byte) (rec R, foreign string, err error)
	stop    func() bool // asked between reads

	left    atomic.Int64 // offsets that are still to be read
	next    int64        // the offset after the last entry
	records int
	foreign map[string]int // records that were read over, by kind
}

// firstBuffer is the size of the first read of a log.
const firstBuffer = 32 << 10

// run reads a log from its start to what is its end now.
func (l *loading[E, R]) run(bufferSize int) error {
	start, end := l.leader.Bounds()
	l.next = end
	var buf []byte
	for offset := start; offset < end; {
		l.left.Store(end - offset)
		if len(buf) < bufferSize { // small logs need no large buffer
			buf = make([]byte, min(max(2*len(buf), firstBuffer), bufferSize))
		}
		if l.stop() {
			return ErrNotCoordinator
		}
		b, err := l.leader.Read(buf, offset)
		if err != nil {
			return err
		}
		next, err := l.batches(b, offset)
		if err != nil {
			return err
		}
		if next <= offset {
			return fmt.Errorf("log ends at offset %d, not at %d", offset, end)
		}
		offset = next
	}
	return nil
}

// batches applies the entries at and above offset, and returns the offset after the last whole batch.
func (l *loading[E, R]) batches(b []byte, offset int64) (next int64, err error) {
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
			if err := l.batch(batch, offset); err != nil {
				return next, fmt.Errorf("batch at offset %d: %w", batch.BaseOffset(), err)
			}
		}
		b, next = rest, max(next, batch.NextOffset())
	}
}

// batch applies the entries of one batch.
func (l *loading[E, R]) batch(batch record.Batch, offset int64) error {
	entry := machine.Entry[R]{ProducerID: -1, ProducerEpoch: -1}
	if batch.Transactional() {
		entry.ProducerID, entry.ProducerEpoch = batch.ProducerID(), batch.ProducerEpoch()
	}
	if batch.Control() {
		return l.control(batch, entry)
	}
	var failed error
	err := batch.Records(0, func(r *record.Record) bool {
		if r.Offset < offset {
			return true
		}
		l.records++
		rec, foreign, err := l.decode(r.Key, r.Value)
		if foreign != "" {
			l.readOver(foreign)
			return true
		}
		if err != nil {
			failed = fmt.Errorf("record at offset %d: %w", r.Offset, err)
			return false
		}
		entry.Offset, entry.Timestamp, entry.Record = r.Offset, r.Timestamp, rec
		l.machine.Apply(entry)
		return true
	})
	return errors.Join(err, failed)
}

// control applies the end of a transaction. Other control batches say nothing to a machine.
func (l *loading[E, R]) control(batch record.Batch, entry machine.Entry[R]) error {
	if batch.Count() == 0 { // compaction emptied it: the whole transaction is gone
		return nil
	}
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
	l.machine.Apply(entry)
	return nil
}

// readOver counts a record that is not for the machine.
func (l *loading[E, R]) readOver(kind string) {
	if l.foreign == nil {
		l.foreign = make(map[string]int)
	}
	l.foreign[kind]++
}
