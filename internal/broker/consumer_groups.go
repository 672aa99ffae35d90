package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
)

var consumerRoutes = []route{
	{key: 68, handle: (*Handlers).consumerGroupHeartbeat},
	{key: 69, handle: (*Handlers).consumerGroupDescribe},
}

// speaksConsumer reports whether consumer groups of the new protocol are switched on: by the brokers' configs and by the cluster's features.
func (h *Handlers) speaksConsumer(c *Call) bool {
	return slices.Contains(h.Config().List("group.coordinator.rebalance.protocols"), "consumer") && c.Image.Feature(metadata.FeatureGroupVersion) > 0
}

// consumerGroupHeartbeat hands a heartbeat to the group's coordinator.
func (h *Handlers) consumerGroupHeartbeat(c *Call) {
	rq := c.Body.(*kmsg.ConsumerGroupHeartbeatRequest)
	if !h.speaksConsumer(c) {
		resp := kmsg.NewPtrConsumerGroupHeartbeatResponse()
		resp.ErrorCode = kerr.UnsupportedVersion.Code
		c.Respond(resp)
		return
	}
	call := callOf(c, rq.Group, rq)
	call.Sees = h.seer(c)
	h.Groups.Submit(call, c.Respond)
}

// seer tells, also when the call is answered, which topics its principal may describe; nil: all.
func (h *Handlers) seer(c *Call) func(topic string) bool {
	if h.Authorizer == nil || c.administersTenant() { // whose expressions are about the tenant's topics only
		return nil
	}
	authorizer, rules, rq := h.Authorizer, c.Image.Rules(), h.request(c, security.OpDescribe, security.TopicResource, "")
	return func(topic string) bool {
		one := rq
		one.Name = topic
		return authorizer.Allowed(rules, one)
	}
}

// consumerGroupDescribe asks each group's coordinator.
func (h *Handlers) consumerGroupDescribe(c *Call) {
	rq := c.Body.(*kmsg.ConsumerGroupDescribeRequest)
	resp := kmsg.NewPtrConsumerGroupDescribeResponse()
	if !h.speaksConsumer(c) {
		for _, id := range rq.Groups {
			g := kmsg.NewConsumerGroupDescribeResponseGroup()
			g.Group, g.ErrorCode = id, kerr.UnsupportedVersion.Code
			resp.Groups = append(resp.Groups, g)
		}
		c.Respond(resp)
		return
	}
	one := func(i int) (string, kmsg.Request) {
		part := kmsg.NewPtrConsumerGroupDescribeRequest()
		part.Version, part.Groups = rq.Version, rq.Groups[i:i+1]
		return rq.Groups[i], part
	}
	h.gather(c, len(rq.Groups), one, func(parts []kmsg.Response) {
		for _, part := range parts {
			resp.Groups = append(resp.Groups, part.(*kmsg.ConsumerGroupDescribeResponse).Groups...)
		}
		for i := range resp.Groups {
			g := &resp.Groups[i]
			g.AuthorizedOperations = security.OperationsNotAsked
			if rq.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = h.operations(c, security.GroupResource, g.Group)
			}
		}
		c.Respond(resp)
	})
}
