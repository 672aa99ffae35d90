package replication

import (
	"hash/fnv"
	"sync"
	"time"

	"leat/internal/record"
)

// fetchers copy partitions that others lead. There are num.replica.fetchers of them for each broker that leads some; a partition keeps to one.
type fetchers struct {
	node *Node
	done sync.WaitGroup

	mu     sync.Mutex
	byKey  map[fetcherKey]*fetcher // guarded by mu
	count  int                     // per source, when partitions were last spread over them; guarded by mu
	closed bool                    // guarded by mu
}

type fetcherKey struct {
	source int32
	index  int
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
		if t.count == 0 {
			t.count = max(1, t.node.cfg.Cluster.Settings().Fetchers)
		}
		next = t.fetcher(fetcherKey{source, fetcherIndex(p.tp, t.count)})
	}
	if p.fetcher != nil && p.fetcher != next {
		p.fetcher.order(order{partition: p})
	}
	p.fetcher = next
	if next != nil {
		next.order(order{p, true, leaderEpoch})
	}
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

// spread spreads the partitions over another number of fetchers, if num.replica.fetchers was changed. While an image is taken up it leaves that to the
// next round, because that also says whom to follow.
func (t *fetchers) spread(count int) {
	count = max(1, count)
	t.mu.Lock()
	same := t.count == count || t.closed
	t.mu.Unlock()
	if same || !t.node.publish.TryLock() {
		return
	}
	defer t.node.publish.Unlock()
	t.mu.Lock()
	t.count = count
	t.mu.Unlock()
	for p := range t.node.table.all() {
		p.mu.Lock()
		f := p.following
		p.mu.Unlock()
		if f.leader >= 0 {
			t.follow(p, f.leader, f.leaderEpoch)
		}
	}
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
