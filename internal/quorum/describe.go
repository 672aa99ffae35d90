package quorum

import (
	"slices"
	"time"

	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// Description is the state of the quorum, for DescribeQuorum.
type Description struct {
	LeaderID      int32
	LeaderEpoch   int32
	HighWatermark int64
	Voters        []Replica
	Observers     []Replica
}

// Replica is one follower of the metadata log, or the leader itself.
type Replica struct {
	NodeID       int32
	DirID        record.UUID
	LogEndOffset int64
	LastFetch    time.Time // zero: never
	LastCaughtUp time.Time
}

// Describe tells who leads, as far as this node knows (-1: nobody). How far everybody has come only the leader knows; it is caught up by definition, as in
// Kafka.
func (q *Quorum) Describe(now time.Time) Description {
	leader, epoch, _ := q.Active()
	d := Description{LeaderID: leader, LeaderEpoch: epoch, HighWatermark: q.log.Offsets().HighWatermark}
	status := q.voter.Status(now)
	if status.Followers == nil {
		for _, m := range status.Members.List {
			d.add(m, Replica{NodeID: m.ID, DirID: m.DirID, LogEndOffset: -1})
		}
		return d
	}
	for _, f := range status.Followers {
		x := Replica{NodeID: f.ID, DirID: f.DirID, LogEndOffset: f.LogEndOffset, LastFetch: f.LastFetch, LastCaughtUp: f.LastCaughtUp}
		if f.ID == q.cfg.NodeID && f.DirID.IsZero() {
			x.DirID = q.cfg.DirID
		}
		d.add(f.Member, x)
	}
	q.mu.Lock()
	r := q.reign
	q.mu.Unlock()
	if r != nil {
		for _, o := range r.observers.list(now) {
			if !slices.ContainsFunc(status.Members.List, func(m consensus.Member) bool { return m.ID == o.NodeID && !m.Learner }) {
				d.Observers = append(d.Observers, o)
			}
		}
	}
	return d
}

func (d *Description) add(m consensus.Member, r Replica) {
	if m.Learner {
		d.Observers = append(d.Observers, r)
	} else {
		d.Voters = append(d.Voters, r)
	}
}

// KRaftVersion is the level of kraft.version: from 1 on the voters stand in the log.
func (q *Quorum) KRaftVersion() int16 { return q.members().KRaftVersion }
