package broker

import (
	"slices"

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
			resp.Topics = addDeleteTopics(resp.Topics, refused)
		}
		c.Respond(resp)
	})
}

// addDeleteTopics adds the refused partitions of topics to the topics' parts of the answer. It runs on the group coordinator's goroutine.
func addDeleteTopics(topics, refused []kmsg.OffsetDeleteResponseTopic) []kmsg.OffsetDeleteResponseTopic {
	if len(refused) == 0 {
		return topics
	}
	at := make(map[string]int, len(topics)+len(refused))
	for i := range slices.Backward(topics) { // of several parts the first one takes it
		at[topics[i].Topic] = i
	}
	for _, t := range refused {
		if i, ok := at[t.Topic]; ok {
			topics[i].Partitions = append(topics[i].Partitions, t.Partitions...)
			continue
		}
		at[t.Topic] = len(topics)
		topics = append(topics, t)
	}
	return topics
}
