package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	{key: 55, handle: (*Handlers).describeQuorum},
	{key: 43, handle: (*Handlers).electLeaders, waits: true},
	{key: 57, handle: (*Handlers).updateFeatures, waits: true},
	{key: 64, handle: (*Handlers).unregisterBroker, waits: true},
	{key: 65, handle: (*Handlers).describeTransactions},
	{key: 66, handle: (*Handlers).listTransactions},
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
		if rq.Version == 0 { // the code came with the endpoint type
			code = kerr.InvalidRequest.Code
		}
		// Kafka answers errors without anything else of what was asked for.
		refused := kmsg.NewPtrDescribeClusterResponse()
		refused.ErrorCode, refused.ErrorMessage = code, &message
		refused.ControllerID, refused.EndpointType, refused.ClusterAuthorizedOperations = -1, brokerEndpoints, security.OperationsNotAsked
		c.Respond(refused)
		return
	}
	resp.EndpointType = asked
	if asked == controllerEndpoints {
		h.describeControllers(resp)
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

func (h *Handlers) describeControllers(resp *kmsg.DescribeClusterResponse) {
	resp.ControllerID = h.NodeID
	for _, ep := range h.ControllerEndpoints() {
		node := kmsg.NewDescribeClusterResponseBroker()
		node.NodeID, node.Host, node.Port = h.NodeID, ep.Host, int32(ep.Port)
		resp.Brokers = append(resp.Brokers, node)
	}
}
