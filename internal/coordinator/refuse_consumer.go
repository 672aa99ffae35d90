package coordinator

import "github.com/twmb/franz-go/pkg/kmsg"

// refuseConsumer answers a request for a consumer group of the new protocol with a code; nil if it is none.
func refuseConsumer(request kmsg.Request, code int16) kmsg.Response {
	switch rq := request.(type) {
	case *kmsg.ConsumerGroupHeartbeatRequest:
		resp := kmsg.NewPtrConsumerGroupHeartbeatResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.ConsumerGroupDescribeRequest:
		resp := kmsg.NewPtrConsumerGroupDescribeResponse()
		for _, id := range rq.Groups {
			g := kmsg.NewConsumerGroupDescribeResponseGroup()
			g.Group, g.ErrorCode = id, code
			resp.Groups = append(resp.Groups, g)
		}
		return resp
	}
	return nil
}
