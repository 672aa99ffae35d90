// Package coordinator loads, runs and unloads the machines of the coordinator partitions that this node leads
// (__consumer_offsets, later __transaction_state and __share_group_state). It is the shell: what a group or a transaction does next is
// decided by the machines in the packages below it.
package coordinator

import (
	"errors"
)

// Kinds of refusal.
var (
	ErrNotCoordinator = errors.New("not coordinator")        // NOT_COORDINATOR: another node leads the partition
	ErrLoading        = errors.New("coordinator is loading") // COORDINATOR_LOAD_IN_PROGRESS
	ErrNotAvailable   = errors.New("coordinator not available")
)

// PartitionFor returns the partition of an internal topic that a group or transactional id belongs to: Kafka's
// abs(String.hashCode) modulo count, where hashCode counts UTF-16 code units.
func PartitionFor(id string, count int32) int32 { panic("unbuilt") }
