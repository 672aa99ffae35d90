package progress

import (
	"slices"
	"time"
)

// Fetch is what a fetch request tells its leader of the replica that sends it.
type Fetch struct {
	Replica     int32
	Offset      int64 // it has everything below
	LogStart    int64 // its log start offset
	BrokerEpoch int64 // under which it is registered; -1: the request does not say
	// Eligible: the controller may take the replica into the ISR. It is registered under that broker epoch, not fenced, and not about to stop (KIP-903).
	Eligible bool
	At       time.Time
}

// unknownBroker is a broker epoch that nobody told.
const unknownBroker int64 = -1

// follower is another replica, as its leader knows it.
type follower struct {
	id          int32
	joining     bool  // not in the ISR, but would be in a moment: the high watermark waits for it
	logEnd      int64 // unknownEnd until it has fetched at this leader epoch
	logStart    int64
	brokerEpoch int64 // as of its last fetch
	leaderEnd   int64 // the leader's log end offset when it last fetched
	fetched     int64 // when it last fetched, ms
	caughtUp    int64 // the last time, ms, at which it had all that the leader had
}

// newFollower is a replica that has not been heard of at this leader epoch.
func newFollower(id int32, caughtUp int64) follower {
	return follower{id: id, logEnd: unknownEnd, logStart: unknownEnd, brokerEpoch: unknownBroker, leaderEnd: unknownEnd, caughtUp: caughtUp}
}

// find returns what is known of a replica, nil if it is not one, or this node does not lead.
func (r *Replica) find(id int32) *follower {
	for i := range r.others {
		if r.others[i].id == id {
			return &r.others[i]
		}
	}
	return nil
}

// Fetched notes that a follower asked for records from an offset on at this leader epoch, so that it has all before. It reports whether the
// high watermark moved, and whether the follower is a replica at all.
//
// The caller has made sure that the follower's log is a prefix of this one: an offset beyond a divergence counts for nothing.
func (r *Replica) Fetched(f Fetch) (moved, known bool) {
	o := r.find(f.Replica)
	if o == nil || !r.leads {
		return false, false
	}
	now := f.At.UnixMilli()
	current := false
	switch end := min(f.Offset, r.logEnd); {
	case end >= r.logEnd:
		o.caughtUp, current = max(o.caughtUp, now), true
	case o.leaderEnd != unknownEnd && end >= o.leaderEnd: // it had everything when it last fetched
		o.caughtUp, current = max(o.caughtUp, o.fetched), true
	}
	o.logEnd, o.logStart, o.brokerEpoch = min(f.Offset, r.logEnd), f.LogStart, f.BrokerEpoch
	o.leaderEnd, o.fetched = r.logEnd, now
	o.joining = current && f.Eligible && !r.counts(f.Replica)
	return r.advance(), true
}

// Heard notes that a follower fetched again at a time without anything new to say or to learn, as a fetch session does for all partitions
// that nothing happened to. It is called before the leader's log grows.
func (r *Replica) Heard(id int32, at time.Time) {
	if o := r.find(id); o != nil && o.logEnd == r.logEnd {
		o.fetched = max(o.fetched, at.UnixMilli())
		o.caughtUp = max(o.caughtUp, o.fetched)
	}
}

// FollowerEnd is up to where a replica is known to have the log, and the broker epoch of its last fetch; -1 if it is not known.
func (r *Replica) FollowerEnd(id int32) (logEnd, brokerEpoch int64) {
	if o := r.find(id); o != nil {
		return o.logEnd, o.brokerEpoch
	}
	return unknownEnd, unknownBroker
}

// Assigned reports whether a node other than this one is a replica.
func (r *Replica) Assigned(id int32) bool { return r.find(id) != nil }

// InISR reports whether a replica is in the committed ISR.
func (r *Replica) InISR(id int32) bool { return slices.Contains(r.assignment.ISR, id) }

// LogEnd is the leader's log end offset.
func (r *Replica) LogEnd() int64 { return r.logEnd }

// LowestStart is the lowest log start offset among this node's, which is given, and those of the replicas whose nodes are alive: below it the
// records are gone everywhere (DeleteRecords, KIP-107). Of one that has not fetched yet nothing is known, so it is -1.
func (r *Replica) LowestStart(own int64, alive func(id int32) bool) int64 {
	for i := range r.others {
		if o := &r.others[i]; alive(o.id) {
			own = min(own, o.logStart)
		}
	}
	return own
}

// BestReader is the in-sync replica of those allowed that has the record at an offset and the most records, by the last it said; -1: none.
func (r *Replica) BestReader(offset int64, allowed func(id int32) bool) int32 {
	best, end := int32(-1), unknownEnd
	for i := range r.others {
		o := &r.others[i]
		if o.logEnd < offset || o.logEnd <= end || o.logStart > offset || !r.InISR(o.id) || !allowed(o.id) {
			continue
		}
		best, end = o.id, o.logEnd
	}
	return best
}

// lags reports whether a replica has not had all of the log for longer than maxLag. One that stands at the log's end never lags, however long ago
// it was heard of: nothing is missing there, and whether its node lives is for the controller to say.
func (r *Replica) lags(o *follower, now time.Time, maxLag time.Duration) bool {
	return o.logEnd != r.logEnd && now.UnixMilli()-o.caughtUp > maxLag.Milliseconds()
}

// Tick looks for replicas that do not keep up: those about to join no longer hold the high watermark. It reports whether that moved.
func (r *Replica) Tick(now time.Time, maxLag time.Duration) (moved bool) {
	for i := range r.others {
		if o := &r.others[i]; o.joining && r.lags(o, now, maxLag) {
			o.joining = false
		}
	}
	return r.advance()
}

// Exclude notes which nodes may not join an ISR now, because they are fenced or not registered. It reports whether the high watermark moved.
func (r *Replica) Exclude(excluded func(id int32) bool) (moved bool) {
	for i := range r.others {
		if o := &r.others[i]; o.joining && excluded(o.id) {
			o.joining = false
		}
	}
	return r.advance()
}

// counts reports whether a replica is in the maximal ISR.
func (r *Replica) counts(id int32) bool {
	return slices.Contains(r.assignment.ISR, id) || r.proposal != nil && r.proposal.has(id)
}
