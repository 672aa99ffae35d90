package timers

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// keys lists the targets in order.
func (s *state) keys() []Target {
	return slices.SortedFunc(maps.Keys(s.targets), func(a, b Target) int {
		return cmp.Or(bytes.Compare(a.TopicID[:], b.TopicID[:]), cmp.Compare(a.Partition, b.Partition))
	})
}

// accountIDs lists the producers of a target in order.
func (t *target) accountIDs() []int64 { return slices.Sorted(maps.Keys(t.accounts)) }
