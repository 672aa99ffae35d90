package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
)

// describeTopicPartitions answers partitions of topics in order of name, a page at a time (KIP-966).
func (h *Handlers) describeTopicPartitions(c *Call) {
	rq := c.Body.(*kmsg.DescribeTopicPartitionsRequest)
	limit := int(rq.ResponsePartitionLimit)
	if most := h.Config().Int("max.request.partition.size.limit"); limit > most {
		limit = most
	}
	limit = max(limit, 1)
	if !cursorFits(rq) {
		c.Respond(refusePartitions(rq, kerr.InvalidRequest.Code))
		return
	}
	page := topicPage{h: h, c: c, left: limit, resp: kmsg.NewPtrDescribeTopicPartitionsResponse()}
	page.fill(rq)
	page.resp.Topics = append(page.resp.Topics, page.refused...)
	c.Respond(page.resp)
}

// cursorFits reports whether the cursor is a place in what the request asks for.
func cursorFits(rq *kmsg.DescribeTopicPartitionsRequest) bool {
	if rq.Cursor == nil {
		return true
	}
	if rq.Cursor.Partition < 0 {
		return false
	}
	return len(rq.Topics) == 0 || slices.ContainsFunc(rq.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == rq.Cursor.Topic })
}

// refusePartitions answers every topic with an error.
func refusePartitions(rq *kmsg.DescribeTopicPartitionsRequest, code int16) *kmsg.DescribeTopicPartitionsResponse {
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	for _, t := range rq.Topics {
		topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
		topic.Topic, topic.ErrorCode = &t.Topic, code
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// topicPage fills one page of a DescribeTopicPartitions response.
type topicPage struct {
	h    *Handlers
	c    *Call
	left int
	resp *kmsg.DescribeTopicPartitionsResponse
	// refused are the topics that may not be described: they come after the others.
	refused []kmsg.DescribeTopicPartitionsResponseTopic
}

func (p *topicPage) fill(rq *kmsg.DescribeTopicPartitionsRequest) {
	from, first := "", int32(0)
	if rq.Cursor != nil {
		from, first = rq.Cursor.Topic, rq.Cursor.Partition
	}
	start := func(name string) int32 {
		if name == from {
			return first
		}
		return 0
	}
	if len(rq.Topics) == 0 {
		for t := range p.c.Image.Topics(from) {
			if !p.h.mayQuietly(p.c, security.OpDescribe, security.TopicResource, t.Name) {
				continue
			}
			if !p.add(t, start(t.Name)) {
				return
			}
		}
		return
	}
	for _, name := range sortedNames(rq, from) {
		if !p.h.may(p.c, security.OpDescribe, security.TopicResource, name) {
			topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
			topic.Topic, topic.ErrorCode = &name, kerr.TopicAuthorizationFailed.Code
			p.refused = append(p.refused, topic)
			continue
		}
		t, ok := p.c.Image.Topic(name)
		if !ok && p.left > 0 {
			p.addMissing(name)
			continue
		}
		if !ok {
			p.next(name, 0)
			return
		}
		if !p.add(t, start(name)) {
			return
		}
	}
}

// add writes the partitions of t from first on; false when the page is full, with the cursor set.
func (p *topicPage) add(t *metadata.Topic, first int32) bool {
	if p.left <= 0 {
		p.next(t.Name, first)
		return false
	}
	topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
	topic.Topic, topic.TopicID, topic.IsInternal = &t.Name, t.ID, isInternal(t.Name)
	topic.AuthorizedOperations = p.h.operations(p.c, security.TopicResource, t.Name)
	last := min(int(first)+p.left, len(t.Partitions))
	for i := int(first); i < last; i++ {
		topic.Partitions = append(topic.Partitions, p.partition(int32(i), t.Partitions[i]))
	}
	p.left -= len(topic.Partitions)
	p.resp.Topics = append(p.resp.Topics, topic)
	if last < len(t.Partitions) {
		p.next(t.Name, int32(last))
		return false
	}
	return true
}

func (p *topicPage) addMissing(name string) {
	topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
	topic.Topic, topic.IsInternal = &name, isInternal(name)
	topic.ErrorCode = kerr.UnknownTopicOrPartition.Code
	topic.AuthorizedOperations = p.h.operations(p.c, security.TopicResource, name)
	if metadata.CheckTopicName(name) != nil {
		topic.ErrorCode = kerr.InvalidTopicException.Code
	}
	p.resp.Topics = append(p.resp.Topics, topic)
}

func (p *topicPage) next(topic string, partition int32) {
	cursor := kmsg.NewDescribeTopicPartitionsResponseNextCursor()
	cursor.Topic, cursor.Partition = topic, partition
	p.resp.NextCursor = &cursor
}

func (p *topicPage) partition(id int32, part *metadata.Partition) kmsg.DescribeTopicPartitionsResponseTopicPartition {
	out := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
	out.Partition, out.LeaderID, out.LeaderEpoch = id, part.Leader, part.LeaderEpoch
	out.Replicas, out.ISR = part.Replicas, part.ISR
	out.EligibleLeaderReplicas, out.LastKnownELR = orEmpty(part.ELR), orEmpty(part.LastKnownELR)
	out.OfflineReplicas = p.h.offlineReplicas(p.c.Image, part)
	if out.ErrorCode = leaderError(p.h, p.c, part); out.ErrorCode == kerr.LeaderNotAvailable.Code {
		out.LeaderID = -1
	}
	return out
}

// orEmpty makes a null array an empty one: Kafka sends these arrays empty, never null.
func orEmpty(ids []int32) []int32 {
	if ids == nil {
		return []int32{}
	}
	return ids
}

// sortedNames lists the names that the request asks for from the cursor's topic on, sorted and once each.
func sortedNames(rq *kmsg.DescribeTopicPartitionsRequest, from string) []string {
	names := make([]string, 0, len(rq.Topics))
	for _, t := range rq.Topics {
		if t.Topic >= from {
			names = append(names, t.Topic)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
