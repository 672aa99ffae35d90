package broker

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	groups "leat/internal/coordinator/group/sharing"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/sharing"
)

// ShareStates is the share coordinator of this node, and the way to those of others.
type ShareStates interface {
	// Handle answers a request of another node about share partitions that this node coordinates.
	Handle(rq kmsg.Request, done func(kmsg.Response))
	// Summary tells where a share partition stands, whichever node coordinates it.
	Summary(p sharing.SharePartition, leaderEpoch int32, done func(sharing.Summary, error))
	// EndOffsets finds the high watermarks of partitions that other nodes lead; those that cannot be found are left out.
	EndOffsets(ctx context.Context, image *metadata.Image, of []record.TopicPartition) map[record.TopicPartition]int64
}

var shareGroupRoutes = []route{
	{key: 76, handle: (*Handlers).shareGroupHeartbeat},
	{key: 77, handle: (*Handlers).shareGroupDescribe},
	{key: 83, handle: (*Handlers).shareState},
	{key: 84, handle: (*Handlers).shareState},
	{key: 85, handle: (*Handlers).shareState},
	{key: 86, handle: (*Handlers).shareState},
	{key: 87, handle: (*Handlers).shareState},
	{key: 90, handle: (*Handlers).describeShareGroupOffsets, waits: true},
	{key: 91, handle: (*Handlers).alterShareGroupOffsets},
	{key: 92, handle: (*Handlers).deleteShareGroupOffsets},
}

// sharesGroups reports whether share groups are switched on in the cluster.
func (h *Handlers) sharesGroups(c *Call) bool {
	return h.ShareStates != nil && c.Image.Feature(metadata.FeatureShareVersion) > 0
}

// notSupported is Kafka's text for a request that is switched off.
var notSupported = "The version of API is not supported."

// shareGroupHeartbeat hands a heartbeat to the group's coordinator.
func (h *Handlers) shareGroupHeartbeat(c *Call) {
	rq := c.Body.(*kmsg.ShareGroupHeartbeatRequest)
	if !h.sharesGroups(c) {
		resp := kmsg.NewPtrShareGroupHeartbeatResponse()
		resp.ErrorCode = kerr.UnsupportedVersion.Code
		c.Respond(resp)
		return
	}
	h.submit(c, rq.GroupID, rq, c.Respond)
}

// shareGroupDescribe asks each group's coordinator.
func (h *Handlers) shareGroupDescribe(c *Call) {
	rq := c.Body.(*kmsg.ShareGroupDescribeRequest)
	one := func(i int) (string, kmsg.Request) {
		part := kmsg.NewPtrShareGroupDescribeRequest()
		part.Version, part.GroupIDs = rq.Version, rq.GroupIDs[i:i+1]
		return rq.GroupIDs[i], part
	}
	on := h.sharesGroups(c)
	h.gather(c, len(rq.GroupIDs), one, func(parts []kmsg.Response) {
		resp := kmsg.NewPtrShareGroupDescribeResponse()
		for _, part := range parts {
			resp.Groups = append(resp.Groups, part.(*kmsg.ShareGroupDescribeResponse).Groups...)
		}
		for i := range resp.Groups {
			g := &resp.Groups[i]
			if !on {
				id := g.GroupID
				*g = kmsg.NewShareGroupDescribeResponseGroup()
				g.GroupID, g.ErrorCode = id, kerr.UnsupportedVersion.Code
			}
			g.AuthorizedOperations = security.OperationsNotAsked
			if rq.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = h.operations(c, security.GroupResource, g.GroupID)
			}
		}
		c.Respond(resp)
	})
}

// shareState answers what other nodes ask of the share coordinator.
func (h *Handlers) shareState(c *Call) {
	if h.ShareStates == nil {
		c.Hangup("this node coordinates no share groups")
		return
	}
	h.ShareStates.Handle(c.Body, c.Respond)
}

// alterShareGroupOffsets hands the request to the group's coordinator.
func (h *Handlers) alterShareGroupOffsets(c *Call) {
	rq := c.Body.(*kmsg.AlterShareGroupOffsetsRequest)
	if !h.sharesGroups(c) {
		resp := kmsg.NewPtrAlterShareGroupOffsetsResponse()
		resp.ErrorCode, resp.ErrorMessage = kerr.UnsupportedVersion.Code, &notSupported
		c.Respond(resp)
		return
	}
	h.submit(c, rq.GroupID, rq, c.Respond)
}

// deleteShareGroupOffsets hands the request to the group's coordinator.
func (h *Handlers) deleteShareGroupOffsets(c *Call) {
	rq := c.Body.(*kmsg.DeleteShareGroupOffsetsRequest)
	if !h.sharesGroups(c) {
		resp := kmsg.NewPtrDeleteShareGroupOffsetsResponse()
		resp.ErrorCode, resp.ErrorMessage = kerr.UnsupportedVersion.Code, &notSupported
		c.Respond(resp)
		return
	}
	h.submit(c, rq.GroupID, rq, c.Respond)
}

// describeShareGroupOffsets tells where share groups stand, and how much lies before them.
func (h *Handlers) describeShareGroupOffsets(c *Call) {
	rq := c.Body.(*kmsg.DescribeShareGroupOffsetsRequest)
	resp := kmsg.NewPtrDescribeShareGroupOffsetsResponse()
	for i := range rq.Groups {
		resp.Groups = append(resp.Groups, h.shareGroupOffsets(c, &rq.Groups[i]))
	}
	c.Respond(resp)
}

// shareGroupOffsets is the part about one group.
func (h *Handlers) shareGroupOffsets(c *Call, rq *kmsg.DescribeShareGroupOffsetsRequestGroup) kmsg.DescribeShareGroupOffsetsResponseGroup {
	rg := kmsg.NewDescribeShareGroupOffsetsResponseGroup()
	rg.GroupID = rq.GroupID
	if !h.sharesGroups(c) {
		rg.ErrorCode, rg.ErrorMessage = kerr.UnsupportedVersion.Code, &notSupported
		return rg
	}
	known, code := h.shareStatesOf(rq.GroupID)
	if code != 0 && code != kerr.GroupIDNotFound.Code { // no group: no state either
		rg.ErrorCode, rg.ErrorMessage = code, &kerr.TypedErrorForCode(code).Description
		return rg
	}
	rg.Topics = askedTopics(c, rq, known)
	h.fillShareOffsets(c, &rg)
	return rg
}

// shareStatesOf waits for the group's coordinator.
func (h *Handlers) shareStatesOf(group string) (topics []groups.TopicState, code int16) {
	done := make(chan struct{})
	h.Groups.ShareStatesOf(group, func(t []groups.TopicState, is int16) {
		topics, code = t, is
		close(done)
	})
	<-done
	return topics, code
}

// askedTopics lists the partitions asked for, or all that the group has state of.
func askedTopics(c *Call, rq *kmsg.DescribeShareGroupOffsetsRequestGroup, known []groups.TopicState) []kmsg.DescribeShareGroupOffsetsResponseGroupTopic {
	asked := rq.Topics
	if asked == nil {
		for _, t := range known {
			asked = append(asked, kmsg.DescribeShareGroupOffsetsRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
		}
	}
	var all []kmsg.DescribeShareGroupOffsetsResponseGroupTopic
	for _, t := range asked {
		rt := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopic()
		rt.Topic = t.Topic
		topic, ok := c.Image.Topic(t.Topic)
		if ok {
			rt.TopicID = topic.ID
		}
		for _, p := range t.Partitions {
			rp := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopicPartition()
			rp.Partition, rp.StartOffset, rp.Lag = p, -1, -1
			if ok && (p < 0 || int(p) >= len(topic.Partitions)) { // a topic that is not there is one that the group does not read
				rp.ErrorCode, rp.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &kerr.UnknownTopicOrPartition.Description
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		all = append(all, rt)
	}
	return all
}

// fillShareOffsets asks where the group stands, and where the partitions end.
func (h *Handlers) fillShareOffsets(c *Call, rg *kmsg.DescribeShareGroupOffsetsResponseGroup) {
	var waiting sync.WaitGroup
	complete := make(map[record.TopicPartition]int32)
	var mu sync.Mutex
	for i := range rg.Topics {
		t := &rg.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			if p.ErrorCode != 0 || t.TopicID == (record.UUID{}) {
				continue
			}
			waiting.Add(1)
			h.ShareStates.Summary(sharing.SharePartition{Group: rg.GroupID, TopicID: t.TopicID, Partition: p.Partition}, -1, func(s sharing.Summary, err error) {
				defer waiting.Done()
				if err != nil {
					p.ErrorCode, p.ErrorMessage = codeOf(err), new(string)
					*p.ErrorMessage = err.Error()
					return
				}
				p.StartOffset, p.LeaderEpoch = s.StartOffset, s.LeaderEpoch
				if s.StartOffset >= 0 && s.DeliveryCompleteCount >= 0 {
					mu.Lock()
					complete[record.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = s.DeliveryCompleteCount
					mu.Unlock()
				}
			})
		}
	}
	waiting.Wait()
	ends := h.endOffsets(c, complete)
	for i := range rg.Topics {
		for j := range rg.Topics[i].Partitions {
			p := &rg.Topics[i].Partitions[j]
			tp := record.TopicPartition{Topic: rg.Topics[i].Topic, Partition: p.Partition}
			if end, ok := ends[tp]; ok {
				p.Lag = max(end-p.StartOffset-int64(complete[tp]), 0)
			}
		}
	}
}

// endOffsets finds where partitions end, also those that other nodes lead.
func (h *Handlers) endOffsets(c *Call, of map[record.TopicPartition]int32) map[record.TopicPartition]int64 {
	ends := make(map[record.TopicPartition]int64)
	var elsewhere []record.TopicPartition
	for tp := range of {
		if p, err := h.Replicas.Leader(tp, -1); err == nil {
			ends[tp] = p.Log().Offsets().HighWatermark
		} else {
			elsewhere = append(elsewhere, tp)
		}
	}
	if len(elsewhere) > 0 {
		ctx, cancel := context.WithTimeout(c.Gone, endOffsetsWait)
		defer cancel()
		for tp, end := range h.ShareStates.EndOffsets(ctx, c.Image, elsewhere) {
			ends[tp] = end
		}
	}
	return ends
}

// endOffsetsWait bounds the wait for other nodes. Lag that is not known by then is -1.
const endOffsetsWait = 5 * time.Second

// MakeInternalTopic makes one of the platform's own topics, and waits until it is there.
func (h *Handlers) MakeInternalTopic(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, autoCreateWait)
	defer cancel()
	t, ok := h.internalTopic(name)
	if !ok {
		return
	}
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version, rq.TimeoutMillis, rq.Topics = rq.MaxVersion(), int32(autoCreateWait.Milliseconds()), []kmsg.CreateTopicsRequestTopic{t}
	answer, err := h.Controller.Do(ctx, security.Self, rq)
	resp, ok := answer.(*kmsg.CreateTopicsResponse)
	if err != nil || !ok {
		h.Logger.Warn("topics could not be created automatically", "topic", name, "err", err)
		return
	}
	for _, t := range resp.Topics {
		if t.ErrorCode != 0 && t.ErrorCode != kerr.TopicAlreadyExists.Code {
			h.Logger.Warn("internal topic could not be created", "topic", t.Topic, "err", kerr.ErrorForCode(t.ErrorCode), "reason", deref(t.ErrorMessage))
			return
		}
	}
	_ = h.Await(ctx, func(im *metadata.Image) bool {
		t, known := im.Topic(name)
		return known && led(im, t)
	})
}

// sharePartitionKey reports whether a key names a share partition: "group:topic id:partition". Groups may have colons in their names.
func sharePartitionKey(key string) bool {
	parts := strings.Split(key, ":")
	n := len(parts)
	if n < 3 || strings.Join(parts[:n-2], ":") == "" {
		return false
	}
	if partition, err := strconv.ParseInt(parts[n-1], 10, 32); err != nil || partition < 0 {
		return false
	}
	_, err := record.ParseUUID(parts[n-2])
	return err == nil
}

// shareTopicConfigs are how the topic of the share coordinator is made.
func (h *Handlers) shareTopicConfigs(t *kmsg.CreateTopicsRequestTopic, configure func(key, value string)) {
	v := h.Config()
	t.NumPartitions = int32(v.Int("share.coordinator.state.topic.num.partitions"))
	t.ReplicationFactor = h.internalReplication("share.coordinator.state.topic.replication.factor")
	t.Configs = slices.DeleteFunc(t.Configs, func(c kmsg.CreateTopicsRequestTopicConfig) bool { return c.Name == "cleanup.policy" })
	configure("cleanup.policy", "delete")
	configure("compression.type", "producer")
	configure("segment.bytes", strconv.Itoa(v.Int("share.coordinator.state.topic.segment.bytes")))
	configure("min.insync.replicas", strconv.Itoa(min(v.Int("share.coordinator.state.topic.min.isr"), int(t.ReplicationFactor))))
	configure("retention.ms", "-1")
}
