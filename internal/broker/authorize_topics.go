package broker

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
)

// topicGuards are of requests about topics by name, before anybody is told whether they exist.
var topicGuards = map[int16]guard{
	2:  byTopic(security.OpDescribe),
	3:  (*Handlers).guardMetadata,
	19: (*Handlers).guardCreateTopics,
	20: (*Handlers).guardDeleteTopics,
	21: (*Handlers).guardDeleteRecords,
	23: (*Handlers).guardOffsetForLeaderEpoch,
	37: byTopic(security.OpAlter),
	61: (*Handlers).guardDescribeProducers,
}

// byTopic guards a request that lists topics: those that the principal may not use are refused, each with its partitions.
func byTopic(op security.Operation) guard {
	return func(h *Handlers, c *Call) bool { return h.topicsMay(c, op, nil) }
}

// guardDeleteRecords tells of no low watermark where it refuses.
func (h *Handlers) guardDeleteRecords(c *Call) bool {
	return h.topicsMay(c, security.OpDelete, func(resp kmsg.Response) {
		eachPartition(resp, func(p reflect.Value) { p.FieldByName("LowWatermark").SetInt(-1) })
	})
}

// asksCoordinator are the requests whose group is looked at even if no topic is left: what is wrong with the group is told instead of the topics.
var asksCoordinator = map[int16]bool{int16(kmsg.OffsetDelete): true, int16(kmsg.AlterShareGroupOffsets): true, int16(kmsg.DeleteShareGroupOffsets): true}

// topicsMay is byTopic. touch, if not nil, completes the answer for the topics that are refused.
func (h *Handlers) topicsMay(c *Call, op security.Operation, touch func(kmsg.Response)) bool {
	others, kept := divide(c.Body, "Topics", func(t reflect.Value) bool {
		name, known := c.topicOf(t)
		return !known || h.may(c, op, security.TopicResource, name)
	})
	if others == nil {
		return true
	}
	refused := mirror(others, kerr.TopicAuthorizationFailed)
	if touch != nil {
		touch(refused)
	}
	if kept == 0 && !asksCoordinator[c.Body.Key()] {
		c.Respond(refused)
		return false
	}
	c.amended(func(resp kmsg.Response) {
		if !failedWhole(resp) {
			appendList(resp, refused, "Topics")
		}
	})
	return true
}

// topicOf is the name of a topic that a request names, or has the id of. An id that nobody knows is for the handler to refuse.
func (c *Call) topicOf(t reflect.Value) (name string, known bool) {
	if id := t.FieldByName("TopicID"); id.IsValid() && !id.IsZero() {
		topic, ok := c.Image.TopicByID(record.UUID(id.Interface().([16]byte)))
		if !ok {
			return "", false
		}
		return topic.Name, true
	}
	return t.FieldByName("Topic").String(), true
}

// guardMetadata takes out of the request what may not be described, and what would have to be created by somebody who may not. Of all topics, those that
// may not be described are left out in silence.
func (h *Handlers) guardMetadata(c *Call) bool {
	rq := c.Body.(*kmsg.MetadataRequest)
	if !namesTopics(rq) {
		return true // refused as a whole
	}
	if rq.Topics == nil || rq.Version == 0 && len(rq.Topics) == 0 {
		return true // the handler leaves out what may not be seen
	}
	var refused []kmsg.MetadataResponseTopic
	kept := make([]kmsg.MetadataRequestTopic, 0, len(rq.Topics))
	missing := map[string]bool{}
	for _, name := range h.missingTopics(c, rq) {
		missing[name] = true
	}
	create := len(missing) == 0 || h.mayClusterQuietly(c, security.OpCreate)
	for _, t := range rq.Topics {
		byID := t.TopicID != [16]byte{}
		name := deref(t.Topic)
		if byID {
			topic, ok := c.Image.TopicByID(record.UUID(t.TopicID))
			if !ok {
				kept = append(kept, t)
				continue
			}
			name = topic.Name
		}
		switch {
		case !h.may(c, security.OpDescribe, security.TopicResource, name):
			refused = append(refused, deniedTopic(rq, name, t.TopicID, false))
		case missing[name] && !create && !h.may(c, security.OpCreate, security.TopicResource, name):
			refused = append(refused, deniedTopic(rq, name, t.TopicID, isInternal(name)))
		default:
			kept = append(kept, t)
		}
	}
	if len(refused) == 0 {
		return true
	}
	rq.Topics = kept
	if rq.Version == 0 && len(kept) == 0 { // which would be all
		rq.Version = 1
	}
	c.amended(func(resp kmsg.Response) {
		m := resp.(*kmsg.MetadataResponse)
		m.Topics = append(m.Topics, refused...)
	})
	return true
}

// deniedTopic is a topic that may not be described: who asked by id is not told its name, and who asked by name not its id.
func deniedTopic(rq *kmsg.MetadataRequest, name string, id [16]byte, internal bool) kmsg.MetadataResponseTopic {
	mt := kmsg.NewMetadataResponseTopic()
	mt.ErrorCode, mt.TopicID, mt.IsInternal = kerr.TopicAuthorizationFailed.Code, id, internal
	mt.AuthorizedOperations = security.OperationsNotAsked
	if rq.IncludeTopicAuthorizedOperations && rq.Version >= 8 {
		mt.AuthorizedOperations = 0
	}
	if id == ([16]byte{}) {
		mt.Topic = &name
	}
	return mt
}

// guardCreateTopics wants Create on the cluster or on each topic. The configs of a new topic are told to those who may describe them.
func (h *Handlers) guardCreateTopics(c *Call) bool {
	rq := c.Body.(*kmsg.CreateTopicsRequest)
	all := h.mayClusterQuietly(c, security.OpCreate)
	c.amended(func(resp kmsg.Response) { h.hideConfigs(c, resp.(*kmsg.CreateTopicsResponse)) })
	others, _ := divide(rq, "Topics", func(t reflect.Value) bool {
		return all || h.may(c, security.OpCreate, security.TopicResource, t.FieldByName("Topic").String())
	})
	if others == nil {
		return true
	}
	refused := refuseAll(others, kerr.TopicAuthorizationFailed.Code, "Authorization failed.")
	if len(rq.Topics) == 0 {
		c.Respond(refused)
		return false
	}
	c.amended(func(resp kmsg.Response) { appendList(resp, refused, "Topics") })
	return true
}

// hideConfigs takes out of an answer what its receiver may not see of topics that were made.
func (h *Handlers) hideConfigs(c *Call, resp *kmsg.CreateTopicsResponse) {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.ErrorCode == 0 && !h.may(c, security.OpDescribeConfigs, security.TopicResource, t.Topic) {
			t.ConfigErrorCode, t.Configs = kerr.TopicAuthorizationFailed.Code, []kmsg.CreateTopicsResponseTopicConfig{}
			t.NumPartitions, t.ReplicationFactor = -1, -1
		}
	}
}

// guardDeleteTopics wants Delete on the cluster or on each topic. Who may describe a topic and not delete it learns whether it exists.
func (h *Handlers) guardDeleteTopics(c *Call) bool {
	rq := c.Body.(*kmsg.DeleteTopicsRequest)
	if h.mayClusterQuietly(c, security.OpDelete) {
		return true
	}
	refused := rq.ResponseKind().(*kmsg.DeleteTopicsResponse)
	add := func(name *string, id [16]byte) {
		rt := kmsg.NewDeleteTopicsResponseTopic()
		text := denialTexts[kerr.TopicAuthorizationFailed]
		rt.Topic, rt.TopicID, rt.ErrorCode, rt.ErrorMessage = name, id, kerr.TopicAuthorizationFailed.Code, &text
		refused.Topics = append(refused.Topics, rt)
	}
	names := make([]string, 0, len(rq.TopicNames))
	for _, name := range rq.TopicNames {
		if h.mayDelete(c, name) {
			names = append(names, name)
		} else {
			add(&name, [16]byte{})
		}
	}
	topics := make([]kmsg.DeleteTopicsRequestTopic, 0, len(rq.Topics))
	for _, t := range rq.Topics {
		found, ok := c.Image.TopicByID(record.UUID(t.TopicID))
		switch {
		case t.Topic != nil && t.TopicID == [16]byte{} && !h.mayDelete(c, *t.Topic):
			add(t.Topic, t.TopicID)
		case t.Topic == nil && ok && !h.may(c, security.OpDelete, security.TopicResource, found.Name):
			if h.mayQuietly(c, security.OpDescribe, security.TopicResource, found.Name) {
				add(&found.Name, t.TopicID)
			} else {
				add(nil, t.TopicID)
			}
		default:
			topics = append(topics, t)
		}
	}
	if len(refused.Topics) == 0 {
		return true
	}
	if rq.TopicNames, rq.Topics = names, topics; len(names)+len(topics) == 0 {
		c.Respond(refused)
		return false
	}
	c.amended(func(resp kmsg.Response) { appendList(resp, refused, "Topics") })
	return true
}

// mayDelete reports whether a name is for the handler: the topic may be deleted, or it is none and the principal may know that.
func (h *Handlers) mayDelete(c *Call, name string) bool {
	if !h.may(c, security.OpDescribe, security.TopicResource, name) {
		return false
	}
	_, there := c.Image.Topic(name)
	return !there || h.may(c, security.OpDelete, security.TopicResource, name)
}

// guardOffsetForLeaderEpoch lets brokers ask about all topics.
func (h *Handlers) guardOffsetForLeaderEpoch(c *Call) bool {
	if h.mayClusterQuietly(c, security.OpClusterAction) {
		return true
	}
	return h.topicsMay(c, security.OpDescribe, nil)
}

// guardDescribeProducers looks at names first: one that cannot be is told as that.
func (h *Handlers) guardDescribeProducers(c *Call) bool {
	others, kept := divide(c.Body, "Topics", func(t reflect.Value) bool {
		name := t.FieldByName("Topic").String()
		return metadata.CheckTopicName(name) != nil || h.may(c, security.OpRead, security.TopicResource, name)
	})
	if others == nil {
		return true
	}
	refused := mirror(others, kerr.TopicAuthorizationFailed).(*kmsg.DescribeProducersResponse)
	text := denialTexts[kerr.TopicAuthorizationFailed]
	for i := range refused.Topics {
		for j := range refused.Topics[i].Partitions {
			refused.Topics[i].Partitions[j].ErrorMessage = &text
		}
	}
	if kept == 0 {
		c.Respond(refused)
		return false
	}
	c.amended(func(resp kmsg.Response) { appendList(resp, refused, "Topics") })
	return true
}
