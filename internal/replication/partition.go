package replication

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/invariant"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication/progress"
	"leat/internal/storage"
)

// Partition is one replica on this node.
type Partition struct {
	node    *Node
	tp      record.TopicPartition
	topicID record.UUID
	log     *storage.Log // nil: it could not be opened, and failed says why
	fetcher *fetcher     // that copies it, nil: none; guarded by node.fetchers.mu

	throttles throttles
	lag       atomic.Int64 // how far this follower was behind its leader's high watermark when it last heard of it

	// role is held for reading over an append and for writing over a change of leadership, so that no batch gets an epoch at which this node
	// does not lead any more. It is the one lock that is held over writes to files: whoever wants to change the role has to wait for
	// just those.
	role sync.RWMutex

	mu       sync.Mutex
	progress progress.Replica // guarded by mu, as all below
	failed   error            // out of service
	grown    growth
	commits  []*commitWait
	fetches  []*waitEntry
	deletes  []*deleteWait
	watchers []*sessionPart // of followers

	following following // what the fetchers were told
}

// following is a leader to be followed and its epoch; leader -1: none.
type following struct{ leader, leaderEpoch int32 }

// newPartition is a replica without a log yet.
func newPartition(n *Node, tp record.TopicPartition, topicID record.UUID) *Partition {
	return &Partition{node: n, tp: tp, topicID: topicID, progress: progress.New(n.cfg.NodeID), following: following{-1, -1}}
}

// TopicPartition names the partition.
func (p *Partition) TopicPartition() record.TopicPartition { return p.tp }

// TopicID is the id of the topic.
func (p *Partition) TopicID() record.UUID { return p.topicID }

// Log is the partition's log.
func (p *Partition) Log() *storage.Log { return p.log }

// LeaderEpoch is the epoch at which this node leads.
func (p *Partition) LeaderEpoch() int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress.LeaderEpoch()
}

// CatchingUp reports whether this node began to lead and has not yet committed all that it found: the "latest" offset is then not known (KIP-207).
func (p *Partition) CatchingUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress.CatchingUp()
}

// Deletable reports whether the topic's cleanup.policy lets clients delete records: not if it only compacts.
func (p *Partition) Deletable() bool {
	cfg := p.log.Config()
	return cfg.Delete || !cfg.Compact
}

// Status is one partition's state for metrics and tools.
type Status struct {
	Leads           bool
	Leader          int32 // -1: none
	LeaderEpoch     int32
	Replicas        int // assigned
	InSync          int
	MinISR          int // min.insync.replicas, at most Replicas
	UnderReplicated bool
	UnderMinISR     bool
	Err             error // out of service, and why
}

// Status returns the present state.
func (p *Partition) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.progress
	return Status{
		Leads: r.Leads(), Leader: r.Leader(), LeaderEpoch: r.LeaderEpoch(),
		Replicas: r.Replicas(), InSync: r.InSync(), MinISR: r.MinISR(),
		UnderReplicated: r.Leads() && r.UnderReplicated(), UnderMinISR: r.Leads() && !r.EnoughInSync(), Err: p.failed,
	}
}

// failure is why the partition is out of service, nil if it is not.
func (p *Partition) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// checkLeads refuses a caller who must speak to the leader. Epochs are compared first, as Kafka does: who knows a newer epoch is told that, not that he
// asked the wrong node.
func (p *Partition) checkLeads(currentEpoch int32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leadsAt(currentEpoch)
}

// leadsAt is checkLeads with mu held.
func (p *Partition) leadsAt(currentEpoch int32) error {
	if p.failed != nil {
		return p.failed
	}
	switch p.progress.CheckEpoch(currentEpoch) {
	case progress.EpochFenced:
		return fmt.Errorf("%s: leader epoch %d, now %d: %w", p.tp, currentEpoch, p.progress.LeaderEpoch(), ErrFencedEpoch)
	case progress.EpochUnknown:
		return fmt.Errorf("%s: leader epoch %d, here still %d: %w", p.tp, currentEpoch, p.progress.LeaderEpoch(), ErrUnknownEpoch)
	}
	return p.refusal()
}

// refusal is why this replica cannot act as leader, nil if it can. Called with mu held.
func (p *Partition) refusal() error {
	if p.failed != nil {
		return p.failed
	}
	if !p.progress.Leads() {
		return fmt.Errorf("%s: leader is node %d at epoch %d: %w", p.tp, p.progress.Leader(), p.progress.LeaderEpoch(), ErrNotLeader)
	}
	return nil
}

// Append appends as leader, wakes waiting fetches and advances the high watermark. With requireISR it refuses when the in-sync
// set is below min.insync.replicas. If leaderEpoch >= 0 and this node does not lead at just that epoch: ErrNotLeader.
func (p *Partition) Append(batches []byte, leaderEpoch int32, origin storage.Origin, requireISR bool) (storage.AppendInfo, error) {
	return p.appendNow(batches, leaderEpoch, requireISR, storage.AppendOptions{Origin: origin})
}

// AppendMarker is Append for the control batch that ends a transaction of the given protocol version.
func (p *Partition) AppendMarker(batch []byte, leaderEpoch int32, transactionVersion int16) (storage.AppendInfo, error) {
	return p.appendNow(batch, leaderEpoch, true, storage.AppendOptions{Origin: storage.FromCoordinator, TransactionVersion: transactionVersion})
}

// AppendSampled is Append for a client's batches, of which compressed ones are looked into as its connection's sampling wants.
func (p *Partition) AppendSampled(batches []byte, requireISR bool, sampling *storage.Sampling) (storage.AppendInfo, error) {
	return p.appendNow(batches, -1, requireISR, storage.AppendOptions{Origin: storage.FromClient, Sampling: sampling})
}

// AppendVerifiedOffsets is Append for a coordinator's batch in a client's transaction, which begins here only with leave.
func (p *Partition) AppendVerifiedOffsets(batch []byte, leaderEpoch int32, v *storage.Verification) (storage.AppendInfo, error) {
	return p.appendNow(batch, leaderEpoch, true, storage.AppendOptions{Origin: storage.FromCoordinator, MustVerify: true, Verification: v})
}

// AppendVerified is AppendSampled for batches that may be transactional: a transaction begins here only with leave.
func (p *Partition) AppendVerified(batches []byte, requireISR bool, sampling *storage.Sampling, v *storage.Verification) (storage.AppendInfo, error) {
	return p.appendNow(batches, -1, requireISR, storage.AppendOptions{Origin: storage.FromClient, Sampling: sampling, MustVerify: true, Verification: v})
}

// AppendAround is AppendSampled for a batch of which some, or earlier, sequences were taken elsewhere: see storage.Elsewhere. It never begins a
// transaction.
func (p *Partition) AppendAround(batches []byte, requireISR bool, sampling *storage.Sampling, w *storage.Elsewhere) (storage.AppendInfo, error) {
	return p.appendNow(batches, -1, requireISR, storage.AppendOptions{Origin: storage.FromClient, Sampling: sampling, MustVerify: true, Elsewhere: w})
}

func (p *Partition) appendNow(batches []byte, leaderEpoch int32, requireISR bool, opts storage.AppendOptions) (storage.AppendInfo, error) {
	var ready wakeups
	info, err := p.append(batches, leaderEpoch, requireISR, opts, &ready)
	ready.run()
	return info, err
}

// append does what Append does but for the callbacks, which it leaves in ready.
func (p *Partition) append(batches []byte, leaderEpoch int32, requireISR bool, opts storage.AppendOptions, ready *wakeups) (storage.AppendInfo, error) {
	p.role.RLock()
	defer p.role.RUnlock()
	epoch, err := p.appendEpoch(leaderEpoch, requireISR)
	if err != nil {
		return storage.AppendInfo{}, err
	}
	opts.LeaderEpoch, opts.Now, opts.SyncLater = epoch, time.Now(), true
	info, err := p.log.Append(batches, opts)
	if err != nil {
		return info, err
	}
	p.count(info, len(batches), ready)
	if info.SyncDue {
		p.log.SyncSoon(p)
	}
	return info, nil
}

// count has what was appended to the log count for the high watermark and for those who wait. Followers may have it by then.
func (p *Partition) count(info storage.AppendInfo, bytes int, ready *wakeups) {
	p.mu.Lock()
	defer p.mu.Unlock()
	moved := false
	p.beforeGrowth()
	if info.SyncDue {
		p.progress.AppendedUnsynced(info.LogEnd)
	} else {
		moved = p.progress.Appended(info.LogEnd) // also for a duplicate: the sync of its first append may have failed
	}
	if moved || !info.Duplicate {
		p.grown.appended(int64(bytes), info.LogEnd)
	}
	p.advanced(moved, ready)
}

// Synced counts what a sync made durable, or ends the waits of those who are told that it failed. It is called by the log.
func (p *Partition) Synced(err error) {
	var ready wakeups
	p.mu.Lock()
	switch {
	case !p.progress.Leads() || p.failed != nil:
	case err != nil:
		p.endUnsynced(err, &ready)
	default:
		p.advanced(p.progress.Synced(p.log.SyncedEnd()), &ready)
		p.committed(&ready) // also those who wait for this node only
	}
	p.mu.Unlock()
	ready.run()
}

// appendEpoch decides whether an append may go on, and returns the epoch it is written under. The caller holds role.
func (p *Partition) appendEpoch(leaderEpoch int32, requireISR bool) (int32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refusal(); err != nil {
		return 0, err
	}
	epoch := p.progress.LeaderEpoch()
	if leaderEpoch >= 0 && leaderEpoch != epoch {
		return 0, fmt.Errorf("%s: append for leader epoch %d, now %d: %w", p.tp, leaderEpoch, epoch, ErrNotLeader)
	}
	if requireISR && !p.progress.EnoughInSync() {
		return 0, fmt.Errorf("%s: %d replicas in sync, fewer than min.insync.replicas: %w", p.tp, p.progress.InSync(), ErrNotEnoughReplicas)
	}
	return epoch, nil
}

// advanced tells the log and the waiting requests what an append or a follower's progress led to. Called with mu held.
func (p *Partition) advanced(moved bool, ready *wakeups) {
	if moved {
		o := p.log.SetHighWatermark(p.progress.HighWatermark())
		p.grown.lastStable = o.LastStable
		p.committed(ready)
	}
	p.grown.committed(p.progress.HighWatermark())
	p.readable(ready)
	p.tellFollowers(ready)
	if invariant.Enabled {
		if err := p.progress.Check(); err != nil {
			invariant.Check(false, "%s: %v", p.tp, err)
		}
	}
}

// assign takes up what a new image says of the partition, and tells the node's owner about leadership.
func (p *Partition) assign(part *metadata.Partition, s topicSettings) {
	a := progress.Assignment{Leader: part.Leader, LeaderEpoch: part.LeaderEpoch, PartitionEpoch: part.PartitionEpoch,
		Replicas: part.Replicas, ISR: part.ISR, Recovering: part.LeaderRecovering}
	p.throttles.set(p.tp.Partition, &s)
	var ready wakeups
	before, change, err := p.changeRole(a, s, &ready)
	ready.run()
	if err != nil {
		p.fail(err)
		return
	}
	p.followLeader()
	if change.Ended {
		p.node.cfg.Leading(p.tp, before, false)
	}
	if change.Began {
		if p.log.SyncedEnd() < p.log.Offsets().LogEnd { // nobody else may ask for what was appended before
			p.log.SyncSoon(p)
		}
		p.node.cfg.Leading(p.tp, a.LeaderEpoch, true)
	}
}

// followLeader has the partition copied from whoever leads it now, if that is another node.
func (p *Partition) followLeader() {
	if p.node.cfg.Cluster == nil {
		return
	}
	p.mu.Lock()
	source, epoch := p.progress.Leader(), p.progress.LeaderEpoch()
	if p.progress.Leads() || p.failed != nil {
		source = -1
	}
	same := p.following == following{source, epoch}
	p.following = following{source, epoch}
	p.mu.Unlock()
	if source < 0 {
		p.lag.Store(0)
	}
	if !same {
		p.node.fetchers.follow(p, source, epoch)
	}
}

// changeRole returns the leader epoch before the change, and what changed.
func (p *Partition) changeRole(a progress.Assignment, s topicSettings, ready *wakeups) (before int32, change progress.Change, err error) {
	p.role.Lock()
	defer p.role.Unlock()
	if err := p.beginEpoch(a); err != nil {
		return 0, change, err
	}
	o := p.log.Offsets()
	unsynced := o.LogEnd - min(p.log.SyncedEnd(), o.LogEnd)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return 0, change, nil
	}
	before = p.progress.LeaderEpoch()
	p.progress.SetMinISR(s.minISR)
	change = p.progress.Assign(a, progress.Marks{HighWatermark: o.HighWatermark, LogEnd: o.LogEnd, Unsynced: unsynced, At: time.Now()})
	if change.Began || change.Ended {
		p.grown = growth{lastStable: o.LastStable}
		p.endWaits(p.refusal(), ready)
	}
	if p.progress.Leads() {
		p.advanced(p.progress.HighWatermark() > o.HighWatermark, ready)
		p.joiners()
	}
	return before, change, nil
}

// beginEpoch marks in the log where a leader epoch of this node begins. Called with role held for writing.
func (p *Partition) beginEpoch(a progress.Assignment) error {
	if a.Leader != p.node.cfg.NodeID || a.LeaderEpoch <= p.log.LatestEpoch() {
		return nil
	}
	return p.log.AssignEpoch(a.LeaderEpoch)
}

// configure takes up a change of the topic's configuration.
func (p *Partition) configure(s topicSettings) {
	if p.log == nil {
		return
	}
	p.log.Configure(s.log)
	p.throttles.set(p.tp.Partition, &s)
	var ready wakeups
	p.mu.Lock()
	moved := p.progress.SetMinISR(s.minISR)
	p.advanced(moved, &ready)
	p.mu.Unlock()
	ready.run()
}

// fail takes the partition out of service. If the node led it, its owner is told that it leads no more.
func (p *Partition) fail(reason error) {
	defer p.followLeader()
	if epoch, led := p.stop(reason); led {
		p.node.cfg.Leading(p.tp, epoch, false)
	}
}

// stop makes everybody who waits or comes later get the reason, and tells at which epoch the node led until then, if it did.
func (p *Partition) stop(reason error) (leaderEpoch int32, led bool) {
	var ready wakeups
	p.mu.Lock()
	if p.failed == nil {
		p.failed = reason
		led = p.progress.Leads()
	}
	p.endWaits(p.failed, &ready)
	leaderEpoch = p.progress.LeaderEpoch()
	p.mu.Unlock()
	ready.run()
	return leaderEpoch, led
}
