package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchOffsets answers one group of an OffsetFetch. Null topics mean all that have offsets.
func (m *Machine) fetchOffsets(rq *kmsg.OffsetFetchRequest) *kmsg.OffsetFetchResponse {
	resp := kmsg.NewPtrOffsetFetchResponse()
	for i := range rq.Groups {
		g := &rq.Groups[i]
		rg := kmsg.NewOffsetFetchResponseGroup()
		rg.Group = g.Group
		known := true // not the offsets of a group that has none by its kind
		if d := m.owner(g.Group); d != nil {
			rg.ErrorCode = d.kind.CheckFetch(d, g.Group, g.MemberID, g.MemberEpoch)
			known = d.kind.HasOffsets()
		}
		if rg.ErrorCode != 0 {
			resp.Groups = append(resp.Groups, rg)
			continue
		}
		if g.Topics == nil {
			rg.Topics = m.allOffsets(g.Group, rq.RequireStable)
		} else {
			rg.Topics = make([]kmsg.OffsetFetchResponseGroupTopic, len(g.Topics))
			for j := range g.Topics {
				t, rt := &g.Topics[j], &rg.Topics[j]
				rt.Topic, rt.TopicID = t.Topic, t.TopicID
				rt.Partitions = make([]kmsg.OffsetFetchResponseGroupTopicPartition, len(t.Partitions))
				for k, p := range t.Partitions {
					if !known {
						rt.Partitions[k] = noOffset(p)
						continue
					}
					rt.Partitions[k] = m.fetchOffset(g.Group, t.Topic, p, rq.RequireStable)
				}
			}
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}

// allOffsets lists all offsets of a group, by topic and partition.
func (m *Machine) allOffsets(group string, stable bool) []kmsg.OffsetFetchResponseGroupTopic {
	offsets := m.hard.offsets[group]
	topics := make([]kmsg.OffsetFetchResponseGroupTopic, 0, len(offsets))
	for _, topic := range sortedKeys(offsets) {
		rt := kmsg.NewOffsetFetchResponseGroupTopic()
		rt.Topic = topic
		for _, p := range sortedPartitions(offsets[topic]) {
			rt.Partitions = append(rt.Partitions, m.fetchOffset(group, topic, p, stable))
		}
		topics = append(topics, rt)
	}
	return topics
}

// fetchOffset answers for one partition: -1 without an error if there is no offset.
func (m *Machine) fetchOffset(group, topic string, partition int32, stable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	rp := noOffset(partition)
	o := m.hard.offset(group, topic, partition)
	switch {
	case stable && m.hard.unstable(group, topic, partition):
		rp.ErrorCode = kerr.UnstableOffsetCommit.Code
	case o != nil:
		rp.Offset, rp.LeaderEpoch, rp.Metadata = o.Offset, o.LeaderEpoch, &o.Metadata
	}
	return rp
}

// noOffset is what is said of a partition without a committed offset.
func noOffset(partition int32) kmsg.OffsetFetchResponseGroupTopicPartition {
	rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata = partition, -1, -1, &noMetadata
	return rp
}

var noMetadata = ""
