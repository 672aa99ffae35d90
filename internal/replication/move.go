package replication

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"leat/internal/record"
	"leat/internal/replication/progress"
	"leat/internal/storage"
)

// Refusals of a move into another log directory.
var (
	ErrNoReplica = errors.New("replica not available")   // REPLICA_NOT_AVAILABLE
	ErrNoDir     = errors.New("log directory not found") // LOG_DIR_NOT_FOUND
)

// moves copies replicas into other log directories of this node (KIP-113). One goroutine does all of it, one partition after the other in turns, and
// exists only while something moves.
type moves struct {
	node  *Node
	quota quota
	done  sync.WaitGroup

	mu      sync.Mutex
	running bool // guarded by mu
}

const (
	// moveBytes is how much is copied of one partition in its turn.
	moveBytes = 1 << 20
	// moveRest is the pause when nothing could be done.
	moveRest = 50 * time.Millisecond
)

// MoveTo has a replica moved into the log directory with that path. If it lies there already, a move elsewhere is given up.
func (n *Node) MoveTo(tp record.TopicPartition, path string) error {
	var dir *storage.Dir
	for _, d := range n.cfg.Store.Dirs() {
		if d.Path == path || d.Absolute() == path {
			dir = &d
		}
	}
	switch {
	case dir == nil:
		return fmt.Errorf("%s: %s is none of log.dirs: %w", tp, path, ErrNoDir)
	case dir.Offline != nil:
		return fmt.Errorf("%s: %w: %s: %w", tp, storage.ErrDisk, path, dir.Offline)
	}
	p := n.table.find(tp)
	if p == nil || p.log == nil {
		return fmt.Errorf("%s: node %d: %w", tp, n.cfg.NodeID, ErrNoReplica)
	}
	if f, moving := n.cfg.Store.Future(tp); moving {
		if f.Dir() == dir.ID {
			return nil
		}
		if err := n.cfg.Store.DropFuture(tp); err != nil {
			return err
		}
	}
	if p.log.Dir() == dir.ID {
		return nil
	}
	if _, err := n.cfg.Store.CreateFuture(tp, dir.ID); err != nil {
		return err
	}
	n.cfg.Logger.Info("replica begins to move into another log directory", "topic", tp.Topic, "partition", tp.Partition, "dir", path)
	n.moves.begin()
	return nil
}

// begin starts the work if there is some.
func (m *moves) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running || m.node.ctx.Err() != nil || len(m.node.cfg.Store.Futures()) == 0 {
		return
	}
	m.running = true
	m.done.Go(m.run)
}

// run gives every moving replica its turn until none is left.
func (m *moves) run() {
	for {
		futures := m.node.cfg.Store.Futures()
		m.mu.Lock()
		if len(futures) == 0 || m.node.ctx.Err() != nil {
			m.running = false
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
		worked := false
		for _, f := range futures {
			if m.pause(0) {
				return
			}
			worked = m.turn(f) || worked
		}
		if !worked && m.pause(moveRest) {
			return
		}
	}
}

// pause waits for some time, and for as long as replica.alter.log.dirs.io.max.bytes.per.second demands. It reports whether the node stops.
func (m *moves) pause(d time.Duration) (stopped bool) {
	for {
		d = max(d, m.quota.pause(time.Now(), m.node.moveRate()))
		if d == 0 || m.node.ctx.Err() != nil {
			break
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-m.node.ctx.Done():
		}
		timer.Stop()
		d = 0
	}
	if m.node.ctx.Err() == nil {
		return false
	}
	m.mu.Lock()
	m.running = false
	m.mu.Unlock()
	return true
}

func (n *Node) moveRate() int64 {
	if n.cfg.MoveRate == nil {
		return unthrottled
	}
	return n.cfg.MoveRate()
}

// turn copies some of one replica, and reports whether anything came of it. A copy that cannot go on is given up.
func (m *moves) turn(f *storage.Log) (worked bool) {
	tp := f.TopicPartition()
	logger := m.node.cfg.Logger.With("topic", tp.Topic, "partition", tp.Partition, "dir", f.Path())
	p := m.node.table.find(tp)
	if p == nil || p.log == nil || p.topicID != f.TopicID() {
		if err := m.node.cfg.Store.DropFuture(tp); err != nil {
			logger.Warn("future log not removed", "err", err)
		}
		return true
	}
	if p.failure() != nil { // it is about to be replaced, or its directory failed: then there is nothing to copy from
		return false
	}
	end := p.log.Offsets().LogEnd
	size, err := p.copyTo(f)
	swapped := false
	if err == nil && f.Offsets().LogEnd >= end { // what came meanwhile is copied while nobody appends: otherwise a busy log would never be caught up with
		swapped = m.node.swap(p, f)
	}
	if err != nil && !errors.Is(err, storage.ErrClosed) {
		logger.Error("replica does not move into another log directory", "err", err)
		if err := m.node.cfg.Store.DropFuture(tp); err != nil {
			logger.Warn("future log not removed", "err", err)
		}
	}
	m.quota.took(time.Now(), m.node.moveRate(), size)
	return err == nil && size > 0 || swapped
}

// copyTo brings a future log nearer to the present one and returns the bytes that took; 0: they are equal.
func (p *Partition) copyTo(f *storage.Log) (size int, err error) {
	if err := p.align(f); err != nil {
		return 0, err
	}
	o, at := p.log.Offsets(), f.Offsets()
	if at.LogEnd < o.LogEnd {
		if size, err = p.copyBatches(f, at); err != nil {
			return size, err
		}
		at = f.Offsets()
	}
	f.SetHighWatermark(min(o.HighWatermark, at.LogEnd))
	if start := min(o.LogStart, f.Offsets().HighWatermark); start > at.LogStart {
		err = f.AdvanceLogStart(start)
	}
	return size, err
}

// align cuts off what the present log does not have (any more), and begins anew where it begins.
func (p *Partition) align(f *storage.Log) error {
	o, at := p.log.Offsets(), f.Offsets()
	if at.LogEnd < o.LogStart || at.LogStart > o.LogStart { // the log was emptied meanwhile, and begins elsewhere
		return f.TruncateFullyAndStartAt(o.LogStart)
	}
	if at.LogEnd == at.LogStart {
		return nil
	}
	last := f.EpochOf(at.LogEnd - 1)
	epoch, end := p.log.EndOffsetForEpoch(last)
	if epoch == last && end >= at.LogEnd {
		return nil
	}
	ownEpoch, ownEnd := f.EndOffsetForEpoch(epoch)
	to := progress.TruncateTo(progress.EpochEnd{Epoch: epoch, End: end}, progress.EpochEnd{Epoch: ownEpoch, End: ownEnd}, at.LogEnd)
	if to < at.LogStart {
		return f.TruncateFullyAndStartAt(o.LogStart)
	}
	return f.TruncateTo(to)
}

// copyBatches copies the next batches.
func (p *Partition) copyBatches(f *storage.Log, at storage.Offsets) (int, error) {
	s, err := p.log.Read(at.LogEnd, moveBytes, storage.ReadLogEnd, true)
	if err != nil || s.Len() == 0 {
		return 0, err
	}
	defer s.Release()
	batches := make([]byte, s.Len())
	if n, err := s.ReadAt(batches, 0); n < len(batches) {
		return 0, fmt.Errorf("%s: %d of %d bytes read: %w", p.tp, n, len(batches), err)
	}
	if b, _, err := record.Split(batches); err == nil && at.LogEnd == at.LogStart && b.BaseOffset() < at.LogEnd { // records at the start were deleted, batches are whole
		if err := f.TruncateFullyAndStartAt(b.BaseOffset()); err != nil {
			return 0, err
		}
	}
	_, err = f.AppendFetched(batches)
	return len(batches), err
}

// swap puts a future log that has all but what came since in the place of the present one. The partition begins anew with it: who waits is told to ask again,
// and finds it at once. It reports whether that was done, or will be soon.
func (n *Node) swap(p *Partition, f *storage.Log) bool {
	n.publish.Lock()
	defer n.publish.Unlock()
	if now, moving := n.cfg.Store.Future(p.tp); !moving || now != f {
		return true // the move was given up, or begun anew
	}
	var ready wakeups
	p.role.Lock() // nobody appends or truncates
	if err := p.copyRest(f); err != nil || !p.leave(f, &ready) {
		p.role.Unlock()
		return false
	}
	p.mu.Lock()
	led, epoch := p.progress.Leads(), p.progress.LeaderEpoch()
	p.mu.Unlock()
	logger := n.cfg.Logger.With("topic", p.tp.Topic, "partition", p.tp.Partition, "dir", f.Path())
	if _, err := n.cfg.Store.Promote(f); err != nil {
		logger.Error("replica stays in its log directory", "err", err)
	} else {
		logger.Info("replica moved into another log directory")
	}
	n.table.remove(p)
	p.role.Unlock()
	ready.run()
	p.followLeader()
	if led {
		n.cfg.Leading(p.tp, epoch, false)
	}
	if topic, ok := n.image.Load().Topic(p.tp.Topic); ok {
		n.publishTopic(n.image.Load(), topic)
	}
	if n.cfg.Moved != nil {
		n.cfg.Moved(p.tp)
	}
	return true
}

// errBusy: more came than can be copied while appends wait.
var errBusy = errors.New("log grew too much meanwhile")

// copyRest copies what came since the last turn. Called with role held for writing.
func (p *Partition) copyRest(f *storage.Log) error {
	for copied := 0; copied < moveBytes; {
		size, err := p.copyTo(f)
		if err != nil || size == 0 {
			return err
		}
		copied += size
	}
	return errBusy
}

// leave takes the partition out of service for the one that will begin with the future log, if that will know all that this one promised: the next one takes
// its in-sync replicas from the image, so there must be no others that this one counted on, proposed or agreed on with the controller since. It reports
// whether that is so. Called with publish and role held.
func (p *Partition) leave(f *storage.Log, ready *wakeups) bool {
	image := p.node.image.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	part := registration(image, p.topicID, p.tp.Partition)
	if p.failed != nil || part == nil || p.progress.Proposed() != nil || p.progress.PartitionEpoch() != part.PartitionEpoch {
		return false
	}
	p.failed = fmt.Errorf("%s: moved into another log directory: %w", p.tp, ErrNotLeader)
	f.SetHighWatermark(p.log.Offsets().HighWatermark) // it moves without role
	p.endWaits(p.failed, ready)
	return true
}
