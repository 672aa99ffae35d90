package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/quorum"
)

// describeQuorum answers who leads the metadata log and how far its voters and observers have come (KIP-595, KIP-836, KIP-853). Only the leader knows;
// a broker asks it, and a controller that does not lead says so.
func (h *Handlers) describeQuorum(c *Call) {
	rq := c.Body.(*kmsg.DescribeQuorumRequest)
	if !asksForMetadataLog(rq) {
		c.Respond(refuseQuorum(rq, kerr.UnknownTopicOrPartition))
		return
	}
	var state quorum.Description
	if h.Quorum != nil {
		state = h.Quorum()
	}
	switch {
	case h.Quorum != nil && state.LeaderID == h.NodeID:
		c.Respond(h.quorumState(c.Image, state))
	case c.envelope != nil:
		resp := refuseQuorum(rq, kerr.NotLeaderForPartition)
		resp.ErrorCode = kerr.NotController.Code // stands outside the envelope, and the broker asks who leads
		c.Respond(resp)
	case c.Conn.Control:
		c.Respond(refuseQuorum(rq, kerr.NotLeaderForPartition))
	default:
		go h.run(route{handle: (*Handlers).fromNode}, c)
	}
}

// quorumState is the leader's answer.
func (h *Handlers) quorumState(im *metadata.Image, state quorum.Description) *kmsg.DescribeQuorumResponse {
	resp := kmsg.NewPtrDescribeQuorumResponse()
	resp.ErrorMessage = new(string) // as in Kafka, texts are empty and not null
	rt := kmsg.NewDescribeQuorumResponseTopic()
	rt.Topic = quorum.Partition.Topic
	rp := kmsg.NewDescribeQuorumResponseTopicPartition()
	rp.Partition, rp.ErrorMessage = quorum.Partition.Partition, new(string)
	rp.LeaderID, rp.LeaderEpoch, rp.HighWatermark = state.LeaderID, state.LeaderEpoch, state.HighWatermark
	rp.CurrentVoters = replicaStates(state.Voters)
	rp.Observers = replicaStates(state.Observers)
	rt.Partitions = append(rt.Partitions, rp)
	resp.Topics = append(resp.Topics, rt)
	for _, voter := range state.Voters {
		node := kmsg.NewDescribeQuorumResponseNode()
		node.NodeID = voter.NodeID
		for _, ep := range h.controllerListeners(im, voter.NodeID) {
			l := kmsg.NewDescribeQuorumResponseNodeListener()
			l.Name, l.Host, l.Port = ep.Name, ep.Host, ep.Port
			node.Listeners = append(node.Listeners, l)
		}
		resp.Nodes = append(resp.Nodes, node)
	}
	return resp
}

// asksForMetadataLog reports whether the request is about the one partition that has a quorum, and nothing else.
func asksForMetadataLog(rq *kmsg.DescribeQuorumRequest) bool {
	return len(rq.Topics) == 1 && rq.Topics[0].Topic == quorum.Partition.Topic && len(rq.Topics[0].Partitions) == 1 &&
		rq.Topics[0].Partitions[0].Partition == quorum.Partition.Partition
}

// refuseQuorum answers every partition with an error.
func refuseQuorum(rq *kmsg.DescribeQuorumRequest, why *kerr.Error) *kmsg.DescribeQuorumResponse {
	resp := kmsg.NewPtrDescribeQuorumResponse()
	resp.ErrorMessage = new(string)
	for _, t := range rq.Topics {
		rt := kmsg.NewDescribeQuorumResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewDescribeQuorumResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.ErrorMessage = p.Partition, why.Code, new(string)
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func replicaStates(replicas []quorum.Replica) []kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
	var states []kmsg.DescribeQuorumResponseTopicPartitionReplicaState
	for _, r := range replicas {
		s := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		s.ReplicaID, s.ReplicaDirectoryID, s.LogEndOffset = r.NodeID, r.DirID, r.LogEndOffset
		s.LastFetchTimestamp, s.LastCaughtUpTimestamp = millisOrNone(r.LastFetch), millisOrNone(r.LastCaughtUp)
		states = append(states, s)
	}
	return states
}

func millisOrNone(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}
