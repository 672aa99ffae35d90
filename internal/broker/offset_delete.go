package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetDelete removes a group's offsets of partitions that exist; the others are refused one by one.
func (h *Handlers) offsetDelete(c *Call) {
	rq := c.Body.(*kmsg.OffsetDeleteRequest)
	known := kmsg.NewPtrOffsetDeleteRequest()
	known.Version, known.Group = rq.Version, rq.Group
	var refused []kmsg.OffsetDeleteResponseTopic
	for _, t := range rq.Topics {
		there, gone := kmsg.NewOffsetDeleteRequestTopic(), kmsg.NewOffsetDeleteResponseTopic()
		there.Topic, gone.Topic = t.Topic, t.Topic
		topic, ok := c.Image.Topic(t.Topic)
		for _, p := range t.Partitions {
			if ok && p.Partition >= 0 && int(p.Partition) < len(topic.Partitions) {
				there.Partitions = append(there.Partitions, p)
				continue
			}
			rp := kmsg.NewOffsetDeleteResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, kerr.UnknownTopicOrPartition.Code
			gone.Partitions = append(gone.Partitions, rp)
		}
		if len(there.Partitions) > 0 {
			known.Topics = append(known.Topics, there)
		}
		if len(gone.Partitions) > 0 {
			refused = append(refused, gone)
		}
	}
	h.submit(c, rq.Group, known, func(answer kmsg.Response) {
		resp := answer.(*kmsg.OffsetDeleteResponse)
		if resp.ErrorCode == 0 {
			for _, t := range refused {
				resp.Topics = addDeleteTopic(resp.Topics, t)
			}
		}
		c.Respond(resp)
	})
}

// addDeleteTopic adds a topic's partitions to the topic's part of the answer.
func addDeleteTopic(topics []kmsg.OffsetDeleteResponseTopic, t kmsg.OffsetDeleteResponseTopic) []kmsg.OffsetDeleteResponseTopic {
	for i := range topics {
		if topics[i].Topic == t.Topic {
			topics[i].Partitions = append(topics[i].Partitions, t.Partitions...)
			return topics
		}
	}
	return append(topics, t)
}
