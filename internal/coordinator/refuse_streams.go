package coordinator

import "github.com/twmb/franz-go/pkg/kmsg"

// refuseStreams answers a request for a streams group with a code; nil if it is none.
func refuseStreams(request kmsg.Request, code int16) kmsg.Response {
	resp := request.ResponseKind()
	switch resp := resp.(type) {
	case *kmsg.StreamsGroupHeartbeatResponse:
		resp.ErrorCode = code
	case *kmsg.StreamsGroupTopologyDescriptionUpdateResponse:
		resp.ErrorCode = code
	case *kmsg.StreamsGroupDescribeResponse:
		for _, id := range request.(*kmsg.StreamsGroupDescribeRequest).Groups {
			g := kmsg.NewStreamsGroupDescribeResponseGroup()
			g.Group, g.ErrorCode = id, code
			resp.Groups = append(resp.Groups, g)
		}
	default:
		return nil
	}
	return resp
}
