package share

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refusal is a code with the words that Kafka has for it.
type refusal struct {
	code    int16
	message string
}

var (
	negativePartition   = refusal{kerr.InvalidRequest.Code, "The partition id cannot be a negative number."}
	negativeLeaderEpoch = refusal{kerr.InvalidRequest.Code, "The leader epoch cannot be a negative number."}
	negativeStateEpoch  = refusal{kerr.InvalidRequest.Code, "The state epoch cannot be a negative number."}
	readUninitialized   = refusal{kerr.InvalidRequest.Code, "Read operation on uninitialized share partition not allowed."}
	writeUninitialized  = refusal{kerr.InvalidRequest.Code, "Write operation on uninitialized share partition not allowed."}
	fencedLeaderEpoch   = refusal{kerr.FencedLeaderEpoch.Code, "The leader epoch in the request is older than the epoch on the broker."}
	fencedStateEpoch    = refusal{kerr.FencedStateEpoch.Code, "The share coordinator rejected the request because the share-group state epoch did not match."}
	backwards           = refusal{kerr.UnknownServerError.Code, "A batch ends before it begins."}
	unknownPartition    = refusal{kerr.UnknownTopicOrPartition.Code, "This server does not host this topic-partition."}
)

// answer is the code and text for a response: 0 and nil without an error.
func (r *refusal) answer() (int16, *string) {
	if r == nil {
		return 0, nil
	}
	return r.code, &r.message
}

// request decides on a request about one share partition.
func (m *Machine) request(rq kmsg.Request) kmsg.Response {
	switch rq := rq.(type) {
	case *kmsg.InitializeShareGroupStateRequest:
		resp := kmsg.NewPtrInitializeShareGroupStateResponse()
		if len(rq.Topics) == 1 && len(rq.Topics[0].Partitions) == 1 {
			t := &rq.Topics[0]
			refused := m.initialize(Key{rq.GroupID, t.TopicID, t.Partitions[0].Partition}, &t.Partitions[0])
			rp := kmsg.NewInitializeShareGroupStateResponseTopicPartition()
			rp.Partition = t.Partitions[0].Partition
			rp.ErrorCode, rp.ErrorMessage = refused.answer()
			resp.Topics = []kmsg.InitializeShareGroupStateResponseTopic{{TopicID: t.TopicID, Partitions: []kmsg.InitializeShareGroupStateResponseTopicPartition{rp}}}
		}
		return resp
	case *kmsg.ReadShareGroupStateRequest:
		resp := kmsg.NewPtrReadShareGroupStateResponse()
		if len(rq.Topics) == 1 && len(rq.Topics[0].Partitions) == 1 {
			t := &rq.Topics[0]
			rp := m.read(Key{rq.GroupID, t.TopicID, t.Partitions[0].Partition}, t.Partitions[0].LeaderEpoch)
			resp.Topics = []kmsg.ReadShareGroupStateResponseTopic{{TopicID: t.TopicID, Partitions: []kmsg.ReadShareGroupStateResponseTopicPartition{rp}}}
		}
		return resp
	case *kmsg.WriteShareGroupStateRequest:
		resp := kmsg.NewPtrWriteShareGroupStateResponse()
		if len(rq.Topics) == 1 && len(rq.Topics[0].Partitions) == 1 {
			t := &rq.Topics[0]
			refused := m.write(Key{rq.GroupID, t.TopicID, t.Partitions[0].Partition}, &t.Partitions[0])
			rp := kmsg.NewWriteShareGroupStateResponseTopicPartition()
			rp.Partition = t.Partitions[0].Partition
			rp.ErrorCode, rp.ErrorMessage = refused.answer()
			resp.Topics = []kmsg.WriteShareGroupStateResponseTopic{{TopicID: t.TopicID, Partitions: []kmsg.WriteShareGroupStateResponseTopicPartition{rp}}}
		}
		return resp
	case *kmsg.DeleteShareGroupStateRequest:
		resp := kmsg.NewPtrDeleteShareGroupStateResponse()
		if len(rq.Topics) == 1 && len(rq.Topics[0].Partitions) == 1 {
			t := &rq.Topics[0]
			rp := kmsg.NewDeleteShareGroupStateResponseTopicPartition()
			rp.Partition = t.Partitions[0].Partition
			rp.ErrorCode, rp.ErrorMessage = m.remove(Key{rq.GroupID, t.TopicID, rp.Partition}).answer()
			resp.Topics = []kmsg.DeleteShareGroupStateResponseTopic{{TopicID: t.TopicID, Partitions: []kmsg.DeleteShareGroupStateResponseTopicPartition{rp}}}
		}
		return resp
	case *kmsg.ReadShareGroupStateSummaryRequest:
		resp := kmsg.NewPtrReadShareGroupStateSummaryResponse()
		if len(rq.Topics) == 1 && len(rq.Topics[0].Partitions) == 1 {
			t := &rq.Topics[0]
			rp := m.summary(Key{rq.GroupID, t.TopicID, t.Partitions[0].Partition})
			resp.Topics = []kmsg.ReadShareGroupStateSummaryResponseTopic{{TopicID: t.TopicID, Partitions: []kmsg.ReadShareGroupStateSummaryResponseTopicPartition{rp}}}
		}
		return resp
	}
	return nil
}

// exists reports whether the image has the partition that a share partition is of.
func (m *Machine) exists(k Key) bool {
	if m.image == nil {
		return false
	}
	t, ok := m.image.TopicByID(k.TopicID)
	return ok && int(k.Partition) < len(t.Partitions)
}

// initialize makes a share partition start over.
func (m *Machine) initialize(k Key, rq *kmsg.InitializeShareGroupStateRequestTopicPartition) *refusal {
	p := m.hard.partitions[k]
	switch {
	case k.Partition < 0:
		return &negativePartition
	case rq.StateEpoch < 0:
		return &negativeStateEpoch
	case p != nil && p.StateEpoch > rq.StateEpoch:
		return &fencedStateEpoch
	case !m.exists(k):
		return &unknownPartition
	case p != nil && p.State.StateEpoch == rq.StateEpoch: // asked twice, because the first answer was lost: what came since stays
		return nil
	}
	complete := int32(0)
	if rq.StartOffset == -1 {
		complete = -1 // where the group begins is not known yet
	}
	s := &State{StateEpoch: rq.StateEpoch, StartOffset: rq.StartOffset, DeliveryCompleteCount: complete, CreateTimestamp: m.now.UnixMilli(), WriteTimestamp: m.now.UnixMilli()}
	if p != nil {
		s.SnapshotEpoch = p.State.SnapshotEpoch + 1
	}
	m.out.Records = append(m.out.Records, &Snapshot{Key: k, State: s})
	return nil
}

// read hands the state to a leader of the partition, and fences the leaders before it.
func (m *Machine) read(k Key, leaderEpoch int32) kmsg.ReadShareGroupStateResponseTopicPartition {
	rp := kmsg.NewReadShareGroupStateResponseTopicPartition()
	rp.Partition = k.Partition
	p := m.hard.partitions[k]
	var refused *refusal
	switch {
	case k.Partition < 0:
		refused = &negativePartition
	case leaderEpoch < 0:
		refused = &negativeLeaderEpoch
	case p == nil:
		refused = &readUninitialized
	case p.LeaderEpoch > leaderEpoch:
		refused = &fencedLeaderEpoch
	case !m.exists(k):
		refused = &unknownPartition
	}
	if refused != nil {
		rp.ErrorCode, rp.ErrorMessage = refused.answer()
		return rp
	}
	rp.StateEpoch, rp.StartOffset = p.State.StateEpoch, p.State.StartOffset
	for _, b := range p.State.Batches {
		rp.StateBatches = append(rp.StateBatches, kmsg.ReadShareGroupStateResponseTopicPartitionStateBatch{
			FirstOffset: b.FirstOffset, LastOffset: b.LastOffset, DeliveryState: b.DeliveryState, DeliveryCount: b.DeliveryCount})
	}
	if p.LeaderEpoch != leaderEpoch {
		m.record(k, p, change{leaderEpoch: leaderEpoch, startOffset: p.State.StartOffset, complete: p.State.DeliveryCompleteCount})
	}
	return rp
}

// write takes over what a leader of the partition says.
func (m *Machine) write(k Key, rq *kmsg.WriteShareGroupStateRequestTopicPartition) *refusal {
	p := m.hard.partitions[k]
	switch {
	case k.Partition < 0:
		return &negativePartition
	case rq.LeaderEpoch < 0:
		return &negativeLeaderEpoch
	case rq.StateEpoch < 0:
		return &negativeStateEpoch
	case p == nil:
		return &writeUninitialized
	case p.LeaderEpoch > rq.LeaderEpoch:
		return &fencedLeaderEpoch
	case p.StateEpoch > rq.StateEpoch:
		return &fencedStateEpoch
	case !m.exists(k):
		return &unknownPartition
	case slices.ContainsFunc(rq.StateBatches, func(b kmsg.WriteShareGroupStateRequestTopicPartitionStateBatch) bool {
		return b.FirstOffset > b.LastOffset
	}):
		return &backwards
	}
	c := change{leaderEpoch: p.State.LeaderEpoch, startOffset: rq.StartOffset, complete: rq.DeliveryCompleteCount, batches: make([]Batch, 0, len(rq.StateBatches))}
	for _, b := range rq.StateBatches {
		c.batches = append(c.batches, Batch{FirstOffset: b.FirstOffset, LastOffset: b.LastOffset, DeliveryState: b.DeliveryState, DeliveryCount: b.DeliveryCount})
	}
	m.record(k, p, c)
	return nil
}

// change is what a read or a write does to a state.
type change struct {
	leaderEpoch int32
	startOffset int64
	complete    int32
	batches     []Batch
}

// record writes a change down: as an update, or as a snapshot when there are updates enough. A start offset that lies behind, or is
// -1, changes nothing, and then neither does the count that belongs to it.
func (m *Machine) record(k Key, p *partition, c change) {
	s := &p.State
	switch {
	case c.startOffset == s.StartOffset:
		c.complete = max(c.complete, s.DeliveryCompleteCount)
	case c.startOffset < s.StartOffset:
		c.startOffset, c.complete = s.StartOffset, s.DeliveryCompleteCount
	}
	if p.Updates < m.set.UpdatesPerSnapshot {
		m.out.Records = append(m.out.Records, &Update{Key: k, SnapshotEpoch: s.SnapshotEpoch, LeaderEpoch: c.leaderEpoch, StartOffset: c.startOffset,
			DeliveryCompleteCount: c.complete, Batches: combine(nil, c.batches, c.startOffset)})
		return
	}
	now := m.now.UnixMilli()
	m.out.Records = append(m.out.Records, &Snapshot{Key: k, State: &State{SnapshotEpoch: s.SnapshotEpoch + 1, StateEpoch: s.StateEpoch, LeaderEpoch: c.leaderEpoch,
		StartOffset: c.startOffset, DeliveryCompleteCount: c.complete, CreateTimestamp: now, WriteTimestamp: now, Batches: combine(s.Batches, c.batches, c.startOffset)}})
}

// remove ends a share partition. One that is not there is as good as removed.
func (m *Machine) remove(k Key) *refusal {
	switch {
	case k.Partition < 0:
		return &negativePartition
	case !m.exists(k):
		return &unknownPartition
	case m.hard.partitions[k] != nil:
		m.out.Records = append(m.out.Records, &Snapshot{Key: k})
	}
	return nil
}

// summary tells where a group stands in a partition.
func (m *Machine) summary(k Key) kmsg.ReadShareGroupStateSummaryResponseTopicPartition {
	rp := kmsg.NewReadShareGroupStateSummaryResponseTopicPartition()
	rp.Partition = k.Partition
	if k.Partition < 0 {
		rp.ErrorCode, rp.ErrorMessage = negativePartition.answer()
		return rp
	}
	if !m.exists(k) {
		rp.ErrorCode, rp.ErrorMessage = unknownPartition.answer()
		return rp
	}
	p := m.hard.partitions[k]
	if p == nil {
		rp.StartOffset, rp.DeliveryCompleteCount = -1, -1
		return rp
	}
	rp.StateEpoch, rp.LeaderEpoch = p.State.StateEpoch, p.State.LeaderEpoch
	rp.StartOffset, rp.DeliveryCompleteCount = p.State.StartOffset, p.State.DeliveryCompleteCount
	return rp
}
