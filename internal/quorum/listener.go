package quorum

import (
	"math"
	"time"

	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// listener hears what happens in the quorum, from the voter's goroutine.
type listener struct{ q *Quorum }

// Committed implements voter.Listener.
func (l listener) Committed(entries []consensus.Committed) {
	q := l.q
	q.mu.Lock()
	r := q.reign
	q.mu.Unlock()
	batches := make([]metalog.Batch, 0, len(entries))
	for _, e := range entries {
		b, own := r.takePending(e)
		if !own {
			var err error
			if b, err = metalog.Decode(e.Batches); err != nil {
				q.fail(err)
				return
			}
		}
		batches = append(batches, b)
	}
	end := entries[len(entries)-1].End
	q.feed.Add(batches)
	q.fed.Store(end)
	q.log.Commit(end)
}

// Leading implements voter.Listener.
func (l listener) Leading(epoch int32, nextOffset int64) { l.q.begin(epoch, nextOffset) }

// Lost implements voter.Listener.
func (l listener) Lost(epoch int32) { l.q.end(epoch) }

// LeaderChanged implements voter.Listener.
func (l listener) LeaderChanged(leader consensus.Replica, epoch int32, known bool) {
	q := l.q
	v := view{-1, epoch, known}
	if known {
		v.leader = leader.ID
	}
	q.mu.Lock()
	q.countElection(known)
	q.view = v
	q.announce()
	q.mu.Unlock()
	if q.cfg.LeaderChanged != nil {
		q.cfg.LeaderChanged(v.leader, v.epoch, v.known)
	}
}

// countElection counts how long nobody led, once somebody does. mu is held.
func (q *Quorum) countElection(known bool) {
	switch {
	case !known && q.without.IsZero():
		q.without = time.Now()
	case known && !q.without.IsZero():
		if q.cfg.Meter != nil {
			q.cfg.Meter.Elected(time.Since(q.without))
		}
		q.without = time.Time{}
	}
}

// MembersChanged implements voter.Listener.
func (l listener) MembersChanged(m consensus.Members) {
	l.q.mu.Lock()
	l.q.announce()
	l.q.mu.Unlock()
	l.q.tellMembers(m)
}

// Installed implements voter.Listener.
func (l listener) Installed(c consensus.Checkpoint) {
	q := l.q
	image, err := q.log.LoadCheckpoint(metalog.Checkpoint{End: c.Offset, Epoch: c.Epoch})
	if err != nil {
		q.fail(err)
		return
	}
	q.cfg.Logger.Info("metadata checkpoint installed", "offset", c.Offset, "leader_epoch", c.Epoch)
	q.feed.Replace(image)
	q.fed.Store(c.Offset)
	q.log.Commit(c.Offset)
}

// WantCheckpoint implements voter.Listener.
func (l listener) WantCheckpoint() { l.q.feed.Checkpoint() }

// Failed implements voter.Listener.
func (l listener) Failed(err error) { l.q.fail(err) }

// snapshot begins to write a checkpoint.
func (q *Quorum) snapshot(image *metadata.Image) {
	q.log.SnapshotOf(image, func() ([]record.Record, error) { return q.votersAt(image.Offset + 1) },
		func(c metalog.Checkpoint) { q.voter.Checkpointed(consensus.Checkpoint{Offset: c.End, Epoch: c.Epoch}) })
}

// votersAt are the control records for the head of a checkpoint: those who vote below the offset, or a little later.
func (q *Quorum) votersAt(offset int64) ([]record.Record, error) {
	if m := q.members(); m.KRaftVersion == 0 {
		return nil, nil
	}
	applied := make(chan error, 1)
	q.voter.WhenCommitted(math.MaxInt32, offset, func(err error) { applied <- err })
	if err := <-applied; err != nil {
		return nil, err
	}
	return consensus.VotersRecords(q.members()), nil
}
