package machine

import (
	"errors"
	"time"
)

// ErrUnloaded is what waiting callers get when the runner is closed or lost leadership: the broker turns it into NOT_COORDINATOR
// or NOT_CONTROLLER.
var ErrUnloaded = errors.New("machine is not loaded on this node")

// ErrRefused is wrapped by errors of Append (and of Batching.Ready) that left the log as it was, so that the machine may go on: too few
// in-sync replicas, or more bytes than a batch may have. The callers whom the decision would have answered get the error instead.
var ErrRefused = errors.New("append refused")

// ErrTooLarge is the refusal of a decision whose records do not fit one batch.
var ErrTooLarge = errors.New("records too large for one batch")

// Log is where a runner writes. Append and the callbacks of WhenCommitted may come from different goroutines.
type Log[R any] interface {
	// Append writes the records as one batch and returns the offset of the first and the offset after the last. It does not wait for replication.
	// leave is Result.Leave.
	Append(now time.Time, records []R, txn *Producer, leave any) (baseOffset, nextOffset int64, err error)
	// WhenCommitted calls fn once, when every record below nextOffset is committed (nil), or can no longer be (the reason). It may
	// call fn before it returns. It must not wait.
	WhenCommitted(nextOffset int64, fn func(err error))
}

// MarkerLog is a Log that takes the ends of transactions too.
type MarkerLog interface {
	// AppendMarker appends a control batch, otherwise as Append.
	AppendMarker(now time.Time, c Control) (baseOffset, nextOffset int64, err error)
}

// Batching lets a runner write the records of several queued decisions as one batch, which saves an append for each of them.
//
// The records are then applied before they are appended, because the next decision must see them; a failed append throws the
// machine away in any case. Offsets are foretold from the last append, so nobody else may append to the log: if somebody did, the
// runner fails.
type Batching[R any] struct {
	Size     func(R) int  // an upper bound of the record's bytes in a batch
	MaxBytes func() int   // what the records of one batch may add up to
	Ready    func() error // whether an append would be accepted now (an ErrRefused if not); nil: always
	// Linger is how long a batch that is not full waits for more decisions; 0: every decision is appended at once; negative (or nil): the
	// batch is appended when nothing more is queued, so that it grows with the load and nobody waits for nothing.
	Linger func() time.Duration
}

func (b *Batching[R]) linger() time.Duration {
	if b.Linger == nil {
		return -1
	}
	return b.Linger()
}
