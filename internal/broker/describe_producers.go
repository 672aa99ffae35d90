package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
)

// describeProducers tells which producers are active on partitions (KIP-664).
func (h *Handlers) describeProducers(c *Call) {
	rq := c.Body.(*kmsg.DescribeProducersRequest)
	resp := kmsg.NewPtrDescribeProducersResponse()
	for _, t := range rq.Topics {
		rt := kmsg.NewDescribeProducersResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, h.activeProducers(c, record.TopicPartition{Topic: t.Topic, Partition: p}))
		}
		resp.Topics = append(resp.Topics, rt)
	}
	c.Respond(resp)
}

// activeProducers is the answer for one partition.
func (h *Handlers) activeProducers(c *Call, tp record.TopicPartition) kmsg.DescribeProducersResponseTopicPartition {
	rp := kmsg.NewDescribeProducersResponseTopicPartition()
	rp.Partition = tp.Partition
	partition, err := h.Replicas.Replica(tp)
	if !exists(c.Image, tp) {
		err = replication.ErrUnknownPartition
	}
	if metadata.CheckTopicName(tp.Topic) != nil {
		rp.ErrorCode = kerr.InvalidTopicException.Code
		rp.ErrorMessage = kmsg.StringPtr(kerr.InvalidTopicException.Description)
		return rp
	}
	if err != nil {
		rp.ErrorCode = h.partitionCode(err, tp)
		if _, there := c.Image.Topic(tp.Topic); !there { // Kafka has no words for a partition that its topic lacks
			rp.ErrorMessage = kmsg.StringPtr(kerr.ErrorForCode(rp.ErrorCode).Error())
		}
		return rp
	}
	for _, s := range partition.Log().Producers() {
		rp.ActiveProducers = append(rp.ActiveProducers, kmsg.DescribeProducersResponseTopicPartitionActiveProducer{
			ProducerID: s.ProducerID, ProducerEpoch: int32(s.ProducerEpoch), LastSequence: s.LastSequence, LastTimestamp: s.LastTimestamp,
			CoordinatorEpoch: s.CoordinatorEpoch, CurrentTxnStartOffset: s.TxnStartOffset,
		})
	}
	return rp
}
