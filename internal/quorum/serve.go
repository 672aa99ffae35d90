package quorum

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metalog"
	"leat/internal/record"
	"leat/internal/storage"
)

// observers are the nodes that follow the log without a vote.
type observers struct {
	mu  sync.Mutex
	all map[int32]observer // guarded by mu
}

type observer struct {
	Replica
	endThen   int64 // the leader's log end when it fetched last
	fetchedAt time.Time
}

// observerGone is after how long without a fetch an observer is forgotten, as in Kafka.
const observerGone = 5 * time.Minute

// note keeps how far an observer has come. It is caught up as of the fetch before if it has now what the leader had then (KIP-836).
func (o *observers) note(id int32, dir record.UUID, offset, logEnd int64, now time.Time) {
	if id < 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[int32]observer{}
	}
	before := o.all[id]
	next := observer{Replica: Replica{NodeID: id, DirID: dir, LogEndOffset: offset, LastFetch: now, LastCaughtUp: before.LastCaughtUp}, endThen: logEnd, fetchedAt: now}
	switch {
	case offset >= logEnd:
		next.LastCaughtUp = now
	case offset >= before.endThen && !before.fetchedAt.IsZero():
		next.LastCaughtUp = before.fetchedAt
	}
	o.all[id] = next
	for other, x := range o.all {
		if now.Sub(x.LastFetch) > observerGone {
			delete(o.all, other)
		}
	}
}

func (o *observers) list(now time.Time) []Replica {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []Replica
	for _, x := range o.all {
		if now.Sub(x.LastFetch) <= observerGone {
			out = append(out, x.Replica)
		}
	}
	slices.SortFunc(out, func(a, b Replica) int { return int(a.NodeID) - int(b.NodeID) })
	return out
}

// maxServed bounds one answer to a follower, whatever it asks for.
const maxServed = metalog.MaxBatchBytes

// Fetch answers a node that follows the log (KIP-595): committed records from where it is, or what it has to do first. It waits, as long as the request
// says, until there is something that the follower does not have.
func (q *Quorum) Fetch(ctx context.Context, rq *kmsg.FetchRequest) *kmsg.FetchResponse {
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = rq.Version
	ask := metadataPart(rq)
	if ask == nil || ask.FetchOffset < 0 || ask.LastFetchedEpoch < 0 || ask.CurrentLeaderEpoch < 0 {
		resp.ErrorCode = kerr.InvalidRequest.Code
		return resp
	}
	part := kmsg.NewFetchResponseTopicPartition()
	part.CurrentLeader.LeaderID, part.CurrentLeader.LeaderEpoch = q.cfg.NodeID, q.epoch
	part.RecordBatches = []byte{}
	switch code := q.epochCode(ask.CurrentLeaderEpoch); {
	case code != 0:
		part.ErrorCode = code
	default:
		replica := rq.ReplicaID
		if rq.Version >= 15 {
			replica = rq.ReplicaState.ID
		}
		q.observers.note(replica, ask.ReplicaDirectoryID, ask.FetchOffset, q.log.Offsets().LogEnd, time.Now())
		if q.position(ask, &part) {
			q.serve(ctx, rq, ask, &part)
		}
	}
	topic := kmsg.NewFetchResponseTopic()
	topic.Topic, topic.TopicID = Partition.Topic, TopicID
	topic.Partitions = append(topic.Partitions, part)
	resp.Topics = append(resp.Topics, topic)
	return resp
}

// metadataPart is what is asked of the metadata log; nil if anything else is asked for.
func metadataPart(rq *kmsg.FetchRequest) *kmsg.FetchRequestTopicPartition {
	if len(rq.Topics) != 1 || len(rq.Topics[0].Partitions) != 1 || rq.Topics[0].Partitions[0].Partition != Partition.Partition {
		return nil
	}
	if rq.Version >= 13 && rq.Topics[0].TopicID != [16]byte(TopicID) || rq.Version < 13 && rq.Topics[0].Topic != Partition.Topic {
		return nil
	}
	return &rq.Topics[0].Partitions[0]
}

// epochCode compares the epoch that a follower knows with that of this leader.
func (q *Quorum) epochCode(epoch int32) int16 {
	switch {
	case epoch < q.epoch:
		return kerr.FencedLeaderEpoch.Code
	case epoch > q.epoch:
		return kerr.UnknownLeaderEpoch.Code
	}
	return 0
}

// position checks that the follower's log is a beginning of this one, and tells it otherwise: where its log parts from this, or which checkpoint to take because
// this log begins later.
func (q *Quorum) position(ask *kmsg.FetchRequestTopicPartition, part *kmsg.FetchResponseTopicPartition) bool {
	o := q.log.Offsets()
	part.HighWatermark, part.LastStableOffset, part.LogStartOffset = o.HighWatermark, o.HighWatermark, o.LogStart
	if ask.FetchOffset < o.LogStart {
		q.toCheckpoint(part)
		return false
	}
	if ask.FetchOffset == 0 && ask.LastFetchedEpoch == 0 {
		return true
	}
	epoch, end := q.log.EndOffsetForEpoch(ask.LastFetchedEpoch)
	if epoch < 0 && o.LogStart > 0 { // the epoch lies before what the log still has
		if ask.FetchOffset == o.LogStart {
			return true
		}
		q.toCheckpoint(part)
		return false
	}
	if epoch != ask.LastFetchedEpoch || end < ask.FetchOffset {
		if o.LogStart > 0 && ask.FetchOffset == o.LogStart {
			return true
		}
		part.DivergingEpoch.Epoch, part.DivergingEpoch.EndOffset = max(epoch, 0), max(end, 0)
		return false
	}
	return true
}

// toCheckpoint names the newest checkpoint.
func (q *Quorum) toCheckpoint(part *kmsg.FetchResponseTopicPartition) {
	c, ok, err := q.log.NewestCheckpoint()
	if err != nil || !ok {
		q.cfg.Logger.Error("metadata log begins after offset 0, and no checkpoint can be read", "dir", q.log.Path(), "err", err)
		part.ErrorCode = kerr.UnknownServerError.Code
		return
	}
	part.SnapshotID.EndOffset, part.SnapshotID.Epoch = c.End, c.Epoch
}

// serve reads committed records. Without any it waits, unless the follower does not know yet how much is committed.
func (q *Quorum) serve(ctx context.Context, rq *kmsg.FetchRequest, ask *kmsg.FetchRequestTopicPartition, part *kmsg.FetchResponseTopicPartition) {
	if q.log.Offsets().HighWatermark <= min(ask.FetchOffset, ask.HighWatermark) {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(max(rq.MaxWaitMillis, 0))*time.Millisecond)
		q.log.AwaitCommit(ctx, ask.FetchOffset)
		cancel()
	}
	o := q.log.Offsets()
	part.HighWatermark, part.LastStableOffset, part.LogStartOffset = o.HighWatermark, o.HighWatermark, o.LogStart
	if ask.FetchOffset >= o.HighWatermark {
		return
	}
	limit := min(int64(max(rq.MaxBytes, 0)), int64(max(ask.PartitionMaxBytes, 0)), maxServed)
	slice, err := q.log.Read(ask.FetchOffset, int(limit), storage.ReadUncommitted, true)
	if err == nil {
		data := make([]byte, slice.Len())
		var n int
		n, err = slice.ReadAt(data, 0)
		slice.Release()
		if n == len(data) {
			part.RecordBatches, err = data, nil
		}
	}
	if err != nil {
		q.cfg.Logger.Warn("metadata log could not be read for a follower", "dir", q.log.Path(), "offset", ask.FetchOffset, "err", err)
		part.ErrorCode = kerr.KafkaStorageError.Code
	}
}

// FetchSnapshot answers with a piece of a checkpoint (KIP-630).
func (q *Quorum) FetchSnapshot(rq *kmsg.FetchSnapshotRequest) *kmsg.FetchSnapshotResponse {
	resp := kmsg.NewPtrFetchSnapshotResponse()
	resp.Version = rq.Version
	if len(rq.Topics) != 1 || rq.Topics[0].Topic != Partition.Topic || len(rq.Topics[0].Partitions) != 1 {
		resp.ErrorCode = kerr.InvalidRequest.Code
		return resp
	}
	ask := &rq.Topics[0].Partitions[0]
	part := kmsg.NewFetchSnapshotResponseTopicPartition()
	part.Partition, part.Bytes = ask.Partition, []byte{}
	part.CurrentLeader.LeaderID, part.CurrentLeader.LeaderEpoch = q.cfg.NodeID, q.epoch
	part.SnapshotID.EndOffset, part.SnapshotID.Epoch = ask.SnapshotID.EndOffset, ask.SnapshotID.Epoch
	if ask.Partition != Partition.Partition {
		part.ErrorCode = kerr.UnknownTopicOrPartition.Code
	} else if part.ErrorCode = q.epochCode(ask.CurrentLeaderEpoch); part.ErrorCode == 0 {
		q.readSnapshot(ask, int(min(max(rq.MaxBytes, 1), maxServed)), &part)
	}
	topic := kmsg.NewFetchSnapshotResponseTopic()
	topic.Topic = Partition.Topic
	topic.Partitions = append(topic.Partitions, part)
	resp.Topics = append(resp.Topics, topic)
	return resp
}

func (q *Quorum) readSnapshot(ask *kmsg.FetchSnapshotRequestTopicPartition, limit int, part *kmsg.FetchSnapshotResponseTopicPartition) {
	id := metalog.Checkpoint{End: ask.SnapshotID.EndOffset, Epoch: ask.SnapshotID.Epoch}
	data, size, err := q.log.ReadCheckpoint(id, ask.Position, limit)
	switch {
	case errors.Is(err, os.ErrNotExist):
		part.ErrorCode = kerr.SnapshotNotFound.Code
	case err != nil:
		q.cfg.Logger.Warn("metadata checkpoint could not be read for a follower", "dir", q.log.Path(), "offset", id.End, "err", err)
		part.ErrorCode = kerr.KafkaStorageError.Code
	case ask.Position < 0 || ask.Position >= size:
		part.ErrorCode = kerr.PositionOutOfRange.Code
	default:
		part.Size, part.Position, part.Bytes = size, ask.Position, data
	}
}
