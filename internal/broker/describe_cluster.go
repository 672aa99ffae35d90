package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
)

// Endpoint types of DescribeCluster (KIP-919).
const (
	brokerEndpoints     int8 = 1
	controllerEndpoints int8 = 2
)

var clusterRoutes = []route{
	{key: keyApiVersions, handle: (*Handlers).apiVersions},
	{key: 3, handle: (*Handlers).metadata},
	{key: 60, handle: (*Handlers).describeCluster},
	{key: 75, handle: (*Handlers).describeTopicPartitions},
	{key: 55, handle: (*Handlers).forward, waits: true},
}

// describeCluster answers which nodes the cluster has, of the kind that the listener serves.
func (h *Handlers) describeCluster(c *Call) {
	rq := c.Body.(*kmsg.DescribeClusterRequest)
	resp := kmsg.NewPtrDescribeClusterResponse()
	resp.ClusterID = h.ClusterID
	resp.ControllerID = -1
	resp.EndpointType = brokerEndpoints
	resp.ClusterAuthorizedOperations = security.OperationsNotAsked
	if rq.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = security.AllOperations(security.ClusterResource)
	}
	asked := rq.EndpointType
	if rq.Version == 0 {
		asked = brokerEndpoints
	}
	if code, message := checkEndpointType(asked, c.Conn.Control); code != 0 {
		resp.ErrorCode, resp.ErrorMessage = code, &message
		resp.EndpointType = asked
		c.Respond(resp)
		return
	}
	resp.EndpointType = asked
	if asked == controllerEndpoints {
		h.describeControllers(c, resp)
	} else {
		h.describeBrokers(c, rq, resp)
	}
	c.Respond(resp)
}

func checkEndpointType(asked int8, control bool) (int16, string) {
	switch {
	case asked != brokerEndpoints && asked != controllerEndpoints:
		return kerr.UnsupportedEndpointType.Code, "unsupported endpoint type"
	case control && asked == brokerEndpoints, !control && asked == controllerEndpoints:
		return kerr.MismatchedEndpointType.Code, "the endpoint type does not match the listener that the request was sent to"
	}
	return 0, ""
}

func (h *Handlers) describeBrokers(c *Call, rq *kmsg.DescribeClusterRequest, resp *kmsg.DescribeClusterResponse) {
	for _, b := range c.Image.Brokers() {
		if b.Fenced && !rq.IncludeFencedBrokers {
			continue
		}
		ep, ok := h.endpoint(c, b)
		if !ok {
			continue
		}
		node := kmsg.NewDescribeClusterResponseBroker()
		node.NodeID, node.Host, node.Port, node.Rack, node.IsFenced = b.ID, ep.Host, int32(ep.Port), textOrNil(b.Rack), b.Fenced
		resp.Brokers = append(resp.Brokers, node)
		if !b.Fenced && (resp.ControllerID < 0 || b.ID == h.NodeID) {
			resp.ControllerID = b.ID
		}
	}
}

func (h *Handlers) describeControllers(c *Call, resp *kmsg.DescribeClusterResponse) {
	resp.ControllerID = h.NodeID
	for _, ep := range h.ControllerEndpoints() {
		node := kmsg.NewDescribeClusterResponseBroker()
		node.NodeID, node.Host, node.Port = h.NodeID, ep.Host, int32(ep.Port)
		resp.Brokers = append(resp.Brokers, node)
	}
}

// forward hands a request to the active controller as it is and answers with its reply.
func (h *Handlers) forward(c *Call) {
	resp, err := h.Controller.Do(c.Gone, c.Conn.Principal, c.Body)
	if err != nil {
		c.Hangup("controller: " + err.Error())
		return
	}
	c.Respond(resp)
}

// describeTopicPartitions answers partitions of topics in order of name, a page at a time (KIP-966).
func (h *Handlers) describeTopicPartitions(c *Call) {
	rq := c.Body.(*kmsg.DescribeTopicPartitionsRequest)
	limit := int(rq.ResponsePartitionLimit)
	if most := h.Config().Int("max.request.partition.size.limit"); limit <= 0 || limit > most {
		limit = most
	}
	if rq.Cursor != nil && rq.Cursor.Partition < 0 {
		c.Hangup("DescribeTopicPartitions: negative partition index in the cursor")
		return
	}
	page := topicPage{h: h, c: c, left: limit, resp: kmsg.NewPtrDescribeTopicPartitionsResponse()}
	page.fill(rq)
	c.Respond(page.resp)
}

// topicPage fills one page of a DescribeTopicPartitions response.
type topicPage struct {
	h    *Handlers
	c    *Call
	left int
	resp *kmsg.DescribeTopicPartitionsResponse
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
			if !p.add(t, start(t.Name)) {
				return
			}
		}
		return
	}
	for _, name := range sortedNames(rq, from) {
		t, ok := p.c.Image.Topic(name)
		if !ok {
			p.addMissing(name)
			continue
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
	topic.AuthorizedOperations = security.AllOperations(security.TopicResource)
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
