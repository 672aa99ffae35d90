package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// offsetFetch answers committed offsets: of one group up to version 7, of several since. Topics go by id since version 10.
func (h *Handlers) offsetFetch(c *Call) {
	rq := c.Body.(*kmsg.OffsetFetchRequest)
	groups := rq.Groups
	if rq.Version < 8 {
		groups = []kmsg.OffsetFetchRequestGroup{singleGroup(rq)}
	}
	unknown := make([][]kmsg.OffsetFetchResponseGroupTopic, len(groups))
	one := func(i int) (string, kmsg.Request) {
		part := kmsg.NewPtrOffsetFetchRequest()
		part.Version, part.RequireStable = rq.Version, rq.RequireStable
		g := groups[i]
		if rq.Version >= 10 {
			g.Topics, unknown[i] = nameTopics(c.Image, g.Topics)
		}
		part.Groups = []kmsg.OffsetFetchRequestGroup{g}
		return g.Group, part
	}
	h.gather(c, len(groups), one, func(parts []kmsg.Response) {
		resp := kmsg.NewPtrOffsetFetchResponse()
		for i, part := range parts {
			for _, g := range part.(*kmsg.OffsetFetchResponse).Groups {
				if rq.Version >= 10 {
					identifyTopics(c.Image, &g)
				}
				if g.ErrorCode == 0 {
					g.Topics = append(g.Topics, unknown[i]...)
				}
				resp.Groups = append(resp.Groups, g)
			}
		}
		if rq.Version < 8 {
			flattenOffsets(rq, resp)
		}
		c.Respond(resp)
	})
}

// singleGroup is the one group of an old request, in the form of version 8.
func singleGroup(rq *kmsg.OffsetFetchRequest) kmsg.OffsetFetchRequestGroup {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = rq.Group
	if rq.Topics == nil && rq.Version >= 2 {
		return g
	}
	g.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
	for _, t := range rq.Topics {
		gt := kmsg.NewOffsetFetchRequestGroupTopic()
		gt.Topic, gt.Partitions = t.Topic, t.Partitions
		g.Topics = append(g.Topics, gt)
	}
	return g
}

// flattenOffsets turns the answer for one group into the form before version 8. Version 1 has no place for the group's error but its
// partitions.
func flattenOffsets(rq *kmsg.OffsetFetchRequest, resp *kmsg.OffsetFetchResponse) {
	g := resp.Groups[0]
	resp.Groups = nil
	resp.ErrorCode = g.ErrorCode
	resp.Topics = make([]kmsg.OffsetFetchResponseTopic, 0, len(g.Topics))
	for _, t := range g.Topics {
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetFetchResponseTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata, rp.ErrorCode = p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	if g.ErrorCode == 0 || rq.Version >= 2 {
		return
	}
	for _, t := range rq.Topics {
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = t.Topic
		for _, partition := range t.Partitions {
			rp := kmsg.NewOffsetFetchResponseTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata, rp.ErrorCode = partition, -1, -1, new(string), g.ErrorCode
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
}

// nameTopics fills in the names of topics that are asked for by id, and answers for those that do not exist. Null stays null: all topics.
func nameTopics(im *metadata.Image, topics []kmsg.OffsetFetchRequestGroupTopic) (known []kmsg.OffsetFetchRequestGroupTopic, unknown []kmsg.OffsetFetchResponseGroupTopic) {
	if topics == nil {
		return nil, nil
	}
	known = make([]kmsg.OffsetFetchRequestGroupTopic, 0, len(topics))
	for _, t := range topics {
		if topic, ok := im.TopicByID(record.UUID(t.TopicID)); ok {
			t.Topic = topic.Name
			known = append(known, t)
			continue
		}
		rt := kmsg.NewOffsetFetchResponseGroupTopic()
		rt.TopicID = t.TopicID
		for _, partition := range t.Partitions {
			rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata, rp.ErrorCode = partition, -1, -1, new(string), kerr.UnknownTopicID.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		unknown = append(unknown, rt)
	}
	return known, unknown
}

// identifyTopics fills in the ids of topics, and leaves out those that no longer exist: they have none.
func identifyTopics(im *metadata.Image, g *kmsg.OffsetFetchResponseGroup) {
	there := g.Topics[:0]
	for _, t := range g.Topics {
		if topic, ok := im.Topic(t.Topic); ok {
			t.TopicID = topic.ID
			there = append(there, t)
		}
	}
	g.Topics = there
}
