package replication

import (
	"errors"
	"fmt"
	"strings"

	"leat/internal/record"
	"leat/internal/replication/progress"
	"leat/internal/storage"
	"leat/internal/wire"
)

// errNotFollower: this node does not follow at that leader epoch any more.
var errNotFollower = errors.New("not a follower at this epoch")

// followsAt is nil if this node follows the leader of an epoch.
func (p *Partition) followsAt(leaderEpoch int32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil || p.progress.Leads() || p.progress.LeaderEpoch() != leaderEpoch {
		return fmt.Errorf("%s: leader epoch %d: %w", p.tp, leaderEpoch, errNotFollower)
	}
	return nil
}

// beginFollowing tells from where on records are wanted of the leader of an epoch.
//
// An epoch at which this node led and wrote nothing is forgotten: the records that come now may be of older ones.
func (p *Partition) beginFollowing(leaderEpoch int32) (position, error) {
	p.role.RLock()
	defer p.role.RUnlock()
	if err := p.followsAt(leaderEpoch); err != nil {
		return position{}, err
	}
	at := p.ends()
	if p.log.LatestEpoch() != at.lastEpoch {
		if err := p.log.TruncateTo(at.offset); err != nil {
			return position{}, err
		}
	}
	return at, nil
}

// ends is how far the log is.
func (p *Partition) ends() position {
	o := p.log.Offsets()
	at := position{offset: o.LogEnd, lastEpoch: -1, logStart: o.LogStart}
	if o.LogEnd > o.LogStart {
		at.lastEpoch = p.log.EpochOf(o.LogEnd - 1)
	}
	return at
}

// takeFetched does what the leader's answer says: truncates, or appends and takes over the high watermark and the log start offset. It returns where
// the log ends now.
func (p *Partition) takeFetched(leaderEpoch int32, at position, part *wire.FetchedPartition) (position, error) {
	p.role.RLock() // no other role begins while this is written
	defer p.role.RUnlock()
	if err := p.followsAt(leaderEpoch); err != nil {
		return at, err
	}
	if part.DivergingEpoch >= 0 {
		if err := p.truncate(diverging(part)); err != nil {
			return at, err
		}
		p.cutOff()
		return p.ends(), nil
	}
	grown := len(part.Records) > 0
	if grown {
		if err := p.room(); err != nil {
			return at, err
		}
		if err := p.beginEarlier(part.Records); err != nil {
			return at, err
		}
		if _, err := p.log.AppendFetched(part.Records); err != nil {
			return at, fmt.Errorf("%s: leader epoch %d: %w", p.tp, leaderEpoch, err)
		}
	}
	o := p.log.Offsets()
	mark := progress.FollowerMark(o.HighWatermark, part.HighWatermark, o.LogEnd)
	if mark > o.HighWatermark {
		o = p.log.SetHighWatermark(mark)
	}
	p.followed(int64(len(part.Records)), o)
	if lag := max(0, part.HighWatermark-o.LogEnd); lag != p.lag.Load() {
		p.lag.Store(lag)
	}
	start := min(part.LogStartOffset, o.HighWatermark)
	if start > o.LogStart {
		if err := p.log.AdvanceLogStart(start); err != nil {
			return at, err
		}
	}
	if grown || max(start, o.LogStart) != at.logStart { // it also moves by itself, where retention deletes here
		return p.ends(), nil
	}
	return at, nil
}

// beginEarlier moves the start of an empty log back to that of the batch which holds it: the leader's log begins within a batch, where records were
// deleted, and batches are whole. The log start follows the leader's once the batch is here.
func (p *Partition) beginEarlier(records []byte) error {
	o := p.log.Offsets()
	b, _, err := record.Split(records)
	if err != nil || o.LogEnd > o.LogStart || b.BaseOffset() >= o.LogEnd || b.LastOffset() < o.LogEnd || b.BaseOffset() < 0 {
		return nil //nolint:nilerr // what is damaged is refused when it is appended
	}
	return p.log.TruncateFullyAndStartAt(b.BaseOffset())
}

// room refuses records while the directory is almost full: what is left is for what must go on. Kafka's own topics are among that.
func (p *Partition) room() error {
	if p.log.Room() < storage.RoomGone || strings.HasPrefix(p.tp.Topic, "__") {
		return nil
	}
	return fmt.Errorf("%s: its log directory has too little room, and this replica falls behind until there is more: delete something or make it larger: %w",
		p.tp, storage.ErrNoRoom)
}

// diverging is what an answer says of where the logs part.
func diverging(part *wire.FetchedPartition) progress.EpochEnd {
	return progress.EpochEnd{Epoch: part.DivergingEpoch, End: part.DivergingEndOffset}
}

// cutAt is where the log has to be truncated.
func (p *Partition) cutAt(diverging progress.EpochEnd) int64 {
	epoch, end := p.log.EndOffsetForEpoch(diverging.Epoch)
	return progress.TruncateTo(diverging, progress.EpochEnd{Epoch: epoch, End: end}, p.log.Offsets().LogEnd)
}

// truncate cuts off what the leader does not have. Called with role held.
func (p *Partition) truncate(diverging progress.EpochEnd) error {
	o := p.log.Offsets()
	to := p.cutAt(diverging)
	if to >= o.LogEnd {
		return fmt.Errorf("%s: leader's log diverges from this one in epoch %d, which ends there at offset %d, but nothing here is behind that: %w",
			p.tp, diverging.Epoch, diverging.End, storage.ErrCorrupt)
	}
	logger := p.node.cfg.Logger.With("topic", p.tp.Topic, "partition", p.tp.Partition)
	if to < o.HighWatermark {
		logger.Warn("records below the high watermark are cut off, the leader was elected without them", "high_watermark", o.HighWatermark, "offset", to)
	}
	if to < o.LogStart {
		return p.log.TruncateFullyAndStartAt(max(to, 0))
	}
	return p.log.TruncateTo(to)
}

// restart empties the log: the leader has nothing that this node could go on from. Called by the fetcher.
func (p *Partition) restart(leaderEpoch int32, offset int64) error {
	p.role.RLock()
	defer p.role.RUnlock()
	if err := p.followsAt(leaderEpoch); err != nil {
		return err
	}
	o := p.log.Offsets()
	p.node.cfg.Logger.Warn("log begins anew where the leader's does", "topic", p.tp.Topic, "partition", p.tp.Partition,
		"log_start", o.LogStart, "log_end", o.LogEnd, "offset", offset)
	return p.log.TruncateFullyAndStartAt(offset)
}
