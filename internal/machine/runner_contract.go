package machine

import (
	"errors"
	"time"
)

// ErrUnloaded is what waiting callers get when the runner is closed or lost leadership: the broker turns it into NOT_COORDINATOR
// or NOT_CONTROLLER.
var ErrUnloaded = errors.New("machine is not loaded on this node")

// Log is where a runner writes. Append and the callbacks of WhenCommitted may come from different goroutines.
type Log[R any] interface {
	// Append writes the records as one batch and returns the offset of the first and the offset after the last. It does not wait for replication.
	Append(now time.Time, records []R, txn *Producer) (baseOffset, nextOffset int64, err error)
	// WhenCommitted calls fn once, when every record below nextOffset is committed (nil), or can no longer be (the reason). It may
	// call fn before it returns. It must not wait.
	WhenCommitted(nextOffset int64, fn func(err error))
}

// RunnerConfig is what a Runner needs.
type RunnerConfig[E, R any] struct {
	Name    string // for log lines: "group coordinator __consumer_offsets-3"
	Machine Machine[E, R]
	Log     Log[R]
	// Perform carries out effects that are not a Reply. Called in order, without locks held; must not wait.
	Perform func(Effect)
	// Failed is called once, when an append or commit failed: the runner has answered all waiting callers with the reason and
	// accepts nothing more; the shell throws the machine away and loads it anew.
	Failed func(error)
}

// Runner drives one machine. It holds no goroutine while it has nothing to do: events queue up, and a goroutine drains the queue.
type Runner[E, R any] struct{ unbuilt RunnerConfig[E, R] }

// NewRunner returns a runner of a machine whose hard state is already loaded (Apply was called for the whole log).
func NewRunner[E, R any](cfg RunnerConfig[E, R]) *Runner[E, R] { panic("unbuilt") }

// Submit queues the event that make builds for its ticket; done is called exactly once with the response or an error.
func (r *Runner[E, R]) Submit(build func(Ticket) E, done func(response any, err error)) {
	panic("unbuilt")
}

// Close stops the runner; waiting callers get ErrUnloaded. It returns after the last effect was performed.
func (r *Runner[E, R]) Close() { panic("unbuilt") }
