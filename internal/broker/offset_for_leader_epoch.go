package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// offsetForLeaderEpoch tells where a leader epoch ended, so that a client can find out whether its position is still part of the log (KIP-320).
func (h *Handlers) offsetForLeaderEpoch(c *Call) {
	rq := c.Body.(*kmsg.OffsetForLeaderEpochRequest)
	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	for _, t := range rq.Topics {
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			tp := record.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			rp.Partition, rp.LeaderEpoch, rp.EndOffset = p.Partition, -1, -1
			partition, err := h.Replicas.Leader(tp, p.CurrentLeaderEpoch)
			if err != nil {
				rp.ErrorCode = h.partitionCode(err, tp)
			} else {
				rp.LeaderEpoch, rp.EndOffset = partition.Log().EndOffsetForEpoch(p.LeaderEpoch)
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	c.Respond(resp)
}
