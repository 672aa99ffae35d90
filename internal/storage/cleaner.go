package storage

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"leat/internal/record"
)

// cleaner compacts the logs of a Store.
type cleaner struct {
	mu          sync.Mutex // guards what follows
	status      CleanerStatus
	uncleanable map[record.TopicPartition]UncleanablePartition
}

// CleanerStatus tells what the cleaner has done and is up to.
func (s *Store) CleanerStatus() CleanerStatus {
	c := &s.cleaner
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.status
	out.Runs = slices.Clone(c.status.Runs)
	out.Uncleanable = make([]UncleanablePartition, 0, len(c.uncleanable))
	for _, u := range c.uncleanable {
		out.Uncleanable = append(out.Uncleanable, u)
	}
	slices.SortFunc(out.Uncleanable, func(a, b UncleanablePartition) int {
		return cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Partition.Topic, b.Partition.Topic), cmp.Compare(a.Partition.Partition, b.Partition.Partition))
	})
	return out
}

// Elapsed is how long the run took.
func (r CleanerRun) Elapsed() time.Duration { return r.End.Sub(r.Start) }
