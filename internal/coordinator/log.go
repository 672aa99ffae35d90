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
	buffers  *buffers
}

// recordOverhead bounds what a record takes in a batch beside its key and value.
const recordOverhead = 32

// Append encodes the records as one batch and appends it.
func (l *machineLog[R]) Append(now time.Time, records []R, txn *machine.Producer, leave any) (baseOffset, nextOffset int64, err error) {
	set := l.settings()
	spec := record.NewSpec()
	spec.Codec = set.Codec
	if txn != nil {
		spec.Transactional, spec.ProducerID, spec.ProducerEpoch = true, txn.ID, txn.Epoch
	}
	b := l.buffers.take()
	defer func() { l.buffers.put(b, set.KeptBuffers) }()
	b.records = b.records[:0]
	for _, r := range records {
		key, value := r.Encode()
		b.records = append(b.records, record.Record{Timestamp: now.UnixMilli(), Key: key, Value: value})
	}
	b.bytes, err = record.AppendBatch(b.bytes[:0], spec, b.records)
	if err != nil {
		return 0, 0, fmt.Errorf("encode batch: %w", err)
	}
	if must, ok := leave.(*Leave); ok && must != nil {
		return l.leader.AppendVerified(b.bytes, must.Verification)
	}
	return l.leader.Append(b.bytes)
}

// AppendMarker appends the control batch that ends a transaction.
func (l *machineLog[R]) AppendMarker(now time.Time, c machine.Control) (baseOffset, nextOffset int64, err error) {
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch = c.ID, c.Epoch
	b := l.buffers.take()
	defer func() { l.buffers.put(b, l.settings().KeptBuffers) }()
	b.bytes = record.AppendEndTxnMarker(b.bytes[:0], spec, now.UnixMilli(), c.Marker == machine.CommitMarker, c.CoordinatorEpoch)
	return l.leader.AppendMarker(b.bytes, c.TransactionVersion)
}

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
		Linger:   func() time.Duration { return l.settings().Linger },
	}
}
