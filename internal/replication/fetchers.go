package replication

import (
	"hash/fnv"
	"sync"

	"leat/internal/record"
)

// fetchers copy partitions that others lead. There are num.replica.fetchers of them for each broker that leads some; a partition keeps to one.
type fetchers struct {
	node *Node
	done sync.WaitGroup

	mu     sync.Mutex
	byKey  map[fetcherKey]*fetcher // guarded by mu
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
		next = t.fetcher(fetcherKey{source, fetcherIndex(p.tp, t.node.cfg.Cluster.Settings().Fetchers)})
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

// close waits until no fetcher is left. The node's context has ended.
func (t *fetchers) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.done.Wait()
}
