package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// deleteToHighWatermark asks to delete everything that is committed.
const deleteToHighWatermark int64 = -1

// deleteRecords raises log start offsets.
func (h *Handlers) deleteRecords(c *Call) {
	rq := c.Body.(*kmsg.DeleteRecordsRequest)
	resp := kmsg.NewPtrDeleteRecordsResponse()
	for _, t := range rq.Topics {
		rt := kmsg.NewDeleteRecordsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			tp := record.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			rp := kmsg.NewDeleteRecordsResponseTopicPartition()
			rp.Partition, rp.LowWatermark = p.Partition, -1
			if logStart, err := h.deleteBefore(c, tp, p.Offset); err != nil {
				rp.ErrorCode = h.partitionCode(err, tp)
			} else {
				rp.LowWatermark = logStart
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	c.Respond(resp)
}

// deleteBefore drops what lies below offset and returns the log start offset after it, which is the lowest of all replicas because this is the only one.
func (h *Handlers) deleteBefore(c *Call, tp record.TopicPartition, offset int64) (int64, error) {
	if !exists(c.Image, tp) {
		return 0, replication.ErrUnknownPartition
	}
	if isInternal(tp.Topic) && c.Header.ClientID != adminClient {
		return 0, kerr.InvalidTopicException
	}
	partition, err := h.Replicas.Leader(tp, -1)
	if err != nil {
		return 0, err
	}
	if !partition.Deletable() {
		return 0, kerr.PolicyViolation
	}
	log := partition.Log()
	o := log.Offsets()
	if offset == deleteToHighWatermark {
		offset = o.HighWatermark
	}
	if offset < 0 || offset > o.HighWatermark {
		return 0, storage.ErrOffsetOutOfRange
	}
	if err := log.AdvanceLogStart(offset); err != nil {
		return 0, err
	}
	return log.Offsets().LogStart, nil
}
