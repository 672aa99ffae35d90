package broker

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// deleteToHighWatermark asks to delete everything that is committed.
const deleteToHighWatermark int64 = -1

// deleteRecords raises log start offsets, and answers once that of every replica whose broker is alive has got there, or the time is over.
func (h *Handlers) deleteRecords(c *Call) {
	rq := c.Body.(*kmsg.DeleteRecordsRequest)
	resp := kmsg.NewPtrDeleteRecordsResponse()
	deadline := time.Now().Add(time.Duration(max(rq.TimeoutMillis, 0)) * time.Millisecond)
	var waiting sync.WaitGroup
	for _, t := range rq.Topics {
		rt := kmsg.NewDeleteRecordsResponseTopic()
		rt.Topic = t.Topic
		rt.Partitions = make([]kmsg.DeleteRecordsResponseTopicPartition, len(t.Partitions))
		for i, p := range t.Partitions {
			tp := record.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			rp := &rt.Partitions[i]
			rp.Partition, rp.LowWatermark = p.Partition, -1
			waiting.Add(1)
			h.deleteBefore(c, tp, p.Offset, deadline, func(lowest int64, err error) {
				defer waiting.Done()
				if err != nil {
					rp.ErrorCode = h.partitionCode(err, tp)
				} else {
					rp.LowWatermark = lowest
				}
			})
		}
		resp.Topics = append(resp.Topics, rt)
	}
	waiting.Wait()
	c.Respond(resp)
}

// deleteBefore drops what lies below offset. done is called once, with the lowest log start offset of the replicas.
func (h *Handlers) deleteBefore(c *Call, tp record.TopicPartition, offset int64, deadline time.Time, done func(lowest int64, err error)) {
	partition, offset, err := h.deletable(c, tp, offset)
	if err != nil {
		done(-1, err)
		return
	}
	partition.DeleteBefore(offset, deadline, done)
}

// deletable finds the partition if records below the offset may be deleted, and the offset that is meant.
func (h *Handlers) deletable(c *Call, tp record.TopicPartition, offset int64) (*replication.Partition, int64, error) {
	if !exists(c.Image, tp) {
		return nil, 0, replication.ErrUnknownPartition
	}
	if isInternal(tp.Topic) && c.Header.ClientID != adminClient {
		return nil, 0, kerr.InvalidTopicException
	}
	partition, err := h.Replicas.Leader(tp, -1)
	if err != nil {
		return nil, 0, err
	}
	if !partition.Deletable() {
		return nil, 0, kerr.PolicyViolation
	}
	o := partition.Log().Offsets()
	if offset == deleteToHighWatermark {
		offset = o.HighWatermark
	}
	if offset < 0 || offset > o.HighWatermark {
		return nil, 0, storage.ErrOffsetOutOfRange
	}
	return partition, offset, nil
}
