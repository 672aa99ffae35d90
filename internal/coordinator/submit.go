package coordinator

import (
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/machine"
	"leat/internal/storage"
)

// Submit hands an event to the machine of the partition that a key (a group id, a transactional id) belongs to. done is called exactly
// once, with the answer of the machine or with an error for CodeOf; perhaps before Submit returns, and on a goroutine that must not wait.
// build runs later, and only if the event gets to the machine.
func (c *Coordinator[E, R]) Submit(key string, build func(machine.Ticket) E, done func(answer any, err error)) {
	runner, err := c.find(key)
	c.submit(runner, err, build, done)
}

// SubmitTo is Submit for a partition.
func (c *Coordinator[E, R]) SubmitTo(partition int32, build func(machine.Ticket) E, done func(answer any, err error)) {
	c.mu.Lock()
	runner, err := c.at(partition)
	c.mu.Unlock()
	c.submit(runner, err, build, done)
}

func (c *Coordinator[E, R]) submit(runner *machine.Runner[E, R], err error, build func(machine.Ticket) E, done func(any, error)) {
	if err == nil {
		runner.Submit(build, done)
	} else if done != nil {
		done(nil, err)
	}
}

// Each hands an event to every machine of this node. done is called once, with the answers that came, in no order; code is not 0 if there is
// a partition without an answer, because it is still loading for instance.
func (c *Coordinator[E, R]) Each(build func(machine.Ticket) E, done func(answers []any, code int16)) {
	var code int16
	c.mu.Lock()
	runners := c.runners()
	switch {
	case c.closed:
		code = kerr.CoordinatorNotAvailable.Code
	case len(runners) < len(c.partitions):
		code = kerr.CoordinatorLoadInProgress.Code
	}
	c.mu.Unlock()
	if len(runners) == 0 {
		done(nil, code)
		return
	}
	var mu sync.Mutex
	left, answers := len(runners), make([]any, 0, len(runners))
	add := func(answer any, err error) {
		mu.Lock()
		if err == nil {
			answers = append(answers, answer)
		} else if is := CodeOf(err); is != kerr.NotCoordinator.Code && code == 0 { // another node answers for that partition
			code = is
		}
		left--
		last := left == 0
		mu.Unlock()
		if last {
			done(answers, code)
		}
	}
	for _, r := range runners {
		r.Submit(build, add)
	}
}

// PartitionOf is the partition of the topic that a key belongs to, false if the topic does not exist.
func (c *Coordinator[E, R]) PartitionOf(key string) (int32, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return PartitionFor(key, c.count), c.count > 0
}

// find returns the runner that a key belongs to.
func (c *Coordinator[E, R]) find(key string) (*machine.Runner[E, R], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(PartitionFor(key, c.count))
}

// at returns the runner of a partition. mu is held.
func (c *Coordinator[E, R]) at(partition int32) (*machine.Runner[E, R], error) {
	if c.closed {
		return nil, ErrNotAvailable
	}
	if c.count == 0 { // the topic is made when a client looks for a coordinator, which this answer makes it do
		return nil, ErrNotCoordinator
	}
	p := c.partitions[partition]
	switch {
	case p == nil:
		return nil, ErrNotCoordinator
	case p.runner == nil && p.failed != nil:
		return nil, ErrNotAvailable
	case p.runner == nil:
		return nil, ErrLoading
	}
	return p.runner, nil
}

// withTimeout calls finish once: with what comes, or with ErrTimedOut if nothing came in time.
func withTimeout(after time.Duration, finish func(any, error)) func(any, error) {
	var once sync.Once
	timer := time.AfterFunc(after, func() { once.Do(func() { finish(nil, ErrTimedOut) }) })
	return func(resp any, err error) {
		timer.Stop()
		once.Do(func() { finish(resp, err) })
	}
}

// CodeOf is the error code that clients of a coordinator understand.
func CodeOf(err error) int16 {
	var fault *machine.Fault
	switch {
	case err == nil:
		return 0
	case errors.As(err, &fault): // asking again would do it again
		return kerr.UnknownServerError.Code
	case errors.Is(err, ErrLoading):
		return kerr.CoordinatorLoadInProgress.Code
	case errors.Is(err, ErrNotCoordinator), errors.Is(err, machine.ErrUnloaded):
		return kerr.NotCoordinator.Code
	case errors.Is(err, ErrNotAvailable), errors.Is(err, ErrTimedOut):
		return kerr.CoordinatorNotAvailable.Code
	case errors.Is(err, machine.ErrTooLarge):
		return kerr.UnknownServerError.Code
	case errors.Is(err, storage.ErrProducerFenced):
		return kerr.InvalidProducerEpoch.Code
	case errors.Is(err, storage.ErrStaleCoordinator):
		return kerr.TransactionCoordinatorFenced.Code
	case errors.Is(err, storage.ErrTxnState):
		return kerr.InvalidTxnState.Code
	case errors.Is(err, machine.ErrRefused): // too few in-sync replicas
		return kerr.CoordinatorNotAvailable.Code
	}
	return kerr.NotCoordinator.Code // the machine was lost; the client asks again and finds who leads
}
