// Package coordinator loads, runs and unloads the machines of the coordinator partitions that this node leads
// (__consumer_offsets, later __transaction_state and __share_group_state). It is the shell: what a group or a transaction does next is
// decided by the machines in the packages below it.
//
// When this node becomes leader of a partition, its log is read from the start into a new machine, by one of a few shared
// goroutines; until that is done callers hear that the coordinator is loading. When leadership ends, or an append or commit fails,
// the machine is thrown away. A machine that is loaded and idle holds no goroutine.
//
// Lock order: Coordinator.mu is never held while a machine, a log or a caller's function is called.
package coordinator

import "errors"

// Kinds of refusal.
var (
	ErrNotCoordinator = errors.New("not coordinator")           // NOT_COORDINATOR: another node leads the partition
	ErrLoading        = errors.New("coordinator is loading")    // COORDINATOR_LOAD_IN_PROGRESS
	ErrNotAvailable   = errors.New("coordinator not available") // COORDINATOR_NOT_AVAILABLE
	ErrTimedOut       = errors.New("commit timed out")          // REQUEST_TIMED_OUT, told as COORDINATOR_NOT_AVAILABLE
)
