package main

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

func describingShareOffsets(group string, topics ...string) *kmsg.DescribeShareGroupOffsetsRequest {
	req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	g := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
	g.GroupID = group
	for _, name := range topics {
		t := kmsg.NewDescribeShareGroupOffsetsRequestGroupTopic()
		t.Topic, t.Partitions = name, []int32{0, 1}
		g.Topics = append(g.Topics, t)
	}
	req.Groups = append(req.Groups, g)
	return req
}

func alteringShareOffsets(group, topic string, partition int32, offset int64) *kmsg.AlterShareGroupOffsetsRequest {
	req := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	req.GroupID = group
	req.Topics = []kmsg.AlterShareGroupOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{Partition: partition, StartOffset: offset}}}}
	return req
}

func deletingShareOffsets(group string, topics ...string) *kmsg.DeleteShareGroupOffsetsRequest {
	req := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
	req.GroupID = group
	for _, t := range topics {
		req.Topics = append(req.Topics, kmsg.DeleteShareGroupOffsetsRequestTopic{Topic: t})
	}
	return req
}

// shareGroupOffsets describes, alters and deletes where share groups stand.
func shareGroupOffsets(s *side) {
	const group, topic = "share-offsets", "share-offsets-t"
	s.shareGroup(group, "a", "b", "c", "d")
	s.topic("share-offsets-other", 2)
	s.otherKinds()
	all := func(when string) {
		s.versions(kmsg.DescribeShareGroupOffsets, func(v int16) {
			for _, g := range []string{group, "share-offsets-none", "share-offsets-classic", "share-offsets-consumer", ""} {
				s.do(when+", all of "+g, v, describingShareOffsets(g))
				s.do(when+", some of "+g, v, describingShareOffsets(g, topic, "share-offsets-other", "share-nothing"))
			}
			several := describingShareOffsets(group, topic)
			several.Groups = append(several.Groups, describingShareOffsets("share-offsets-none").Groups[0], describingShareOffsets(group, "share-offsets-other").Groups[0])
			several.Groups[0].Topics[0].Partitions = []int32{1}
			s.do(when+", several", v, several)
			s.do(when+", none", v, kmsg.NewPtrDescribeShareGroupOffsetsRequest())
		})
	}
	all("before")
	s.versions(kmsg.AlterShareGroupOffsets, func(v int16) {
		for _, g := range []string{"share-offsets-none", "share-offsets-classic", "share-offsets-consumer", ""} {
			s.do("alter "+g, v, alteringShareOffsets(g, topic, 0, 2))
		}
	})
	s.versions(kmsg.DeleteShareGroupOffsets, func(v int16) {
		for _, g := range []string{"share-offsets-none", "share-offsets-classic", "share-offsets-consumer", ""} {
			s.do("delete "+g, v, deletingShareOffsets(g, topic))
		}
	})
	s.shares(group, sharer)
	all("live")
	missing := describingShareOffsets(group, topic)
	missing.Groups[0].Topics[0].Partitions = []int32{7}
	s.do("a partition that is not there", 1, missing)
	s.versions(kmsg.AlterShareGroupOffsets, func(v int16) {
		s.do("alter with a member", v, alteringShareOffsets(group, topic, 0, 2))
		s.do("alter an unknown topic with a member", v, alteringShareOffsets(group, "share-nothing", 0, 2))
	})
	s.versions(kmsg.DeleteShareGroupOffsets, func(v int16) { s.do("delete with a member", v, deletingShareOffsets(group, topic)) })
	s.quiet(s.last(kmsg.ShareGroupHeartbeat), sharingBeat(group, sharer, -1))
	all("empty")
	s.versions(kmsg.AlterShareGroupOffsets, func(v int16) {
		alter := func(step, topic string, partition int32, offset int64) {
			s.do("alter "+step, v, alteringShareOffsets(group, topic, partition, offset))
		}
		alter("a partition", topic, 0, 2)
		all("altered")
		alter("an unknown partition", topic, 9, 2)
		alter("a partition below 0", topic, -1, 2)
		alter("an unknown topic", "share-nothing", 0, 2)
		alter("an empty topic", "", 0, 2)
		alter("a topic that it does not read", "share-offsets-other", 0, 0)
		s.alteredTwice(v, group, topic)
		alter("to past the end", topic, 1, 1000)
		alter("to below 0", topic, 1, -1)
		alter("to far below 0", topic, 1, -5)
		two := alteringShareOffsets(group, topic, 0, 1)
		two.Topics = append(two.Topics, alteringShareOffsets(group, "share-nothing", 0, 3).Topics[0])
		s.do("alter several", v, two)
		s.do("alter nothing", v, &kmsg.AlterShareGroupOffsetsRequest{GroupID: group})
	})
	all("altered again")
	s.do("described when altered", s.last(kmsg.ShareGroupDescribe), describingShares(group))
	s.shareOffsetsDeleted(group, topic)
	all("deleted")
	s.do("described when deleted", s.last(kmsg.ShareGroupDescribe), describingShares(group))
	s.do("group deleted", 2, deletingGroups(group))
	all("gone")
}

// alteredTwice names a partition or a topic twice.
func (s *side) alteredTwice(v int16, group, topic string) {
	twice := alteringShareOffsets(group, topic, 0, 1)
	twice.Topics[0].Partitions = append(twice.Topics[0].Partitions, kmsg.AlterShareGroupOffsetsRequestTopicPartition{Partition: 0, StartOffset: 3})
	s.do("alter a partition twice", v, twice)
	twice = alteringShareOffsets(group, topic, 0, 1)
	twice.Topics = append(twice.Topics, alteringShareOffsets(group, topic, 0, 3).Topics[0])
	s.do("alter a topic twice", v, twice)
	twice = alteringShareOffsets(group, topic, 0, 1)
	twice.Topics = append(twice.Topics, alteringShareOffsets(group, topic, 1, 0).Topics[0])
	s.do("alter two partitions of a topic twice", v, twice)
}

// shareOffsetsDeleted deletes where a group without members stands.
func (s *side) shareOffsetsDeleted(group, topic string) {
	s.versions(kmsg.DeleteShareGroupOffsets, func(v int16) {
		s.do("delete an unknown topic", v, deletingShareOffsets(group, "share-nothing"))
		s.do("delete an empty topic", v, deletingShareOffsets(group, ""))
		s.do("delete a topic", v, deletingShareOffsets(group, topic))
		s.do("delete a topic again", v, deletingShareOffsets(group, topic))
		s.do("delete several", v, deletingShareOffsets(group, "share-offsets-other", "share-nothing", topic))
		s.do("delete nothing", v, deletingShareOffsets(group))
	})
}

// otherKinds makes groups that are no share groups.
func (s *side) otherKinds() {
	s.joined("share-offsets-classic")
	s.coordinatorReady("share-offsets-consumer")
	s.quiet(1, consuming("share-offsets-consumer", "a", 0))
	s.coordinatorReady("share-offsets-none")
}
