package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// Timestamps that ask for a place instead of a time.
const (
	latestOffset          int64 = -1
	earliestOffset        int64 = -2
	maxTimestampOffset    int64 = -3
	earliestLocalOffset   int64 = -4
	latestTieredOffset    int64 = -5
	earliestPendingUpload int64 = -6
)

// offsetSince is the version of ListOffsets that first knew a special timestamp.
var offsetSince = map[int64]int16{
	latestOffset: 1, earliestOffset: 1, maxTimestampOffset: 7, earliestLocalOffset: 8, latestTieredOffset: 9, earliestPendingUpload: 11,
}

// debuggingReplica may read from any replica and beyond the high watermark.
const debuggingReplica = -2

// listOffsets finds offsets by time or by name.
func (h *Handlers) listOffsets(c *Call) {
	rq := c.Body.(*kmsg.ListOffsetsRequest)
	resp := kmsg.NewPtrListOffsetsResponse()
	twice := duplicates(rq)
	for _, t := range rq.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for i := range t.Partitions {
			p := &t.Partitions[i]
			tp := record.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			if twice[tp] {
				rp.ErrorCode = kerr.InvalidRequest.Code
			} else {
				h.listOffset(c, rq, p, tp, &rp)
			}
			rp.Partition = p.Partition
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	c.Respond(resp)
}

// duplicates are the partitions that a request names more than once.
func duplicates(rq *kmsg.ListOffsetsRequest) map[record.TopicPartition]bool {
	var seen, twice map[record.TopicPartition]bool
	for _, t := range rq.Topics {
		for _, p := range t.Partitions {
			tp := record.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			if seen == nil {
				seen, twice = make(map[record.TopicPartition]bool), make(map[record.TopicPartition]bool)
			}
			if seen[tp] {
				twice[tp] = true
			}
			seen[tp] = true
		}
	}
	return twice
}

// listOffset fills the answer for one partition.
func (h *Handlers) listOffset(c *Call, rq *kmsg.ListOffsetsRequest, p *kmsg.ListOffsetsRequestTopicPartition, tp record.TopicPartition, rp *kmsg.ListOffsetsResponseTopicPartition) {
	if since, known := offsetSince[p.Timestamp]; p.Timestamp < 0 && (!known || c.Header.Version < since) {
		rp.ErrorCode = kerr.UnsupportedVersion.Code
		return
	}
	epoch := p.CurrentLeaderEpoch
	if c.Header.Version < 4 {
		epoch = -1
	}
	partition, _, err := h.Replicas.Reader(tp, epoch, rq.ReplicaID == debuggingReplica)
	found := noOffset
	if err == nil {
		found, err = findOffset(partition, p.Timestamp, isolationOf(rq))
	}
	if err != nil {
		rp.ErrorCode = h.partitionCode(err, tp)
		if c.Header.Version < 5 && errors.Is(err, replication.ErrOffsetNotAvailable) {
			rp.ErrorCode = kerr.LeaderNotAvailable.Code
		}
		return
	}
	rp.Timestamp, rp.Offset, rp.LeaderEpoch = found.Timestamp, found.Offset, found.LeaderEpoch
}

// isolationOf is how far the caller may see.
func isolationOf(rq *kmsg.ListOffsetsRequest) storage.Isolation {
	switch {
	case rq.ReplicaID >= 0 || rq.ReplicaID == debuggingReplica:
		return storage.ReadLogEnd
	case rq.IsolationLevel == 1:
		return storage.ReadCommitted
	}
	return storage.ReadUncommitted
}

// noOffset is the answer when nothing fits.
var noOffset = storage.TimestampOffset{Timestamp: -1, Offset: -1, LeaderEpoch: -1}

// findOffset answers one question from one partition's log. What a lookup by time finds beyond the caller's bound counts as not found.
func findOffset(partition *replication.Partition, timestamp int64, iso storage.Isolation) (storage.TimestampOffset, error) {
	log := partition.Log()
	unsure := iso != storage.ReadLogEnd && partition.CatchingUp() // asked first: the high watermark that is read next may be what ends it
	o := log.Offsets()
	bound := o.LogEnd
	switch iso {
	case storage.ReadUncommitted:
		bound = o.HighWatermark
	case storage.ReadCommitted:
		bound = o.LastStable
	}
	var found storage.TimestampOffset
	var err error
	switch timestamp {
	case earliestOffset, earliestLocalOffset: // without remote storage all that is there is local
		return storage.TimestampOffset{Timestamp: -1, Offset: o.LogStart, LeaderEpoch: log.EpochOf(o.LogStart)}, nil
	case latestTieredOffset, earliestPendingUpload: // without remote storage nothing is there or under way
		return noOffset, nil
	case latestOffset:
		if unsure {
			return noOffset, replication.ErrOffsetNotAvailable
		}
		return storage.TimestampOffset{Timestamp: -1, Offset: bound, LeaderEpoch: partition.LeaderEpoch()}, nil
	case maxTimestampOffset:
		found, err = log.OffsetForMaxTimestamp()
	default:
		found, err = log.OffsetForTimestamp(timestamp)
	}
	switch {
	case err != nil:
		return noOffset, err
	case found.Offset < 0:
		return noOffset, nil
	case found.Offset < bound:
		return found, nil
	case unsure:
		return noOffset, replication.ErrOffsetNotAvailable
	}
	return noOffset, nil
}
