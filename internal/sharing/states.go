package sharing

import (
	"leat/internal/record"
	"leat/internal/sharing/acquire"
)

// SharePartition names a partition as one share group reads it.
type SharePartition struct {
	Group     string
	TopicID   record.UUID
	Partition int32
}

// Batch is a run of records in one delivery state.
type Batch = acquire.Batch

// Change is what a leader of a share partition writes: the batches that changed since its last write, and where the share partition begins.
type Change struct {
	StateEpoch            int32
	LeaderEpoch           int32 // of the partition that is shared: an older one than known is refused with FENCED_LEADER_EPOCH
	StartOffset           int64 // -1: as before
	DeliveryCompleteCount int32 // records past the start offset that are acknowledged or archived; -1: not known
	Batches               []Batch
}

// Summary is a share partition's state without its batches.
type Summary struct {
	StateEpoch            int32
	LeaderEpoch           int32
	StartOffset           int64 // -1: not known yet
	DeliveryCompleteCount int32 // -1: not known
}

// States keeps the durable state of share partitions: the share coordinator, on this node or on another.
//
// Every method returns at once and calls done exactly once, perhaps before it returns, on whichever goroutine; done must not wait. An error wraps a
// *kerr.Error with Kafka's code: FENCED_STATE_EPOCH, FENCED_LEADER_EPOCH, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS,
// NOT_COORDINATOR, GROUP_ID_NOT_FOUND, UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST. Calls for one share partition take effect in their order as long as
// each waits for the one before.
type States interface {
	// Initialize begins a share partition, or a new life of it, at an offset; -1 leaves that to the first read by a leader.
	Initialize(p SharePartition, stateEpoch int32, startOffset int64, done func(error))
	// Read gives a new leader what is known, and fences those of older epochs.
	Read(p SharePartition, leaderEpoch int32, done func(acquire.Durable, error))
	// Write adds a leader's change. Where its batches overlap with known ones the new ones count.
	Write(p SharePartition, c Change, done func(error))
	// Delete forgets a share partition.
	Delete(p SharePartition, done func(error))
	// Summary tells where a share partition stands, without fencing anybody; leaderEpoch -1: whoever asks does not lead.
	Summary(p SharePartition, leaderEpoch int32, done func(Summary, error))
}
