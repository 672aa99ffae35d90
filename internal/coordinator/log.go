package coordinator

import (
	"fmt"
	"time"

	"leat/internal/machine"
	"leat/internal/record"
)

// machineLog is where the runner of a machine writes.
type machineLog[R Record] struct {
	leader   Leader
	settings func() Settings
	buf      []byte // used again: appends come one after the other
	records  []record.Record
}

// recordOverhead bounds what a record takes in a batch beside its key and value.
const recordOverhead = 32

// Append encodes the records as one batch and appends it.
func (l *machineLog[R]) Append(now time.Time, records []R, txn *machine.Producer) (baseOffset, nextOffset int64, err error) {
	spec := record.NewSpec()
	spec.Codec = l.settings().Codec
	if txn != nil {
		spec.Transactional, spec.ProducerID, spec.ProducerEpoch = true, txn.ID, txn.Epoch
	}
	l.records = l.records[:0]
	for _, r := range records {
		key, value := r.Encode()
		l.records = append(l.records, record.Record{Timestamp: now.UnixMilli(), Key: key, Value: value})
	}
	l.buf, err = record.AppendBatch(l.buf[:0], spec, l.records)
	clear(l.records)
	if err != nil {
		return 0, 0, fmt.Errorf("encode batch: %w", err)
	}
	baseOffset, nextOffset, err = l.leader.Append(l.buf)
	if cap(l.buf) > maxKeptBuffer {
		l.buf = nil
	}
	return baseOffset, nextOffset, err
}

// AppendMarker appends the control batch that ends a transaction.
func (l *machineLog[R]) AppendMarker(now time.Time, c machine.Control) (baseOffset, nextOffset int64, err error) {
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch = c.ID, c.Epoch
	l.buf = record.AppendEndTxnMarker(l.buf[:0], spec, now.UnixMilli(), c.Marker == machine.CommitMarker, c.CoordinatorEpoch)
	return l.leader.AppendMarker(l.buf, c.TransactionVersion)
}

// maxKeptBuffer is the largest buffer that an idle log keeps.
const maxKeptBuffer = 64 << 10

// WhenCommitted waits for the high watermark.
func (l *machineLog[R]) WhenCommitted(nextOffset int64, fn func(error)) {
	l.leader.WhenCommitted(nextOffset, fn)
}

// batching lets decisions that come together share a batch.
func (l *machineLog[R]) batching() *machine.Batching[R] {
	return &machine.Batching[R]{
		Size:     func(r R) int { return r.Size() + recordOverhead },
		MaxBytes: func() int { return l.settings().MaxBatchBytes - record.HeaderSize },
		Ready:    l.leader.Ready,
	}
}
