// Package progress is the pure core of one node's view of one partition: who leads at which epoch, which replicas are in sync, how far each of
// them is, and what follows from that: the high watermark, and whether a write that wants all in-sync replicas may go on.
//
// It has no log, lock, clock or goroutine; package replication calls it under the partition's lock and carries out what it says.
//
// Terms. The in-sync replicas (ISR) are those that the controller has committed. A proposed ISR is one that the leader asked the controller
// for and has no answer to yet; the maximal ISR is the union of both. The effective minimum is min.insync.replicas, but never more than there are
// replicas.
//
// The leader's own position is its log end offset, less what must be synced before it counts (flush.messages).
//
// Invariants, checked by Check: 0 <= highWatermark <= logEndOffset; within a leader epoch the high watermark never moves back; on a leader no member
// of the maximal ISR is behind a high watermark that was reached in this epoch by counting it.
package progress

import (
	"fmt"
	"slices"
	"time"
)

// NoEpoch means that a caller named no leader epoch.
const NoEpoch int32 = -1

// unknownEnd is the log end offset of a replica that has not fetched at this leader epoch.
const unknownEnd int64 = -1

// Assignment is what the cluster's image says about a partition. The slices are shared and never modified.
type Assignment struct {
	Leader         int32
	LeaderEpoch    int32
	PartitionEpoch int32
	Replicas       []int32
	ISR            []int32
	Recovering     bool // the leader was elected uncleanly and has not been in an ISR of its own making since (KIP-704)
}

// Marks are the offsets of the local log when an assignment is taken up, and when that is. Unsynced is how many offsets at its end do not count yet.
type Marks struct {
	HighWatermark, LogEnd, Unsynced int64
	At                              time.Time
}

// Change says what taking up an assignment did to leadership.
type Change struct {
	Began bool // this node leads at an epoch at which it did not lead before
	Ended bool // this node led at an epoch and does so no more (also when it leads at a newer one)
}

// Replica is one node's view of one partition. Make it with New.
type Replica struct {
	self       int32
	minISR     int32
	assignment Assignment
	leads      bool
	proposal   *Proposal // nil: no change of the ISR is under way
	others     []follower

	logEnd        int64
	own           int64 // this node's share of the high watermark, at most logEnd
	highWatermark int64
	epochStart    int64 // log end offset when this node began to lead
}

// New is the view of node self before any assignment.
func New(self int32) Replica {
	return Replica{self: self, minISR: 1, assignment: Assignment{Leader: -1, LeaderEpoch: NoEpoch, PartitionEpoch: -1}}
}

// Assign takes up what the image says. An assignment that is not newer than the present one (by partition epoch) changes nothing: this node may
// have heard of it before, as the answer to a proposal, and a proposal that was made on top of it must stand.
func (r *Replica) Assign(a Assignment, marks Marks) Change {
	if a.PartitionEpoch <= r.assignment.PartitionEpoch {
		return Change{}
	}
	led, before := r.leads, r.assignment
	r.assignment = a
	r.leads = a.Leader == r.self
	r.proposal = nil
	sameEpoch := a.LeaderEpoch == before.LeaderEpoch
	change := Change{Began: r.leads && !(led && sameEpoch), Ended: led && !(r.leads && sameEpoch)}
	switch {
	case change.Began:
		r.begin(marks)
	case r.leads:
		r.keepFollowers(marks.At)
	default:
		r.others = nil
	}
	r.advance()
	return change
}

// begin starts leadership: nobody's position is known, and the high watermark is what the log remembers.
func (r *Replica) begin(m Marks) {
	r.logEnd, r.epochStart = m.LogEnd, m.LogEnd
	r.highWatermark = max(0, min(m.HighWatermark, m.LogEnd))
	r.own = max(r.highWatermark, m.LogEnd-m.Unsynced)
	r.others = nil
	r.keepFollowers(m.At)
}

// keepFollowers matches the followers to the assigned replicas and keeps what is known of those that stay. Who is in the ISR has caught up just now
// as far as this leader knows, and gets the time to show it.
func (r *Replica) keepFollowers(now time.Time) {
	if len(r.assignment.Replicas) <= 1 {
		r.others = nil
		return
	}
	next := make([]follower, 0, len(r.assignment.Replicas)-1)
	for _, id := range r.assignment.Replicas {
		if id == r.self {
			continue
		}
		inSync := slices.Contains(r.assignment.ISR, id)
		o := newFollower(id, 0)
		if inSync {
			o.caughtUp = now.UnixMilli()
		}
		if known := r.find(id); known != nil {
			o = *known
		}
		o.joining = o.joining && !inSync
		next = append(next, o)
	}
	r.others = next
}

// Appended notes that the leader's own log now ends at logEnd, all of which counts, and reports whether the high watermark moved. Reports may
// come out of order.
func (r *Replica) Appended(logEnd int64) bool {
	r.AppendedUnsynced(logEnd)
	return r.Synced(logEnd)
}

// AppendedUnsynced notes that the leader's own log now ends at logEnd; what is new does not count before it is Synced.
func (r *Replica) AppendedUnsynced(logEnd int64) {
	if r.leads {
		r.logEnd = max(r.logEnd, logEnd)
	}
}

// Synced notes that the leader's own log counts up to an offset, and reports whether the high watermark moved.
func (r *Replica) Synced(end int64) bool {
	if !r.leads || end <= r.own {
		return false
	}
	r.own = min(end, r.logEnd)
	return r.advance()
}

// Own is the offset up to which this node's log counts.
func (r *Replica) Own() int64 { return r.own }

// SetMinISR changes min.insync.replicas and reports whether the high watermark moved.
func (r *Replica) SetMinISR(n int) bool {
	r.minISR = int32(max(1, min(n, 1<<15)))
	return r.advance()
}

// advance raises the high watermark to the lowest log end offset among the replicas that count, and reports whether it moved.
//
// While a change of the ISR waits for the controller, the larger of the old and the new set counts (KIP-497): the controller may elect its next leader
// from either, and a record below the high watermark must be on whichever it picks. With fewer in-sync replicas than the effective
// minimum it stands still (KIP-966), because what was committed by too few may not survive. A replica that is about to join the ISR holds it, too:
// otherwise one that is a moment behind could never join while records keep coming.
func (r *Replica) advance() bool {
	if !r.leads || !r.EnoughInSync() {
		return false
	}
	lowest := r.own
	for _, f := range r.others {
		if f.logEnd < lowest && (f.joining || r.counts(f.id)) {
			lowest = f.logEnd
		}
	}
	if lowest <= r.highWatermark {
		return false
	}
	r.highWatermark = lowest
	return true
}

// EnoughInSync reports whether the committed ISR has the effective minimum of members.
func (r *Replica) EnoughInSync() bool {
	return len(r.assignment.ISR) >= r.MinISR()
}

// MinISR is the effective minimum of in-sync replicas.
func (r *Replica) MinISR() int { return min(int(r.minISR), len(r.assignment.Replicas)) }

// Replicas is the number of assigned replicas.
func (r *Replica) Replicas() int { return len(r.assignment.Replicas) }

// InSync is the number of committed in-sync replicas.
func (r *Replica) InSync() int { return len(r.assignment.ISR) }

// UnderReplicated reports whether an assigned replica is missing from the ISR.
func (r *Replica) UnderReplicated() bool {
	return len(r.assignment.ISR) < len(r.assignment.Replicas)
}

// Recovering reports whether the leader was elected uncleanly and no ISR was agreed on since.
func (r *Replica) Recovering() bool { return r.assignment.Recovering }

// PartitionEpoch is that of the state that holds here.
func (r *Replica) PartitionEpoch() int32 { return r.assignment.PartitionEpoch }

// ISR is the committed in-sync replicas. The caller must not modify it.
func (r *Replica) ISR() []int32 { return r.assignment.ISR }

// Leads reports whether this node leads.
func (r *Replica) Leads() bool { return r.leads }

// Leader is the node that leads, -1 if none.
func (r *Replica) Leader() int32 { return r.assignment.Leader }

// LeaderEpoch is the present leader epoch, NoEpoch before the first assignment.
func (r *Replica) LeaderEpoch() int32 { return r.assignment.LeaderEpoch }

// HighWatermark is the offset below which records are committed. It is meaningful while this node leads.
func (r *Replica) HighWatermark() int64 { return r.highWatermark }

// CatchingUp reports whether a new leader has not yet committed everything that it found when it began to lead: "latest" is then not known (KIP-207).
func (r *Replica) CatchingUp() bool { return r.leads && r.highWatermark < r.epochStart }

// EpochCheck is how a caller's leader epoch relates to ours.
type EpochCheck int8

// The outcomes of CheckEpoch.
const (
	EpochFits    EpochCheck = iota
	EpochFenced             // the caller knows an older epoch
	EpochUnknown            // the caller knows a newer epoch
)

// CheckEpoch compares the leader epoch a caller has in mind, or NoEpoch, with ours (KIP-320).
func (r *Replica) CheckEpoch(current int32) EpochCheck {
	switch {
	case current < 0 || current == r.assignment.LeaderEpoch:
		return EpochFits
	case current < r.assignment.LeaderEpoch:
		return EpochFenced
	default:
		return EpochUnknown
	}
}

// Check verifies the invariants of one state; tests call it after every step.
func (r *Replica) Check() error {
	switch {
	case !r.leads && len(r.others) > 0:
		return fmt.Errorf("follower keeps positions of %d replicas", len(r.others))
	case !r.leads && r.proposal != nil:
		return fmt.Errorf("follower proposes in-sync replicas %v", r.proposal)
	case r.proposal != nil && r.proposal.PartitionEpoch != r.assignment.PartitionEpoch:
		return fmt.Errorf("proposal on top of partition epoch %d stands at %d", r.proposal.PartitionEpoch, r.assignment.PartitionEpoch)
	case r.highWatermark < 0 || r.highWatermark > r.logEnd:
		return fmt.Errorf("high watermark %d outside [0, %d]", r.highWatermark, r.logEnd)
	case r.leads && (r.own < r.highWatermark || r.own > r.logEnd):
		return fmt.Errorf("own position %d outside [%d, %d]", r.own, r.highWatermark, r.logEnd)
	}
	for _, f := range r.others {
		if f.id == r.self || f.logEnd > r.logEnd || f.logEnd < unknownEnd {
			return fmt.Errorf("replica %d at %d, leader %d at %d", f.id, f.logEnd, r.self, r.logEnd)
		}
	}
	return nil
}
