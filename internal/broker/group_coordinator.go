package broker

import (
	"context"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
)

// The kinds of coordinator that FindCoordinator asks for.
const (
	groupCoordinator       int8 = 0
	transactionCoordinator int8 = 1
	shareCoordinator       int8 = 2
)

const (
	offsetsTopic      = coordinator.OffsetsTopic
	transactionsTopic = "__transaction_state"
)

// findCoordinator answers which node leads the partition that a group or transactional id belongs to. The first question makes the
// internal topic; the answer waits for it, where Kafka has the client ask again.
func (h *Handlers) findCoordinator(c *Call) {
	rq := c.Body.(*kmsg.FindCoordinatorRequest)
	topic := coordinatorTopic(rq.CoordinatorType)
	if _, ok := c.Image.Topic(topic); ok || topic == "" {
		c.Respond(h.coordinators(c, rq, topic))
		return
	}
	go h.run(route{handle: func(h *Handlers, c *Call) {
		ctx, cancel := context.WithTimeout(c.Gone, autoCreateWait)
		defer cancel()
		h.autoCreate(ctx, c, []string{topic}) // what goes wrong is logged; the client is told that there is no coordinator yet
		c.Image = h.Image()
		c.Respond(h.coordinators(c, rq, topic))
	}}, c)
}

// coordinatorTopic is the topic whose leaders are the coordinators of a kind, "" if there are none.
func coordinatorTopic(kind int8) string {
	switch kind {
	case groupCoordinator:
		return offsetsTopic
	case transactionCoordinator:
		return transactionsTopic
	case shareCoordinator:
		return coordinator.ShareStateTopic
	}
	return ""
}

// coordinators forms the answer, for one key (up to version 3) or several.
func (h *Handlers) coordinators(c *Call, rq *kmsg.FindCoordinatorRequest, topic string) *kmsg.FindCoordinatorResponse {
	resp := kmsg.NewPtrFindCoordinatorResponse()
	if rq.Version < 4 {
		one := h.coordinatorOf(c, rq, topic, rq.CoordinatorKey)
		resp.NodeID, resp.Host, resp.Port, resp.ErrorCode = one.NodeID, one.Host, one.Port, one.ErrorCode
		message := "NONE" // Kafka's name for no error
		if err := kerr.TypedErrorForCode(one.ErrorCode); err != nil {
			message = err.Description
		}
		resp.ErrorMessage = &message
		return resp
	}
	for _, key := range rq.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, h.coordinatorOf(c, rq, topic, key))
	}
	return resp
}

// coordinatorOf finds the coordinator of one key, at the endpoint of the listener that the client used.
func (h *Handlers) coordinatorOf(c *Call, rq *kmsg.FindCoordinatorRequest, topic, key string) kmsg.FindCoordinatorResponseCoordinator {
	one := kmsg.NewFindCoordinatorResponseCoordinator()
	one.Key, one.NodeID, one.Port = key, -1, -1
	one.ErrorMessage = new(string)
	one.ErrorCode = kerr.CoordinatorNotAvailable.Code
	if topic == "" {
		one.ErrorCode = kerr.InvalidRequest.Code
		return one
	}
	if rq.CoordinatorType == shareCoordinator && !sharePartitionKey(key) {
		one.ErrorCode = kerr.InvalidRequest.Code
		return one
	}
	t, ok := c.Image.Topic(topic)
	if !ok || len(t.Partitions) == 0 {
		return one
	}
	p := t.Partitions[coordinator.PartitionFor(key, int32(len(t.Partitions)))]
	b, ok := c.Image.Broker(p.Leader)
	if !ok || b.Fenced {
		return one
	}
	ep, ok := h.endpoint(c, b)
	if !ok {
		return one
	}
	one.NodeID, one.Host, one.Port, one.ErrorCode = b.ID, ep.Host, int32(ep.Port), 0
	return one
}

// internalTopic is how a topic of the platform is made, from the broker's configs; false if name is not one.
func (h *Handlers) internalTopic(name string) (kmsg.CreateTopicsRequestTopic, bool) {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic = name
	v := h.Config()
	configure := func(key, value string) {
		tc := kmsg.NewCreateTopicsRequestTopicConfig()
		tc.Name, tc.Value = key, &value
		t.Configs = append(t.Configs, tc)
	}
	configure("cleanup.policy", "compact")
	switch name {
	case offsetsTopic:
		t.NumPartitions = int32(v.Int("offsets.topic.num.partitions"))
		t.ReplicationFactor = h.internalReplication("offsets.topic.replication.factor")
		configure("segment.bytes", strconv.Itoa(v.Int("offsets.topic.segment.bytes")))
		configure("compression.type", "producer")
	case transactionsTopic:
		t.NumPartitions = int32(v.Int("transaction.state.log.num.partitions"))
		t.ReplicationFactor = h.internalReplication("transaction.state.log.replication.factor")
		configure("segment.bytes", strconv.Itoa(v.Int("transaction.state.log.segment.bytes")))
		configure("compression.type", "uncompressed")
		configure("unclean.leader.election.enable", "false")
		configure("min.insync.replicas", strconv.Itoa(min(v.Int("transaction.state.log.min.isr"), int(t.ReplicationFactor))))
	case coordinator.ShareStateTopic:
		h.shareTopicConfigs(&t, configure)
	case coordinator.TimersTopic:
		t.NumPartitions = int32(v.Int("leat.delay.topic.num.partitions"))
		t.ReplicationFactor = h.internalReplication("leat.delay.topic.replication.factor")
		configure("compression.type", "producer")
		configure("max.message.bytes", strconv.Itoa(coordinator.MaxTimersBatch))
		configure("segment.bytes", strconv.Itoa(timerSegment)) // what is gone leaves with the next compaction, which leaves the newest segment alone
		configure("unclean.leader.election.enable", "false")
		configure("min.insync.replicas", strconv.Itoa(min(v.Int("leat.delay.topic.min.isr"), int(t.ReplicationFactor))))
	case AuditTopic:
		h.auditTopicConfigs(&t, configure)
	default:
		return t, false
	}
	return t, true
}

// timerSegment is the length of a segment of the timer log.
const timerSegment = 100 << 20

// internalReplication is the configured replication factor. While nobody configured one, the default gives way to a cluster that has
// fewer brokers, so that a small cluster works as it is.
func (h *Handlers) internalReplication(key string) int16 {
	v := h.Config()
	factor := v.Int(key)
	if _, set, _ := v.Lookup(key); set {
		return int16(factor)
	}
	alive := 0
	for _, b := range h.Image().Brokers() {
		if !b.Fenced {
			alive++
		}
	}
	return int16(max(min(factor, alive), 1))
}
