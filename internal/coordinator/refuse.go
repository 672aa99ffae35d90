package coordinator

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// Refuse answers a request for a group that no machine could answer.
func Refuse(request kmsg.Request, err error) kmsg.Response {
	code := CodeOf(err)
	switch rq := request.(type) {
	case *kmsg.HeartbeatRequest:
		resp := kmsg.NewPtrHeartbeatResponse()
		if resp.ErrorCode = code; errors.Is(err, ErrLoading) {
			resp.ErrorCode = 0 // the member's session has not begun to count
		}
		return resp
	case *kmsg.JoinGroupRequest:
		resp := kmsg.NewPtrJoinGroupResponse()
		resp.ErrorCode, resp.MemberID, resp.Generation = code, rq.MemberID, -1
		return resp
	case *kmsg.SyncGroupRequest:
		resp := kmsg.NewPtrSyncGroupResponse()
		resp.ErrorCode, resp.MemberAssignment = code, []byte{}
		return resp
	case *kmsg.LeaveGroupRequest:
		resp := kmsg.NewPtrLeaveGroupResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.OffsetCommitRequest:
		if errors.Is(err, machine.ErrTooLarge) {
			code = kerr.InvalidCommitOffsetSize.Code
		}
		return CommitError(rq, code)
	case *kmsg.OffsetFetchRequest:
		return fetchError(rq, code)
	case *kmsg.OffsetDeleteRequest:
		resp := kmsg.NewPtrOffsetDeleteResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.DeleteGroupsRequest:
		resp := kmsg.NewPtrDeleteGroupsResponse()
		for _, id := range rq.Groups {
			rg := kmsg.NewDeleteGroupsResponseGroup()
			rg.Group, rg.ErrorCode = id, code
			resp.Groups = append(resp.Groups, rg)
		}
		return resp
	case *kmsg.DescribeGroupsRequest:
		resp := kmsg.NewPtrDescribeGroupsResponse()
		for _, id := range rq.Groups {
			rg := kmsg.NewDescribeGroupsResponseGroup()
			rg.Group, rg.ErrorCode = id, code
			resp.Groups = append(resp.Groups, rg)
		}
		return resp
	case *kmsg.TxnOffsetCommitRequest:
		return TxnCommitError(rq, code)
	}
	if resp := refuseConsumer(request, code); resp != nil {
		return resp
	}
	if resp := refuseStreams(request, code); resp != nil {
		return resp
	}
	if resp := refuseShareGroup(request, code); resp != nil {
		return resp
	}
	return request.ResponseKind()
}

// CommitError answers every partition of a commit with one code.
func CommitError(rq *kmsg.OffsetCommitRequest, code int16) *kmsg.OffsetCommitResponse {
	resp := kmsg.NewPtrOffsetCommitResponse()
	for i := range rq.Topics {
		rt := kmsg.NewOffsetCommitResponseTopic()
		rt.Topic, rt.TopicID = rq.Topics[i].Topic, rq.Topics[i].TopicID
		for j := range rq.Topics[i].Partitions {
			rp := kmsg.NewOffsetCommitResponseTopicPartition()
			rp.Partition, rp.ErrorCode = rq.Topics[i].Partitions[j].Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// TxnCommitError answers every partition of a commit in a transaction with one code.
func TxnCommitError(rq *kmsg.TxnOffsetCommitRequest, code int16) *kmsg.TxnOffsetCommitResponse {
	resp := kmsg.NewPtrTxnOffsetCommitResponse()
	for i := range rq.Topics {
		rt := kmsg.NewTxnOffsetCommitResponseTopic()
		rt.Topic, rt.TopicID = rq.Topics[i].Topic, rq.Topics[i].TopicID
		for j := range rq.Topics[i].Partitions {
			rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			rp.Partition, rp.ErrorCode = rq.Topics[i].Partitions[j].Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// fetchError answers the groups of an OffsetFetch. Topics stay empty: versions without an error for the group are translated by the caller.
func fetchError(rq *kmsg.OffsetFetchRequest, code int16) *kmsg.OffsetFetchResponse {
	resp := kmsg.NewPtrOffsetFetchResponse()
	for i := range rq.Groups {
		rg := kmsg.NewOffsetFetchResponseGroup()
		rg.Group, rg.ErrorCode = rq.Groups[i].Group, code
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}
