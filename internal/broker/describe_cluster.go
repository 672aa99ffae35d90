package broker

import (
	"fmt"
	"slices"

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
		resp.ClusterAuthorizedOperations = h.clusterOperations(c)
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
		h.describeControllers(c, resp)
	} else {
		h.describeBrokers(c, rq, resp)
	}
	c.Respond(resp)
}

func checkEndpointType(asked int8, control bool) (int16, string) {
	switch {
	case asked != brokerEndpoints && asked != controllerEndpoints:
		return kerr.UnsupportedEndpointType.Code, fmt.Sprintf("Unsupported endpoint type %d", asked)
	case control && asked == brokerEndpoints:
		return kerr.MismatchedEndpointType.Code, fmt.Sprintf(mismatchedEndpoint, "CONTROLLER", "BROKER")
	case !control && asked == controllerEndpoints:
		return kerr.MismatchedEndpointType.Code, fmt.Sprintf(mismatchedEndpoint, "BROKER", "CONTROLLER")
	}
	return 0, ""
}

// mismatchedEndpoint is Kafka's text for a question to the wrong kind of listener: clients show it as it is.
const mismatchedEndpoint = "The request was sent to an endpoint of type %s, but we wanted an endpoint of type %s"

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

// describeControllers lists the controllers that registered or vote. Who is active is known to controllers only, which have the listener for this.
func (h *Handlers) describeControllers(c *Call, resp *kmsg.DescribeClusterResponse) {
	ids := []int32{h.NodeID}
	for _, registered := range c.Image.Controllers() {
		ids = append(ids, registered.ControllerID)
	}
	resp.ControllerID = h.NodeID
	if h.Voters != nil {
		for _, m := range h.Voters.Members() {
			ids = append(ids, m.ID)
		}
		leader, _, known := h.Voters.Active()
		if !known {
			leader = -1
		}
		resp.ControllerID = leader
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if at, ok := h.controllerEndpoint(c.Image, id, c.Conn.Listener); ok {
			node := kmsg.NewDescribeClusterResponseBroker()
			node.NodeID, node.Host, node.Port = id, at.Host, int32(at.Port)
			resp.Brokers = append(resp.Brokers, node)
		}
	}
}
