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
	part.RecordBatches = []byte{}
	r := q.serving(ctx, ask.CurrentLeaderEpoch, time.Duration(max(rq.MaxWaitMillis, 0))*time.Millisecond)
	if part.ErrorCode = r.epochCode(ask.CurrentLeaderEpoch); part.ErrorCode == 0 {
		replica := rq.ReplicaID
		if rq.Version >= 15 {
			replica = rq.ReplicaState.ID
		}
		r.observers.note(replica, ask.ReplicaDirectoryID, ask.FetchOffset, q.log.Offsets().LogEnd, time.Now())
		if q.position(ask, &part) {
			q.serve(ctx, r, rq, ask, &part)
		}
		if r.ctx.Err() != nil { // what was read is committed, but the follower has to find the next leader
			part.ErrorCode, part.RecordBatches = kerr.NotLeaderForPartition.Code, []byte{}
		}
	}
	part.CurrentLeader.LeaderID, part.CurrentLeader.LeaderEpoch, _ = q.Active()
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

// serving is the reign of this node, nil if it does not lead. If it was only just elected it is waited for: before it has applied what earlier leaders
// committed, followers may be further than its log.
func (q *Quorum) serving(ctx context.Context, epoch int32, wait time.Duration) *reign {
	var timeout <-chan time.Time
	for {
		q.mu.Lock()
		r, v, changed, closed := q.reign, q.view, q.changed, q.closed || q.failure != nil
		q.mu.Unlock()
		if r != nil || closed || !v.known || v.leader != q.cfg.NodeID || epoch != v.epoch {
			return r
		}
		if timeout == nil {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-changed:
		case <-timeout:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// epochCode compares the epoch that a follower knows with that of this leader.
func (r *reign) epochCode(epoch int32) int16 {
	switch {
	case r == nil:
		return kerr.NotLeaderForPartition.Code
	case epoch < r.epoch:
		return kerr.FencedLeaderEpoch.Code
	case epoch > r.epoch:
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
func (q *Quorum) serve(ctx context.Context, r *reign, rq *kmsg.FetchRequest, ask *kmsg.FetchRequestTopicPartition, part *kmsg.FetchResponseTopicPartition) {
	if q.log.Offsets().HighWatermark <= min(ask.FetchOffset, ask.HighWatermark) {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(max(rq.MaxWaitMillis, 0))*time.Millisecond)
		stop := context.AfterFunc(r.ctx, cancel)
		q.log.AwaitCommit(ctx, ask.FetchOffset)
		stop()
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

// FetchSnapshot answers with a piece of a checkpoint (KIP-630). Followers without a vote get it from the leader only; other controllers, which were
// told of it by a leader, also from one that has ceased to lead since.
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
	part.CurrentLeader.LeaderID, part.CurrentLeader.LeaderEpoch, _ = q.Active()
	part.SnapshotID.EndOffset, part.SnapshotID.Epoch = ask.SnapshotID.EndOffset, ask.SnapshotID.Epoch
	if ask.Partition != Partition.Partition {
		part.ErrorCode = kerr.UnknownTopicOrPartition.Code
	} else if part.ErrorCode = q.snapshotCode(rq.ReplicaID, ask.CurrentLeaderEpoch); part.ErrorCode == 0 {
		q.readSnapshot(ask, int(min(max(rq.MaxBytes, 1), maxServed)), &part)
	}
	topic := kmsg.NewFetchSnapshotResponseTopic()
	topic.Topic = Partition.Topic
	topic.Partitions = append(topic.Partitions, part)
	resp.Topics = append(resp.Topics, topic)
	return resp
}

func (q *Quorum) snapshotCode(replica, epoch int32) int16 {
	for _, m := range q.members().List {
		if m.ID == replica {
			return 0
		}
	}
	q.mu.Lock()
	r := q.reign
	q.mu.Unlock()
	return r.epochCode(epoch)
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
