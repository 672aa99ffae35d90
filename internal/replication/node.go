package replication

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
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
	// RackAware: consumers are sent to replicas in their rack (replica.selector.class), so followers are told at once what is committed.
	RackAware bool
	// MoveRate is replica.alter.log.dirs.io.max.bytes.per.second; nil: nothing bounds it.
	MoveRate func() int64
	// Moved, unless nil, is called when a replica lies in another log directory than before. It must not wait.
	Moved func(tp record.TopicPartition)
	// Cluster is nil for a node that is alone.
	Cluster *Cluster
	Logger  *slog.Logger
}

// Node is the replicas of one node.
type Node struct {
	cfg       Config
	table     *table
	deadlines deadlines
	publish   sync.Mutex                     // held over bringing partitions to an image, outside of all other locks
	reopen    reopen                         // guarded by publish
	image     atomic.Pointer[metadata.Image] // nil until the first Publish
	replicas  replicaSessions
	isr       isrKeeper
	fetchers  fetchers
	moves     moves
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc

	waitingFetches, waitingCommits atomic.Int64

	leaderQuota, followerQuota quota
	balanceOut, balanceIn      quota
	moved                      moved
}

// New returns a node without partitions; Publish fills it.
func New(cfg Config) *Node {
	if cfg.Leading == nil {
		cfg.Leading = func(record.TopicPartition, int32, bool) {}
	}
	n := &Node{cfg: cfg, table: newTable()}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.isr.start(n)
	n.fetchers.node = n
	n.moves.node = n
	return n
}

// Close ends waiting requests with ErrNotLeader. It does not close the store.
func (n *Node) Close() {
	n.cancel()
	n.isr.done.Wait()
	n.fetchers.close()
	n.moves.done.Wait()
	for _, s := range n.replicas.all() {
		n.replicas.remove(s.id)
	}
	for p := range n.table.all() {
		p.stop(fmt.Errorf("%s: node %d is shutting down: %w", p.tp, n.cfg.NodeID, ErrNotLeader))
	}
	n.deadlines.close()
	n.stopReopening()
}

// Leader returns the partition if this node leads it. currentEpoch is the caller's idea of the leader epoch, -1: none.
func (n *Node) Leader(tp record.TopicPartition, currentEpoch int32) (*Partition, error) {
	p, err := n.Replica(tp)
	if err != nil {
		return nil, err
	}
	if err := p.checkLeads(currentEpoch); err != nil {
		return nil, err
	}
	return p, nil
}

// Reader returns the partition if consumers may read it here: from its leader or, with any, from another replica up to the high watermark that this node
// knows of (KIP-392).
func (n *Node) Reader(tp record.TopicPartition, currentEpoch int32, any bool) (p *Partition, leads bool, err error) {
	if p, err = n.Replica(tp); err != nil {
		return nil, false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	leads = p.progress.Leads()
	if err = p.leadsAt(currentEpoch); err != nil && (p.failed != nil || !any || !errors.Is(err, ErrNotLeader)) {
		return nil, false, err
	}
	return p, leads, nil
}

// RackAware reports whether consumers are sent to replicas in their rack.
func (n *Node) RackAware() bool { return n.cfg.RackAware }

// Replica returns the partition if this node has a usable replica of it, leader or not.
func (n *Node) Replica(tp record.TopicPartition) (*Partition, error) {
	p := n.table.find(tp)
	if p == nil {
		return nil, n.absent(tp)
	}
	if p.log == nil {
		return nil, p.failure()
	}
	return p, nil
}

// absent says why there is no replica here: somebody else has it, or it does not exist.
func (n *Node) absent(tp record.TopicPartition) error {
	if image := n.image.Load(); image != nil {
		topic, ok := image.Topic(tp.Topic)
		if ok && tp.Partition >= 0 && int(tp.Partition) < len(topic.Partitions) {
			return fmt.Errorf("%s: node %d has no replica: %w", tp, n.cfg.NodeID, ErrNotLeader)
		}
	}
	return fmt.Errorf("%s: %w", tp, ErrUnknownPartition)
}

// FailDir takes the partitions whose logs are in a failed directory out of service: they answer storage.ErrDisk from now on, and who waits
// for them is told. Server calls it when the store reports the failure.
func (n *Node) FailDir(path string, reason error) {
	var id record.UUID
	for _, d := range n.cfg.Store.Dirs() {
		if d.Path == path {
			id = d.ID
		}
	}
	for p := range n.table.all() {
		if p.log != nil && p.log.Dir() == id {
			p.fail(fmt.Errorf("%s: %w: %s: %w", p.tp, storage.ErrDisk, path, reason))
		}
	}
}

// Partitions yields all replicas of this node, in no particular order.
func (n *Node) Partitions() iter.Seq[*Partition] { return n.table.all() }

// Waiting tells how many fetch and produce requests wait.
func (n *Node) Waiting() (fetches, produces int64) {
	return n.waitingFetches.Load(), n.waitingCommits.Load()
}

// Counts are the sums that metrics show.
type Counts struct {
	Partitions      int
	Leaders         int
	UnderReplicated int // led here, with an assigned replica out of sync
	UnderMinISR     int // led here, with fewer in-sync replicas than min.insync.replicas
	Offline         int // out of service on this node
}

// Count walks all partitions.
func (n *Node) Count() Counts {
	var c Counts
	for p := range n.table.all() {
		s := p.Status()
		c.Partitions++
		switch {
		case s.Err != nil:
			c.Offline++
		case s.Leads:
			c.Leaders++
			if s.UnderReplicated {
				c.UnderReplicated++
			}
			if s.UnderMinISR {
				c.UnderMinISR++
			}
		}
	}
	return c
}
