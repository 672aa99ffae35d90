package consensus

import (
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// contact is when a member was last heard of.
type contact struct {
	fetched  time.Time
	caughtUp time.Time
	tick     int // of the node, when it was fetched
}

// Follower is a member as the leader sees it, in Kafka's words.
type Follower struct {
	Member
	LogEndOffset int64     // of what it has acknowledged; -1: not known
	LastFetch    time.Time // when it last answered; zero: never
	LastCaughtUp time.Time // when it last had everything
}

// Followers describes all members; only the leader knows, others get nil. The leader itself is always caught up.
func (n *Node) Followers(now time.Time) []Follower {
	if n.leadership == nil {
		return nil
	}
	var out []Follower
	for _, p := range n.progress() {
		m, ok := n.members.byNumber(p.number)
		if !ok {
			continue
		}
		c := n.contacts[p.number]
		if m.Replica == n.cfg.Self {
			c = contact{fetched: now, caughtUp: now}
		}
		f := Follower{m, -1, c.fetched, c.caughtUp}
		if p.match >= n.bottom().Index && p.match <= n.lastIndex() {
			f.LogEndOffset = n.endOf(p.match)
		}
		out = append(out, f)
	}
	return out
}

// heard notes an answer of a follower.
func (n *Node) heard(m *pb.Message) {
	if n.leadership == nil || m.GetType() != pb.MsgAppResp && m.GetType() != pb.MsgHeartbeatResp {
		return
	}
	for _, p := range n.progress() {
		if p.number == m.GetFrom() {
			c := n.contacts[p.number]
			c.fetched, c.tick = n.now, n.ticks
			if p.match >= n.lastIndex() {
				c.caughtUp = n.now
			}
			n.contacts[p.number] = c
		}
	}
}

// followed is the library's view of one member.
type followed struct {
	number      uint64
	match, next uint64
	active      bool
	learner     bool
	snapshot    bool // one is on its way to it
}

// progress lists the members as the leader sees them, ordered by number.
func (n *Node) progress() []followed {
	var out []followed
	n.raw.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		out = append(out, followed{id, p.Match, p.Next, p.RecentActive, p.IsLearner, p.State == tracker.StateSnapshot})
	})
	return out
}

// retrySnapshots offers a snapshot anew to who had time enough to fetch it and did not answer: the offer may be lost, or the file gone.
func (n *Node) retrySnapshots() {
	if n.leadership == nil {
		return
	}
	for _, p := range n.progress() {
		if !p.snapshot {
			delete(n.leadership.stuck, p.number)
			continue
		}
		n.leadership.stuck[p.number]++
		if n.leadership.stuck[p.number] >= 4*n.cfg.ElectionTicks {
			delete(n.leadership.stuck, p.number)
			n.raw.ReportSnapshot(p.number, raft.SnapshotFailure)
		}
	}
}

// Voted is whom this replica voted for in its epoch.
func (n *Node) Voted() (Replica, bool) { return n.replica(n.hard.Vote) }
