package sharing

import (
	"log/slog"
	"sync"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/sharing/acquire"
	"leat/internal/storage"
)

// Group is what a share group's configuration says.
type Group struct {
	acquire.Settings
	OffsetReset     string // share.auto.offset.reset
	Isolation       storage.Isolation
	Renew           bool   // share.renew.acknowledge.enable
	DeadLetterTopic string // errors.deadletterqueue.topic.name, empty: none
	CopyRecords     bool   // errors.deadletterqueue.copy.record.enable
}

// Config is what a Node is made of.
type Config struct {
	States   States
	Replicas *replication.Node
	Image    func() *metadata.Image
	Group    func(group string) Group
	// MaxSessions is group.share.max.share.sessions.
	MaxSessions func() int
	// DeadLetters takes records that a group gave up; nil: they are only archived.
	DeadLetters DeadLetterTopics
	Meter       Meter
	Logger      *slog.Logger
}

// Node is the share partitions and share sessions of this node.
type Node struct {
	cfg      Config
	sessions *sessions
	alarms   *alarms

	sweep alarm // looks for share partitions that nobody uses
	work  sync.WaitGroup

	mu         sync.Mutex
	partitions map[SharePartition]*sharePartition // guarded by mu, as all below
	sweeping   bool
	closed     bool
}

// New is a node with nothing loaded.
func New(cfg Config) *Node {
	if cfg.Meter == nil {
		cfg.Meter = noMeter{}
	}
	n := &Node{cfg: cfg, sessions: newSessions(), alarms: newAlarms(), partitions: make(map[SharePartition]*sharePartition)}
	n.sweep.fn = n.unloadUnused
	return n
}

// Close ends the timer and waits for what looks at the log. Requests must not come any more.
func (n *Node) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.alarms.close()
	n.work.Wait()
}

// start has a function run on a goroutine of its own: whoever brings news must not wait for the disk.
func (n *Node) start(fn func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.work.Go(fn)
	}
}

// Leading is told of every change of leadership on this node, like the coordinators. What was loaded at another epoch is forgotten.
func (n *Node) Leading(tp record.TopicPartition, _ int32, _ bool) {
	var ended []*sharePartition
	n.mu.Lock()
	for key, p := range n.partitions {
		if p.tp == tp {
			delete(n.partitions, key)
			ended = append(ended, p)
		}
	}
	n.mu.Unlock()
	for _, p := range ended {
		p.end(replication.ErrNotLeader)
	}
}

// find returns a share partition if it is loaded or being loaded.
func (n *Node) find(key SharePartition) *sharePartition {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.partitions[key]
}

// load returns a share partition, and begins to load it if nobody did.
func (n *Node) load(key SharePartition, tp record.TopicPartition) (*sharePartition, error) {
	partition, err := n.cfg.Replicas.Leader(tp, -1)
	if err != nil {
		return nil, err
	}
	if partition.TopicID() != key.TopicID {
		return nil, replication.ErrInconsistentID
	}
	now := time.Now()
	n.mu.Lock()
	p := n.partitions[key]
	if p != nil {
		n.mu.Unlock()
		return p, nil
	}
	p = &sharePartition{node: n, key: key, tp: tp, replica: partition, leaderEpoch: partition.LeaderEpoch(), asked: make(map[int64][]func(error)), began: now, used: now}
	p.alarm.fn = p.alarmed
	n.partitions[key] = p
	sweep := !n.sweeping
	n.sweeping = true
	n.mu.Unlock()
	if sweep {
		n.alarms.set(&n.sweep, now.Add(sweepEvery))
	}
	n.cfg.States.Read(key, p.leaderEpoch, p.read)
	if epoch := partition.LeaderEpoch(); epoch != p.leaderEpoch { // Leading may have been told before the partition was in the map
		n.forget(p, replication.ErrNotLeader)
	}
	return p, nil
}

// forget drops a share partition that cannot go on, so that the next request loads it again.
func (n *Node) forget(p *sharePartition, reason error) {
	n.mu.Lock()
	if n.partitions[p.key] == p {
		delete(n.partitions, p.key)
	}
	n.mu.Unlock()
	p.end(reason)
}

// Loaded is the number of share partitions that are loaded.
func (n *Node) Loaded() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.partitions)
}

// Sessions is the number of share sessions, and of partitions in them.
func (n *Node) Sessions() (sessions, partitions int) { return n.sessions.counts() }

// Group is what a share group's configuration says now.
func (n *Node) Group(group string) Group { return n.cfg.Group(group) }
