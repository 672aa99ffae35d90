package replication

import (
	"hash/maphash"
	"iter"
	"slices"
	"sync"

	"leat/internal/record"
)

// tableShards is a power of two that keeps requests on different partitions from meeting at one lock.
const tableShards = 64

// table finds partitions by name.
type table struct {
	seed   maphash.Seed
	shards [tableShards]tableShard
}

type tableShard struct {
	mu    sync.RWMutex
	parts map[record.TopicPartition]*Partition // guarded by mu
}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].parts = make(map[record.TopicPartition]*Partition)
	}
	return t
}

func (t *table) shard(tp record.TopicPartition) *tableShard {
	h := maphash.String(t.seed, tp.Topic) + uint64(uint32(tp.Partition))
	return &t.shards[h%tableShards]
}

// find returns the partition or nil.
func (t *table) find(tp record.TopicPartition) *Partition {
	s := t.shard(tp)
	s.mu.RLock()
	p := s.parts[tp]
	s.mu.RUnlock()
	return p
}

func (t *table) put(p *Partition) {
	s := t.shard(p.tp)
	s.mu.Lock()
	s.parts[p.tp] = p
	s.mu.Unlock()
}

func (t *table) remove(p *Partition) {
	s := t.shard(p.tp)
	s.mu.Lock()
	if s.parts[p.tp] == p {
		delete(s.parts, p.tp)
	}
	s.mu.Unlock()
}

// all yields every partition, in no order. No lock is held while the caller looks at one.
func (t *table) all() iter.Seq[*Partition] {
	return func(yield func(*Partition) bool) {
		var some []*Partition
		for i := range t.shards {
			s := &t.shards[i]
			s.mu.RLock()
			some = slices.Grow(some[:0], len(s.parts))
			for _, p := range s.parts {
				some = append(some, p)
			}
			s.mu.RUnlock()
			for _, p := range some {
				if !yield(p) {
					return
				}
			}
		}
	}
}
