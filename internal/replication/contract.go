// Package replication is the partitions of this node: who leads them, how far they are replicated, fetchers, and the produce and
// fetch requests that wait for them. It turns metadata images into open logs and leadership.
//
// It does not know the bytes of requests or Kafka's error codes: package broker translates.
package replication

import (
	"errors"
	"log/slog"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

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

// Config is what New needs.
type Config struct {
	NodeID int32
	Store  *storage.Store
	// LogConfig gives the config of a topic's logs under an image's overrides.
	LogConfig func(topic string, overrides map[string]string) storage.LogConfig
	MinISR    func(topic string, overrides map[string]string) int
	// Leading is called, in order, when this node became leader of a partition at an epoch, or stopped being it (leading false), after the
	// log is ready. It must not wait.
	Leading func(tp record.TopicPartition, leaderEpoch int32, leading bool)
	Logger  *slog.Logger
}

// Node is the replicas of one node.
type Node struct{ unbuilt Config }

// New returns a node without partitions; Publish fills it.
func New(cfg Config) *Node { panic("unbuilt") }

// Publish brings the node to an image: opens logs, changes leadership, reconfigures, deletes. Called from one goroutine. delta is nil for
// the first image (then logs on disk that the image does not know are removed as strays).
func (n *Node) Publish(image *metadata.Image, delta *metadata.Delta) error { panic("unbuilt") }

// Close ends waiting requests with ErrNotLeader. It does not close the store.
func (n *Node) Close() { panic("unbuilt") }

// Partition is one replica on this node.
type Partition struct{ unbuilt int }

// Leader returns the partition if this node leads it. currentEpoch is the caller's idea of the leader epoch, -1: none.
func (n *Node) Leader(tp record.TopicPartition, currentEpoch int32) (*Partition, error) {
	panic("unbuilt")
}

// Log is the partition's log.
func (p *Partition) Log() *storage.Log { panic("unbuilt") }

// LeaderEpoch is the epoch at which this node leads.
func (p *Partition) LeaderEpoch() int32 { panic("unbuilt") }

// Append appends as leader, wakes waiting fetches and advances the high watermark. With requireISR it refuses when the in-sync
// set is below min.insync.replicas. If leaderEpoch >= 0 and this node does not lead at just that epoch: ErrNotLeader.
func (p *Partition) Append(batches []byte, leaderEpoch int32, origin storage.Origin, requireISR bool) (storage.AppendInfo, error) {
	panic("unbuilt")
}

// WhenCommitted calls fn once: nil when the high watermark has reached nextOffset (and the in-sync set is large enough), else why not. A zero
// deadline waits until leadership ends. fn may be called before WhenCommitted returns; it must not wait.
func (p *Partition) WhenCommitted(nextOffset int64, deadline time.Time, fn func(error)) {
	panic("unbuilt")
}

// Wait is one waiting fetch: see WaitFor.
type Wait struct{ unbuilt int }

// WaitFor registers a waiter over several partitions: fn is called once, when the bytes that became readable past the given offsets
// reach minBytes, something changed that the fetcher must know (leadership, truncation, deletion), or the deadline came. Cancel drops it.
func (n *Node) WaitFor(parts []WaitPart, minBytes int, deadline time.Time, fn func()) *Wait {
	panic("unbuilt")
}

// WaitPart is one partition of a waiting fetch.
type WaitPart struct {
	Partition *Partition
	Offset    int64
	Isolation storage.Isolation
}

// Cancel drops the wait; fn will not be called after it returns true, false means it was (or is being) called.
func (w *Wait) Cancel() bool { panic("unbuilt") }
