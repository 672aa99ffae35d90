package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's group coordinators learn of new topics later than brokers do, each of them by itself, and tell some of what they have
// decided only when it is committed. A scenario that does not wait for that compares who was faster. Probes wait, with a group of
// their own that has the same coordinator, and leave nothing behind.

// probe names a group that is kept in the same partition of the groups' topic as another one, which settings divides in three.
func probe(group string) string {
	for n := 0; ; n++ {
		name := fmt.Sprintf("probe-%d", n)
		if placed(name) == placed(group) {
			return name
		}
	}
}

// placed is the partition of a group: Java's hash of its name.
func placed(group string) int32 {
	var h int32
	for _, r := range group {
		h = 31*h + r
	}
	if h < 0 {
		h = -h
	}
	return max(h, 0) % 3
}

// coordinatorKnows waits until the coordinator of a group hands out a topic.
func (s *side) coordinatorKnows(group, topic string) {
	name := probe(group)
	s.eventually("topic "+topic+" at the coordinator of "+group, func() bool {
		resp := s.quiet(1, consuming(name, "probe", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.SubscribedTopicNames = []string{topic}
		})).(*kmsg.ConsumerGroupHeartbeatResponse)
		s.quiet(1, consuming(name, "probe", -1))
		s.quiet(2, deletingGroups(name))
		return resp.Assignment != nil && len(resp.Assignment.Topics) > 0
	})
}

// coordinatorWrote waits until what the coordinator of a group has written until now is committed: what it writes after that is.
func (s *side) coordinatorWrote(group, topic string) {
	name := probe(group)
	s.quiet(8, committing(name, "", -1, topic, 0, 1))
	s.quiet(2, deletingGroups(name))
}
