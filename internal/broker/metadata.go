package broker

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
)

// autoCreateWait bounds how long a Metadata request waits for the topics it made to be created and led.
const autoCreateWait = 5 * time.Second

// metadata answers which brokers there are and who leads the partitions of topics. A topic that does not exist is created when the
// request and auto.create.topics.enable allow it; unlike Kafka, which answers UNKNOWN_TOPIC_OR_PARTITION and lets the client ask
// again, the answer waits for the new topic.
func (h *Handlers) metadata(c *Call) {
	rq := c.Body.(*kmsg.MetadataRequest)
	if !namesTopics(rq) {
		c.Respond(refuseMetadata(rq, kerr.InvalidRequest.Code))
		return
	}
	missing := h.missingTopics(c, rq)
	if len(missing) == 0 {
		inTurn(topicsAsked(c, rq), func() { c.Respond(h.metadataResponse(c, rq, nil)) })
		return
	}
	go h.run(route{handle: func(h *Handlers, c *Call) {
		ctx, cancel := context.WithTimeout(c.Gone, autoCreateWait)
		defer cancel()
		refused := h.autoCreate(ctx, c, missing)
		c.Image = h.Image()
		inTurn(topicsAsked(c, rq), func() { c.Respond(h.metadataResponse(c, rq, refused)) })
	}}, c)
}

// missingTopics lists the valid names that the request asks for, may create, and that do not exist, each once.
func (h *Handlers) missingTopics(c *Call, rq *kmsg.MetadataRequest) []string {
	if len(rq.Topics) == 0 || (rq.Version >= 4 && !rq.AllowAutoTopicCreation) {
		return nil
	}
	enabled := h.Config().Bool("auto.create.topics.enable")
	var missing []string
	listed := make(map[string]bool)
	for _, t := range rq.Topics {
		if t.Topic == nil || t.TopicID != ([16]byte{}) {
			continue
		}
		if isInternal(*t.Topic) {
			if _, built := h.internalTopic(*t.Topic); !built {
				continue
			}
		} else if !enabled {
			continue
		}
		if _, ok := c.Image.Topic(*t.Topic); !ok && !listed[*t.Topic] && metadata.CheckTopicName(*t.Topic) == nil {
			listed[*t.Topic] = true
			missing = append(missing, *t.Topic)
		}
	}
	return missing
}

// metadataResponse forms the answer; refused holds error codes of topics that could not be created.
func (h *Handlers) metadataResponse(c *Call, rq *kmsg.MetadataRequest, refused map[string]int16) *kmsg.MetadataResponse {
	resp := kmsg.NewPtrMetadataResponse()
	resp.ClusterID = &h.ClusterID
	resp.ControllerID = -1
	for _, b := range c.Image.Brokers() {
		if b.Fenced {
			continue
		}
		ep, ok := h.endpoint(c, b)
		if !ok {
			continue
		}
		mb := kmsg.NewMetadataResponseBroker()
		mb.NodeID, mb.Host, mb.Port, mb.Rack = b.ID, ep.Host, int32(ep.Port), textOrNil(b.Rack)
		resp.Brokers = append(resp.Brokers, mb)
		// Clients are told any live broker as controller: brokers forward what is the controller's (KIP-590).
		if resp.ControllerID < 0 || b.ID == h.NodeID {
			resp.ControllerID = b.ID
		}
	}
	resp.AuthorizedOperations = security.OperationsNotAsked
	if rq.IncludeClusterAuthorizedOperations {
		resp.AuthorizedOperations = h.clusterOperations(c)
	}
	if asksForAll(rq) {
		for t := range c.Image.Topics("") {
			breathe(len(resp.Topics))
			if !h.mayQuietly(c, security.OpDescribe, security.TopicResource, t.Name) {
				continue
			}
			resp.Topics = append(resp.Topics, h.metadataTopic(c, rq, t))
		}
		return resp
	}
	seen := make(map[string]bool, len(rq.Topics))
	resp.Topics = make([]kmsg.MetadataResponseTopic, 0, len(rq.Topics))
	for _, t := range rq.Topics {
		key := string(t.TopicID[:])
		if t.TopicID == ([16]byte{}) {
			key = "/" + deref(t.Topic)
		}
		if !seen[key] {
			seen[key] = true
			resp.Topics = append(resp.Topics, h.findTopic(c, rq, t, refused))
			breathe(len(resp.Topics))
		}
	}
	resp.Topics = byName(resp.Topics)
	return resp
}

// byName puts topics in the order of their names. Their places are sorted and not they themselves, which are large: thousands of them are asked for at once.
func byName(topics []kmsg.MetadataResponseTopic) []kmsg.MetadataResponseTopic {
	compare := func(a, b int32) int { return strings.Compare(deref(topics[a].Topic), deref(topics[b].Topic)) }
	places := make([]int32, len(topics))
	for i := range places {
		places[i] = int32(i)
	}
	if slices.IsSortedFunc(places, compare) {
		return topics
	}
	slices.SortStableFunc(places, compare)
	sorted := make([]kmsg.MetadataResponseTopic, len(topics))
	for i, place := range places {
		sorted[i] = topics[place]
	}
	return sorted
}

func asksForAll(rq *kmsg.MetadataRequest) bool {
	return rq.Topics == nil || (rq.Version == 0 && len(rq.Topics) == 0)
}

// topicsAsked is how much an answer has, about, in topics of one partition.
func topicsAsked(c *Call, rq *kmsg.MetadataRequest) int {
	if asksForAll(rq) {
		return c.Image.PartitionCount()
	}
	return len(rq.Topics)
}

// findTopic answers one requested topic, by id or by name.
func (h *Handlers) findTopic(c *Call, rq *kmsg.MetadataRequest, t kmsg.MetadataRequestTopic, refused map[string]int16) kmsg.MetadataResponseTopic {
	if t.TopicID != ([16]byte{}) {
		found, ok := c.Image.TopicByID(record.UUID(t.TopicID))
		if !ok {
			mt := kmsg.NewMetadataResponseTopic()
			mt.TopicID, mt.ErrorCode = t.TopicID, kerr.UnknownTopicID.Code
			if rq.Version < 12 {
				empty := ""
				mt.Topic = &empty
			}
			mt.AuthorizedOperations = security.OperationsNotAsked
			return mt
		}
		return h.metadataTopic(c, rq, found)
	}
	name := deref(t.Topic)
	if found, ok := c.Image.Topic(name); ok {
		return h.metadataTopic(c, rq, found)
	}
	mt := kmsg.NewMetadataResponseTopic()
	mt.Topic = &name
	mt.IsInternal = isInternal(name)
	mt.AuthorizedOperations = security.OperationsNotAsked
	switch code, ok := refused[name]; {
	case metadata.CheckTopicName(name) != nil:
		mt.ErrorCode = kerr.InvalidTopicException.Code
	case ok:
		mt.ErrorCode = code
	default:
		mt.ErrorCode = kerr.UnknownTopicOrPartition.Code
	}
	return mt
}

func (h *Handlers) metadataTopic(c *Call, rq *kmsg.MetadataRequest, t *metadata.Topic) kmsg.MetadataResponseTopic {
	mt := kmsg.NewMetadataResponseTopic()
	mt.Topic, mt.TopicID, mt.IsInternal = &t.Name, t.ID, isInternal(t.Name)
	mt.AuthorizedOperations = security.OperationsNotAsked
	if rq.IncludeTopicAuthorizedOperations {
		mt.AuthorizedOperations = h.operations(c, security.TopicResource, t.Name)
	}
	mt.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(t.Partitions))
	for i, p := range t.Partitions {
		mp := kmsg.NewMetadataResponseTopicPartition()
		mp.Partition, mp.Leader, mp.LeaderEpoch = int32(i), p.Leader, p.LeaderEpoch
		mp.Replicas, mp.ISR = p.Replicas, p.ISR
		mp.OfflineReplicas = h.offlineReplicas(c.Image, p)
		mp.ErrorCode = leaderError(h, c, p)
		if mp.ErrorCode == kerr.LeaderNotAvailable.Code {
			mp.Leader = -1
		}
		mt.Partitions[i] = mp
	}
	return mt
}

// leaderError says whether the client can reach the partition's leader: LEADER_NOT_AVAILABLE without a live one, LISTENER_NOT_FOUND
// if the leader has no endpoint on the listener that the request came in on.
func leaderError(h *Handlers, c *Call, p *metadata.Partition) int16 {
	b, ok := c.Image.Broker(p.Leader)
	if !ok || b.Fenced {
		return kerr.LeaderNotAvailable.Code
	}
	if _, ok := h.endpoint(c, b); !ok {
		return kerr.ListenerNotFound.Code
	}
	return 0
}

// offlineReplicas lists the replicas on brokers that are gone or fenced, or in a failed directory of this node.
func (h *Handlers) offlineReplicas(im *metadata.Image, p *metadata.Partition) []int32 {
	var offline []int32
	for i, id := range p.Replicas {
		b, ok := im.Broker(id)
		if !ok || b.Fenced || (i < len(p.Dirs) && dirOffline(b, p.Dirs[i])) {
			offline = append(offline, id)
		}
	}
	return offline
}

// dirOffline reports whether a broker that tells its directories no longer has this one. The ids 0 (unassigned) and 1 (lost) of
// KIP-858 are no directories.
func dirOffline(b *metadata.Broker, dir record.UUID) bool {
	if dir == lostDir {
		return true
	}
	if dir.IsZero() || dir == migratingDir || len(b.Dirs) == 0 {
		return false
	}
	for _, d := range b.Dirs {
		if d == dir {
			return false
		}
	}
	return true
}

// Reserved directory ids of KIP-858.
var (
	lostDir      = record.UUID{15: 1}
	migratingDir = record.UUID{15: 2}
)

// endpoint is where the clients of this connection's listener reach a broker.
func (h *Handlers) endpoint(c *Call, b *metadata.Broker) (metadata.Endpoint, bool) {
	for _, ep := range b.Endpoints {
		if ep.Name != c.Conn.Listener {
			continue
		}
		if h.OwnAddress != nil && b.ID == h.NodeID {
			if host, port, ok := h.OwnAddress(c.Conn); ok {
				ep.Host, ep.Port = host, port
			}
		}
		return ep, true
	}
	return metadata.Endpoint{}, false
}

// isInternal reports whether a topic is the platform's own: clients may read but not write it.
func isInternal(topic string) bool { return metadata.InternalTopic(topic) }

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
