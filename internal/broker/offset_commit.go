package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/metadata"
	"leat/internal/record"
)

// offsetCommit stores offsets of partitions that exist; the others are refused one by one.
func (h *Handlers) offsetCommit(c *Call) {
	rq := c.Body.(*kmsg.OffsetCommitRequest)
	known, refused := splitCommit(c.Image, rq)
	if len(known.Topics) == 0 {
		refused.Topics = orNone(refused.Topics)
		c.Respond(refused)
		return
	}
	h.submit(c, rq.Group, known, func(answer kmsg.Response) {
		resp := answer.(*kmsg.OffsetCommitResponse)
		if rq.Version < 10 {
			for i := range resp.Topics {
				resp.Topics[i].TopicID = [16]byte{}
			}
		}
		resp.Topics = addCommitTopics(resp.Topics, refused.Topics)
		c.Respond(resp)
	})
}

func orNone(topics []kmsg.OffsetCommitResponseTopic) []kmsg.OffsetCommitResponseTopic {
	if topics == nil {
		return []kmsg.OffsetCommitResponseTopic{}
	}
	return topics
}

// splitCommit parts a commit into one of partitions that exist, with the topics' names filled in, and an answer for the rest. Usually all
// exist, and the request itself is returned.
func splitCommit(im *metadata.Image, rq *kmsg.OffsetCommitRequest) (*kmsg.OffsetCommitRequest, *kmsg.OffsetCommitResponse) {
	refused := kmsg.NewPtrOffsetCommitResponse()
	known := *rq
	known.Topics = make([]kmsg.OffsetCommitRequestTopic, 0, len(rq.Topics))
	for _, t := range rq.Topics {
		topic, code := namedTopic(im, rq.Version >= 10, &t.Topic, t.TopicID)
		var there, gone []kmsg.OffsetCommitRequestTopicPartition
		if topic != nil {
			there = t.Partitions
			for i, p := range t.Partitions {
				if p.Partition < 0 || int(p.Partition) >= len(topic.Partitions) {
					there, gone = existing(t.Partitions, i, len(topic.Partitions))
					code = kerr.UnknownTopicOrPartition.Code
					break
				}
			}
		} else {
			gone = t.Partitions
		}
		if len(there) > 0 {
			one := t
			one.Partitions, one.TopicID = there, topic.ID // versions that name topics have no id; the record holds it anyway
			known.Topics = append(known.Topics, one)
		}
		if len(gone) > 0 {
			one := kmsg.NewOffsetCommitRequest()
			t.Partitions = gone
			one.Topics = []kmsg.OffsetCommitRequestTopic{t}
			refused.Topics = append(refused.Topics, coordinator.CommitError(&one, code).Topics...)
		}
	}
	return &known, refused
}

// existing parts the partitions by whether the topic has them; all before the one at first are known to exist.
func existing(ps []kmsg.OffsetCommitRequestTopicPartition, first, count int) (there, gone []kmsg.OffsetCommitRequestTopicPartition) {
	there = append(there, ps[:first]...)
	for _, p := range ps[first:] {
		if p.Partition >= 0 && int(p.Partition) < count {
			there = append(there, p)
		} else {
			gone = append(gone, p)
		}
	}
	return there, gone
}

// namedTopic finds a topic by name, or by id if the version names topics so, and fills in the name. nil comes with the error code.
func namedTopic(im *metadata.Image, byID bool, name *string, id [16]byte) (*metadata.Topic, int16) {
	if byID {
		t, ok := im.TopicByID(record.UUID(id))
		if !ok {
			return nil, kerr.UnknownTopicID.Code
		}
		*name = t.Name
		return t, 0
	}
	t, ok := im.Topic(*name)
	if !ok {
		return nil, kerr.UnknownTopicOrPartition.Code
	}
	return t, 0
}

// addCommitTopics adds the refused partitions of topics to the topics' parts of the answer. It runs on the group coordinator's goroutine.
func addCommitTopics(topics, refused []kmsg.OffsetCommitResponseTopic) []kmsg.OffsetCommitResponseTopic {
	if len(refused) == 0 {
		return topics
	}
	type key struct {
		name string
		id   [16]byte
	}
	at := make(map[key]int, len(topics)+len(refused))
	for i := range slices.Backward(topics) { // of several parts the first one takes it
		at[key{topics[i].Topic, topics[i].TopicID}] = i
	}
	for _, t := range refused {
		k := key{t.Topic, t.TopicID}
		if i, ok := at[k]; ok {
			topics[i].Partitions = append(topics[i].Partitions, t.Partitions...)
			continue
		}
		at[k] = len(topics)
		topics = append(topics, t)
	}
	return topics
}
