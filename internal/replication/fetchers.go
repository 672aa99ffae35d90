package replication

import (
	"hash/fnv"
	"sync"
	"time"

	"leat/internal/record"
)

// fetchers copy partitions that others lead. There are num.replica.fetchers of them for each broker that leads some; a partition keeps to one. Each tenant has as
// many of its own: a round is over when all of it is copied, and what is acknowledged for one tenant must not wait until much of another's is.
type fetchers struct {
	node *Node
	done sync.WaitGroup

	mu      sync.Mutex
	byKey   map[fetcherKey]*fetcher // guarded by mu
	spreads spreading               // guarded by mu
	shares  map[string]int          // of tenants; guarded by mu
	closed  bool                    // guarded by mu
}

type fetcherKey struct {
	source int32
	share  int // whose partitions: 0 nobody's, else those of a tenant
	index  int
}

// spreading is by what partitions were last spread over fetchers. Zero: they were not.
type spreading struct {
	count   int // of fetchers per source
	tenants Tenants
}

// mostShares bounds how many fetchers tenants make of one: where there are more tenants, some share.
const mostShares = 8

// share is whose fetchers copy a topic. Called with mu held.
func (t *fetchers) share(topic string) int {
	if t.spreads.tenants == nil {
		return 0
	}
	owner := t.spreads.tenants.Owner(topic)
	if owner == "" {
		return 0
	}
	share, known := t.shares[owner]
	if !known {
		if t.shares == nil {
			t.shares = map[string]int{}
		}
		share = 1 + len(t.shares)%mostShares
		t.shares[owner] = share
	}
	return share
}

// index is which of count fetchers copies a partition.
func fetcherIndex(tp record.TopicPartition, count int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tp.Topic))
	return int((h.Sum32() + uint32(tp.Partition)) % uint32(max(count, 1)))
}

// follow makes a partition be copied from a leader, and from no other; source -1: from nobody.
func (t *fetchers) follow(p *Partition, source, leaderEpoch int32) {
	if t.node.cfg.Cluster == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	var next *fetcher
	if source >= 0 {
		if t.spreads.count == 0 {
			now := t.node.cfg.Cluster.Settings()
			t.spreads = now.spreading()
		}
		next = t.fetcher(t.key(p, source))
	}
	if p.fetcher != nil && p.fetcher != next {
		p.fetcher.order(order{partition: p})
	}
	p.fetcher = next
	if next != nil {
		next.order(order{p, true, leaderEpoch})
	}
}

// key names the fetcher of a partition that is copied from source. Called with mu held.
func (t *fetchers) key(p *Partition, source int32) fetcherKey {
	return fetcherKey{source, t.share(p.tp.Topic), fetcherIndex(p.tp, t.spreads.count)}
}

// fetcher finds or starts a fetcher. Called with mu held.
func (t *fetchers) fetcher(key fetcherKey) *fetcher {
	if f := t.byKey[key]; f != nil {
		return f
	}
	f := newFetcher(t.node, key)
	if t.byKey == nil {
		t.byKey = map[fetcherKey]*fetcher{}
	}
	t.byKey[key] = f
	t.done.Go(f.run)
	return f
}

// leave takes a fetcher out that has nothing to do, unless it has just been told something.
func (t *fetchers) leave(f *fetcher) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.orders) > 0 {
		return false
	}
	delete(t.byKey, f.key)
	return true
}

// spread spreads the partitions anew, if num.replica.fetchers was changed or there are other tenants. While an image is taken up it leaves that to the
// next round, because that also says whom to follow.
func (t *fetchers) spread(by spreading) {
	t.mu.Lock()
	same := t.spreads == by || t.closed
	t.mu.Unlock()
	if same || !t.node.publish.TryLock() {
		return
	}
	defer t.node.publish.Unlock()
	t.mu.Lock()
	t.spreads = by
	t.mu.Unlock()
	for p := range t.node.table.all() {
		p.mu.Lock()
		f := p.following
		p.mu.Unlock()
		if f.leader >= 0 && !t.settled(p, f.leader) {
			t.follow(p, f.leader, f.leaderEpoch)
		}
	}
}

// settled reports whether a partition is with the fetcher that is to copy it.
func (t *fetchers) settled(p *Partition, source int32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return p.fetcher != nil && p.fetcher.key == t.key(p, source)
}

// state is the pace of the slowest fetcher, and how many partitions could not be copied lately.
func (t *fetchers) state(now time.Time) (slowest float64, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := true
	for _, f := range t.byKey {
		if rate := f.pace.rate(now); first || rate < slowest {
			slowest, first = rate, false
		}
		failed += int(f.failing.Load())
	}
	return slowest, failed
}

// close waits until no fetcher is left. The node's context has ended.
func (t *fetchers) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.done.Wait()
}
