package replication

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Replication of the replicas that leader.replication.throttled.replicas and follower.replication.throttled.replicas of a topic name is held to
// leader.replication.throttled.rate and follower.replication.throttled.rate of the broker (KIP-73). Only replicas out of sync are held back: who
// is in sync must not fall out of it by a throttle, nor is what it gets counted: it would take the rate from those that the throttle is about.
//
// What leat moves by itself is held to leat.balance.throttle.rate in the same way. Which partitions that are, the balancer notes in leat.balance.moving of
// their topics, so that neither it nor an administrator has to undo the other's throttles.

// unthrottled is a rate that bounds nothing.
const unthrottled int64 = math.MaxInt64

// throttleRest is the longest a replica is left alone before the rate is looked at again: it may have been changed.
const throttleRest = time.Second

// quota holds something to a number of bytes a second. What was moved is a debt that time pays; up to a second's worth is saved.
type quota struct {
	mu   sync.Mutex
	debt float64   // guarded by mu, below zero: saved
	at   time.Time // as of when
}

// took counts bytes.
func (q *quota) took(now time.Time, rate int64, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pay(now, rate)
	q.debt += float64(bytes)
}

// pause is how long nothing more may be moved.
func (q *quota) pause(now time.Time, rate int64) time.Duration {
	if rate == unthrottled {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pay(now, rate)
	switch {
	case rate <= 0:
		return throttleRest
	case q.debt <= 0:
		return 0
	}
	return max(time.Millisecond, time.Duration(min(q.debt/float64(rate), throttleRest.Seconds())*float64(time.Second)))
}

// pay takes off what time has paid since. Called with mu held.
func (q *quota) pay(now time.Time, rate int64) {
	paid := max(0, now.Sub(q.at).Seconds()) * float64(rate)
	q.debt, q.at = max(q.debt-paid, -float64(rate)), now
}

// throttledReplicas are the partitions of a topic whose replica on this node is throttled.
type throttledReplicas struct {
	all  bool
	some []int32 // sorted
}

// anyBroker stands for whichever broker a pair names.
const anyBroker int32 = -1

// readThrottled reads a list of partition:broker pairs, or "*", for one broker.
func readThrottled(text string, broker int32) throttledReplicas {
	if strings.TrimSpace(text) == "*" {
		return throttledReplicas{all: true}
	}
	var t throttledReplicas
	for pair := range strings.SplitSeq(text, ",") {
		left, right, _ := strings.Cut(strings.TrimSpace(pair), ":")
		partition, err := strconv.ParseInt(left, 10, 32)
		if err != nil || broker != anyBroker && right != strconv.Itoa(int(broker)) {
			continue
		}
		t.some = append(t.some, int32(partition))
	}
	slices.Sort(t.some)
	return t
}

func (t throttledReplicas) has(partition int32) bool {
	_, found := slices.BinarySearch(t.some, partition)
	return t.all || found
}

// throttles says in which of its roles a partition is throttled here.
type throttles struct {
	leader, follower       atomic.Bool // by an administrator
	balanced, balancedHere atomic.Bool // by leat.balance.throttle.rate
}

func (t *throttles) set(partition int32, s *topicSettings) {
	t.leader.Store(s.leaderThrottled.has(partition))
	t.follower.Store(s.followerThrottled.has(partition))
	t.balanced.Store(s.balanced.has(partition))
	t.balancedHere.Store(s.balancedHere.has(partition))
}

// heldBack is for how long this node as leader has to keep records from a replica out of sync.
func (p *Partition) heldBack() time.Duration {
	t := &p.throttles
	if !t.leader.Load() && !t.balanced.Load() {
		return 0
	}
	var pause time.Duration
	now, s := time.Now(), p.node.clusterSettings()
	if t.leader.Load() {
		pause = p.node.leaderQuota.pause(now, s.LeaderThrottle)
	}
	if t.balanced.Load() {
		pause = max(pause, p.node.balanceOut.pause(now, s.BalanceThrottle))
	}
	return pause
}

// sent counts bytes that another broker was given; out: it is out of sync.
func (p *Partition) sent(bytes int, out bool) {
	p.node.moved.BytesOut.Add(int64(bytes))
	if !out {
		return
	}
	if p.throttles.leader.Load() {
		p.node.leaderQuota.took(time.Now(), p.node.clusterSettings().LeaderThrottle, bytes)
	}
	if p.throttles.balanced.Load() {
		p.node.balanceOut.took(time.Now(), p.node.clusterSettings().BalanceThrottle, bytes)
	}
}

// received counts bytes that this node took as follower, and tells for how long it has to leave the partition alone.
func (p *Partition) received(now time.Time, s *Settings, bytes int, inSync bool) time.Duration {
	p.node.moved.BytesIn.Add(int64(bytes))
	if inSync {
		return 0
	}
	var pause time.Duration
	if p.throttles.follower.Load() {
		p.node.followerQuota.took(now, s.FollowerThrottle, bytes)
		pause = p.node.followerQuota.pause(now, s.FollowerThrottle)
	}
	if p.throttles.balancedHere.Load() {
		p.node.balanceIn.took(now, s.BalanceThrottle, bytes)
		pause = max(pause, p.node.balanceIn.pause(now, s.BalanceThrottle))
	}
	return pause
}

// clusterSettings are those of now; a node that is alone throttles nothing.
func (n *Node) clusterSettings() Settings {
	if n.cfg.Cluster == nil {
		return Settings{LeaderThrottle: unthrottled, FollowerThrottle: unthrottled, BalanceThrottle: unthrottled}
	}
	return n.cfg.Cluster.Settings()
}
