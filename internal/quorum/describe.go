package quorum

import (
	"time"

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

// Describe tells who leads and how far everybody has come. The leader is caught up by definition, as in Kafka.
func (q *Quorum) Describe(now time.Time) Description {
	o := q.log.Offsets()
	return Description{
		LeaderID: q.cfg.NodeID, LeaderEpoch: q.epoch, HighWatermark: o.HighWatermark,
		Voters:    []Replica{{NodeID: q.cfg.NodeID, DirID: q.cfg.DirID, LogEndOffset: o.LogEnd, LastFetch: now, LastCaughtUp: now}},
		Observers: q.observers.list(now),
	}
}
