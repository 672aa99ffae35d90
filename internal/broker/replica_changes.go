package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// Requests that change or list who has replicas, and those that only nodes send to the active controller: the controller's machine decides
// about all of them, and here they are handed on. The table of APIs says on which listener each is served.
var controllerRoutes = []route{
	{key: 45, handle: (*Handlers).alterReassignments, waits: true},
	{key: 46, handle: (*Handlers).listReassignments, waits: true},
	{key: 56, handle: (*Handlers).fromNode, waits: true},
	{key: 58, handle: (*Handlers).openEnvelope, waits: true},
	{key: 59, handle: (*Handlers).fetchSnapshot, waits: true},
	{key: 62, handle: (*Handlers).fromNode, waits: true},
	{key: 63, handle: (*Handlers).brokerHeartbeat, waits: true},
	{key: 67, handle: (*Handlers).fromNode, waits: true},
	{key: 70, handle: (*Handlers).fromNode, waits: true},
	{key: 73, handle: (*Handlers).fromNode, waits: true},
	{key: 94, handle: (*Handlers).unregisterController, waits: true},
}

// alterReassignments hands the request to the controller. How far the replicas are is then asked of the controller too.
func (h *Handlers) alterReassignments(c *Call) {
	if resp := h.askController(c, c.Body.(*kmsg.AlterPartitionAssignmentsRequest).TimeoutMillis); resp != nil {
		c.Respond(resp)
	}
}

func (h *Handlers) listReassignments(c *Call) {
	if resp := h.askController(c, c.Body.(*kmsg.ListPartitionReassignmentsRequest).TimeoutMillis); resp != nil {
		c.Respond(resp)
	}
}

// nodeTimeout bounds how long a node waits for the controller's decision; the node asks again by itself.
const (
	nodeTimeout       = 30 * time.Second
	nodeTimeoutMillis = int32(nodeTimeout / time.Millisecond)
)

// fromNode hands on what another node says to the active controller.
func (h *Handlers) fromNode(c *Call) {
	if resp := h.askController(c, nodeTimeoutMillis); resp != nil {
		c.Respond(resp)
	}
}

// unregisterController hands the request to the controller and waits until this node has forgotten the controller.
func (h *Handlers) unregisterController(c *Call) {
	rq := c.Body.(*kmsg.UnregisterControllerRequest)
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.UnregisterControllerResponse)
	if !ok {
		return
	}
	if resp.ErrorCode == 0 {
		h.awaitImage(c, func(im *metadata.Image) bool {
			for _, known := range im.Controllers() {
				if known.ControllerID == rq.ControllerID {
					return false
				}
			}
			return true
		})
	}
	c.Respond(resp)
}

// refuseHandedOn is refuseAll for these requests; nil for others.
func refuseHandedOn(body kmsg.Request, code int16, message string) kmsg.Response {
	switch rq := body.(type) {
	case *kmsg.AlterPartitionAssignmentsRequest:
		return refuseReassignments(rq, code, message)
	case *kmsg.ListPartitionReassignmentsRequest:
		resp := kmsg.NewPtrListPartitionReassignmentsResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &message
		return resp
	case *kmsg.AlterPartitionRequest:
		resp := kmsg.NewPtrAlterPartitionResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.BrokerRegistrationRequest:
		resp := kmsg.NewPtrBrokerRegistrationResponse()
		resp.ErrorCode, resp.BrokerEpoch = code, -1
		return resp
	case *kmsg.BrokerHeartbeatRequest:
		resp := kmsg.NewPtrBrokerHeartbeatResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.AllocateProducerIDsRequest:
		resp := kmsg.NewPtrAllocateProducerIDsResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.ControllerRegistrationRequest:
		resp := kmsg.NewPtrControllerRegistrationResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &message
		return resp
	case *kmsg.AssignReplicasToDirsRequest:
		resp := kmsg.NewPtrAssignReplicasToDirsResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.DescribeQuorumRequest:
		resp := kmsg.NewPtrDescribeQuorumResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &message
		return resp
	case *kmsg.AddRaftVoterRequest:
		resp := kmsg.NewPtrAddRaftVoterResponse()
		resp.ErrorCode, resp.ErrorMessage = code, textOrNil(message)
		return resp
	case *kmsg.RemoveRaftVoterRequest:
		resp := kmsg.NewPtrRemoveRaftVoterResponse()
		resp.ErrorCode, resp.ErrorMessage = code, textOrNil(message)
		return resp
	case *kmsg.UnregisterControllerRequest:
		resp := kmsg.NewPtrUnregisterControllerResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &message
		return resp
	case *kmsg.AlterUserSCRAMCredentialsRequest:
		return scramFailure(rq, code, message)
	case *kmsg.AlterClientQuotasRequest:
		return refuseQuotas(rq, code, message)
	case *kmsg.CreateDelegationTokenRequest, *kmsg.RenewDelegationTokenRequest, *kmsg.ExpireDelegationTokenRequest:
		return tokenFailure(body, code)
	}
	return refuseACLs(body, code, message)
}

func refuseReassignments(rq *kmsg.AlterPartitionAssignmentsRequest, code int16, message string) kmsg.Response {
	resp := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	resp.ErrorCode, resp.ErrorMessage = code, &message
	for _, t := range rq.Topics {
		rt := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.ErrorMessage = p.Partition, code, &message
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}
