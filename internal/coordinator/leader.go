package coordinator

import (
	"errors"
	"fmt"
	"time"

	"leat/internal/machine"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// Leader is what a coordinator needs of a partition that this node leads.
type Leader interface {
	// Append appends one batch at the leader epoch at which this node began to lead. It does not wait for other replicas. Errors wrap
	// machine.ErrRefused if the log is as before and the partition still led.
	Append(batch []byte) (baseOffset, nextOffset int64, err error)
	// AppendVerified is Append for a batch of a transaction, which begins in the partition only with that leave.
	AppendVerified(batch []byte, v *storage.Verification) (baseOffset, nextOffset int64, err error)
	// AppendMarker is Append for the control batch that ends a transaction of the given protocol version.
	AppendMarker(batch []byte, transactionVersion int16) (baseOffset, nextOffset int64, err error)
	// Ready reports whether Append would be accepted now, as far as can be known; errors as above.
	Ready() error
	// WhenCommitted calls fn once, when everything below nextOffset is committed, or can no longer be.
	WhenCommitted(nextOffset int64, fn func(error))
	// Bounds are the first offset of the log and the one after its last.
	Bounds() (start, end int64)
	// Read puts batches into buf, the first of them the one that holds the offset, and returns what it filled. At the end of the log it
	// returns nothing. If buf is too short for one batch, it returns a longer slice.
	Read(buf []byte, offset int64) ([]byte, error)
}

// Opener finds a partition that this node leads at an epoch.
type Opener func(tp record.TopicPartition, leaderEpoch int32) (Leader, error)

// Replicated opens partitions of the node's replicas.
func Replicated(node func() *replication.Node) Opener {
	return func(tp record.TopicPartition, leaderEpoch int32) (Leader, error) {
		p, err := node().Leader(tp, leaderEpoch)
		if err != nil {
			return nil, err
		}
		return &replicated{p, leaderEpoch}, nil
	}
}

// replicated is a Leader over a partition of this node.
type replicated struct {
	partition *replication.Partition
	epoch     int32
}

func (r *replicated) Append(batch []byte) (baseOffset, nextOffset int64, err error) {
	return appended(r.partition.Append(batch, r.epoch, storage.FromCoordinator, true))
}

func (r *replicated) AppendVerified(batch []byte, v *storage.Verification) (baseOffset, nextOffset int64, err error) {
	return appended(r.partition.AppendVerifiedOffsets(batch, r.epoch, v))
}

func (r *replicated) AppendMarker(batch []byte, transactionVersion int16) (baseOffset, nextOffset int64, err error) {
	return appended(r.partition.AppendMarker(batch, r.epoch, transactionVersion))
}

// refusals are the errors of an append that leave the log as it was and the partition led.
var refusals = []error{replication.ErrNotEnoughReplicas, storage.ErrProducerFenced, storage.ErrStaleCoordinator, storage.ErrTxnState}

// appended tells what came of an append in the words of the machine's log.
func appended(info storage.AppendInfo, err error) (baseOffset, nextOffset int64, _ error) {
	if err == nil {
		return info.BaseOffset, info.LastOffset + 1, nil
	}
	if errors.Is(err, storage.ErrTooLarge) || errors.Is(err, storage.ErrSegmentTooSmall) {
		return 0, 0, fmt.Errorf("%w: %w: %w", machine.ErrTooLarge, machine.ErrRefused, err)
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return 0, 0, fmt.Errorf("%w: %w", machine.ErrRefused, err)
		}
	}
	return 0, 0, err
}

func (r *replicated) Ready() error {
	s := r.partition.Status()
	switch {
	case s.Err != nil:
		return s.Err
	case !s.Leads || s.LeaderEpoch != r.epoch:
		return fmt.Errorf("%s: %w", r.partition.TopicPartition(), replication.ErrNotLeader)
	case s.UnderMinISR:
		return fmt.Errorf("%s: %w: %w", r.partition.TopicPartition(), replication.ErrNotEnoughReplicas, machine.ErrRefused)
	}
	return nil
}

// WhenCommitted takes the high watermark's word: that fewer than min.insync.replicas hold the records by now is no reason to forget
// them, as they are committed.
func (r *replicated) WhenCommitted(nextOffset int64, fn func(error)) {
	r.partition.WhenCommitted(nextOffset, time.Time{}, func(err error) {
		if errors.Is(err, replication.ErrNotEnoughReplicas) {
			err = nil
		}
		fn(err)
	})
}

func (r *replicated) Bounds() (start, end int64) {
	o := r.partition.Log().Offsets()
	return o.LogStart, o.LogEnd
}

func (r *replicated) Read(buf []byte, offset int64) ([]byte, error) {
	s, err := r.partition.Log().Read(offset, len(buf), storage.ReadLogEnd, true)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	if s.Len() > len(buf) {
		buf = make([]byte, s.Len())
	}
	buf = buf[:s.Len()]
	if _, err := s.ReadAt(buf, 0); err != nil && len(buf) > 0 {
		return nil, fmt.Errorf("read at offset %d: %w", offset, err)
	}
	return buf, nil
}
