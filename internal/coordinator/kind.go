package coordinator

import (
	"log/slog"
	"time"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// Record is one of a coordinator's records.
type Record interface {
	Encode() (key, value []byte) // a nil value is a tombstone
	Size() int                   // an upper bound of what key and value take
}

// Kind is what one sort of coordinator brings along.
type Kind[E any, R Record] struct {
	Name  string // "group coordinator": in errors
	Topic string // "__consumer_offsets": whose partitions it coordinates
	// New makes the machine of a partition, without state.
	New func(tp record.TopicPartition, leaderEpoch int32) machine.Machine[E, R]
	// Decode reads a record. foreign names the kind of one that is read over and counted; empty for one of ours.
	Decode func(key, value []byte) (rec R, foreign string, err error)
	// Loaded makes the first event after a load; the coordinator's Image is the one that the machine begins with. It must not call the coordinator's other methods.
	Loaded func() E
	// Published makes the event that tells a loaded machine of a new image, false if the machine need not know. delta is nil if
	// anything may have changed. The event goes to several machines, which must not change it. nil: they never need to know.
	Published func(image *metadata.Image, delta *metadata.Delta) (E, bool)
	// Perform carries out effects that are not a machine.Reply. It must not wait. It may be nil.
	Perform  func(p Led, e machine.Effect)
	Settings func() Settings // cheap
}

// Led is a partition whose machine runs on this node.
type Led struct {
	Partition   int32
	LeaderEpoch int32
	Logger      *slog.Logger
}

// Settings are the configs of the shell for one topic. They may change at run time.
type Settings struct {
	Codec         record.Codec  // of the batches written: offsets.topic.compression.codec
	MaxBatchBytes int           // max.message.bytes of the topic
	LoadBuffer    int           // offsets.load.buffer.size
	CommitTimeout time.Duration // offsets.commit.timeout.ms: how long callers wait for a commit
	LoadThreads   int           // how many partitions are loaded at once
	// Linger is how long a batch waits for more, as machine.Batching has it: group.coordinator.append.linger.ms
	Linger time.Duration
	// KeptBuffers bounds the write buffers that are kept for the next batches: group.coordinator.cached.buffer.max.bytes
	KeptBuffers int
}

// DefaultSettings are Kafka's defaults.
var DefaultSettings = Settings{MaxBatchBytes: 1<<20 + 12, LoadBuffer: 5 << 20, CommitTimeout: 5 * time.Second, LoadThreads: 2,
	Linger: -time.Millisecond, KeptBuffers: 1<<20 + 12}
