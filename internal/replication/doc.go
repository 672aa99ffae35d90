// Package replication is the partitions of this node: who leads them, how far they are replicated, and the produce and fetch requests that wait
// for them. It turns metadata images into open logs and leadership.
//
// It does not know the bytes of requests or Kafka's error codes: package broker translates. What the replicas of a partition agree on is decided
// by package progress; here it is carried out.
//
// Waiting costs no goroutine and no timer: a waiting request is an entry in the list of every partition it waits for, woken by the append or high
// watermark that concerns it, and one shared timer serves all deadlines. An idle partition costs its struct and nothing else.
//
// Locks, outermost first: Partition.role, then Partition.mu, then those inside storage. The locks of the partition table and of the deadlines
// are leaves. Callbacks of waiting requests and Config.Leading run with none of them held.
//
// Terms: a partition here is one replica on this node; a wait is a fetch or produce request that has not been answered yet.
package replication

import "errors"

// Kinds of refusal; errors wrap one and name the partition. Kinds of package storage pass through.
var (
	ErrUnknownPartition   = errors.New("unknown partition")           // UNKNOWN_TOPIC_OR_PARTITION
	ErrUnknownTopicID     = errors.New("unknown topic id")            // UNKNOWN_TOPIC_ID
	ErrInconsistentID     = errors.New("inconsistent topic id")       // INCONSISTENT_TOPIC_ID
	ErrNotLeader          = errors.New("not leader")                  // NOT_LEADER_OR_FOLLOWER
	ErrFencedEpoch        = errors.New("fenced leader epoch")         // FENCED_LEADER_EPOCH: the caller's epoch is older
	ErrUnknownEpoch       = errors.New("unknown leader epoch")        // UNKNOWN_LEADER_EPOCH: the caller's epoch is newer
	ErrNotEnoughReplicas  = errors.New("not enough in-sync replicas") // NOT_ENOUGH_REPLICAS before, NOT_ENOUGH_REPLICAS_AFTER_APPEND after
	ErrTimedOut           = errors.New("timed out")                   // REQUEST_TIMED_OUT
	ErrOffsetNotAvailable = errors.New("offset not available")        // OFFSET_NOT_AVAILABLE
)
