package consumer

import (
	"bytes"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// partitions is what a member owns, by topic and partition, with the epoch at which it got each. It is never changed once made; no
// topic has an empty map.
type partitions map[record.UUID]map[int32]int32

// has reports whether a partition is among them.
func (p partitions) has(topic record.UUID, partition int32) bool {
	_, ok := p[topic][partition]
	return ok
}

// equal compares two.
func (p partitions) equal(q partitions) bool {
	return maps.EqualFunc(p, q, func(a, b map[int32]int32) bool { return maps.Equal(a, b) })
}

// samePlaces compares which partitions there are, whatever their epochs.
func (p partitions) samePlaces(q partitions) bool {
	return maps.EqualFunc(p, q, func(a, b map[int32]int32) bool {
		return maps.EqualFunc(a, b, func(int32, int32) bool { return true })
	})
}

// ownsAny reports whether a client that says what it owns still owns one of them. One that does not say may.
func (p partitions) ownsAny(owned []kmsg.ConsumerGroupHeartbeatRequestTopic) bool {
	if owned == nil {
		return true
	}
	for i := range owned {
		for _, partition := range owned[i].Partitions {
			if p.has(owned[i].TopicID, partition) {
				return true
			}
		}
	}
	return false
}

// hasAll reports whether all that a client says it owns are among them; not if it does not say.
func (p partitions) hasAll(owned []kmsg.ConsumerGroupHeartbeatRequestTopic) bool {
	if owned == nil {
		return false
	}
	for i := range owned {
		for _, partition := range owned[i].Partitions {
			if !p.has(owned[i].TopicID, partition) {
				return false
			}
		}
	}
	return true
}

// sortedIDs lists the topics of a map in order.
func sortedIDs[V any](m map[record.UUID]V) []record.UUID {
	return slices.SortedFunc(maps.Keys(m), func(a, b record.UUID) int { return bytes.Compare(a[:], b[:]) })
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// held are the partitions that the member may still read: its own, and those that it is to revoke.
func (p *member) held() map[record.UUID][]int32 {
	all := p.assigned.lists()
	for id, places := range p.pending {
		all[id] = slices.Sorted(slices.Values(append(slices.Clone(all[id]), slices.Collect(maps.Keys(places))...)))
	}
	return all
}

// lists gives the partitions of each topic in order.
func (p partitions) lists() map[record.UUID][]int32 {
	all := make(map[record.UUID][]int32, len(p))
	for id, ps := range p {
		all[id] = slices.Sorted(maps.Keys(ps))
	}
	return all
}
