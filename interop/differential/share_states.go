package main

import (
	"encoding/base64"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// shareKey names share partitions of one group and topic for the share coordinator.
type shareKey struct {
	group string
	topic [16]byte
}

func (k shareKey) initializing(partition, stateEpoch int32, start int64) *kmsg.InitializeShareGroupStateRequest {
	req := kmsg.NewPtrInitializeShareGroupStateRequest()
	req.GroupID = k.group
	req.Topics = []kmsg.InitializeShareGroupStateRequestTopic{{TopicID: k.topic, Partitions: []kmsg.InitializeShareGroupStateRequestTopicPartition{
		{Partition: partition, StateEpoch: stateEpoch, StartOffset: start}}}}
	return req
}

func (k shareKey) reading(partition, leaderEpoch int32) *kmsg.ReadShareGroupStateRequest {
	req := kmsg.NewPtrReadShareGroupStateRequest()
	req.GroupID = k.group
	req.Topics = []kmsg.ReadShareGroupStateRequestTopic{{TopicID: k.topic, Partitions: []kmsg.ReadShareGroupStateRequestTopicPartition{
		{Partition: partition, LeaderEpoch: leaderEpoch}}}}
	return req
}

func (k shareKey) summarizing(partition, leaderEpoch int32) *kmsg.ReadShareGroupStateSummaryRequest {
	req := kmsg.NewPtrReadShareGroupStateSummaryRequest()
	req.GroupID = k.group
	req.Topics = []kmsg.ReadShareGroupStateSummaryRequestTopic{{TopicID: k.topic, Partitions: []kmsg.ReadShareGroupStateSummaryRequestTopicPartition{
		{Partition: partition, LeaderEpoch: leaderEpoch}}}}
	return req
}

func (k shareKey) deleting(partition int32) *kmsg.DeleteShareGroupStateRequest {
	req := kmsg.NewPtrDeleteShareGroupStateRequest()
	req.GroupID = k.group
	req.Topics = []kmsg.DeleteShareGroupStateRequestTopic{{TopicID: k.topic, Partitions: []kmsg.DeleteShareGroupStateRequestTopicPartition{{Partition: partition}}}}
	return req
}

// stateBatch is what became of the records between two offsets.
func stateBatch(first, last int64, state int8, count int16) kmsg.WriteShareGroupStateRequestTopicPartitionStateBatch {
	return kmsg.WriteShareGroupStateRequestTopicPartitionStateBatch{FirstOffset: first, LastOffset: last, DeliveryState: state, DeliveryCount: count}
}

func (k shareKey) writing(partition, stateEpoch, leaderEpoch int32, start int64, batches ...kmsg.WriteShareGroupStateRequestTopicPartitionStateBatch) *kmsg.WriteShareGroupStateRequest {
	req := kmsg.NewPtrWriteShareGroupStateRequest()
	req.GroupID = k.group
	p := kmsg.NewWriteShareGroupStateRequestTopicPartition()
	p.Partition, p.StateEpoch, p.LeaderEpoch, p.StartOffset, p.DeliveryCompleteCount, p.StateBatches = partition, stateEpoch, leaderEpoch, start, int32(len(batches)), batches
	req.Topics = []kmsg.WriteShareGroupStateRequestTopic{{TopicID: k.topic, Partitions: []kmsg.WriteShareGroupStateRequestTopicPartition{p}}}
	return req
}

// shareStates asks the share coordinator as brokers do.
func shareStates(s *side) {
	k := shareKey{"share-state", s.topic("share-state-t", 4)}
	// The coordinator's topic is made by whoever looks for one.
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorType, find.CoordinatorKeys = 2, []string{"share-state:" + base64.RawURLEncoding.EncodeToString(k.topic[:]) + ":0"}
	s.eventually("a share coordinator", func() bool {
		return s.quiet(6, find).(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode == 0
	})
	s.eventually("a share coordinator that is loaded", func() bool {
		for p := range int32(4) {
			resp := s.quiet(0, k.summarizing(p, 0)).(*kmsg.ReadShareGroupStateSummaryResponse)
			if code := resp.Topics[0].Partitions[0].ErrorCode; code == 14 || code == 15 || code == 16 {
				return false
			}
		}
		return true
	})
	s.do("read what is not there", 0, k.reading(0, 0))
	s.versions(kmsg.WriteShareGroupState, func(v int16) { s.do("write what is not there", v, k.writing(0, 0, 0, 0)) })
	s.shareSummaries("not there", k, 0)
	s.do("delete what is not there", 0, k.deleting(0))
	s.do("initialize", 0, k.initializing(0, 5, 100))
	s.shareSummaries("initialized", k, 0)
	s.do("initialize again with a later epoch", 0, k.initializing(0, 6, 50))
	s.do("initialize another twice", 0, k.initializing(3, 5, 100))
	s.do("initialize another twice, again", 0, k.initializing(3, 5, 50))
	s.do("read what was initialized twice", 0, k.reading(3, 0))
	s.do("initialize with an epoch gone by", 0, k.initializing(0, 4, 60))
	s.do("initialize without an offset", 0, k.initializing(1, 0, -1))
	s.do("initialize with a strange offset", 0, k.initializing(2, 0, -7))
	s.do("initialize with an epoch below 0", 0, k.initializing(2, -1, 0))
	s.do("read", 0, k.reading(0, 0))
	s.versions(kmsg.WriteShareGroupState, func(v int16) {
		w := func(step string, stateEpoch, leaderEpoch int32, start int64, batches ...kmsg.WriteShareGroupStateRequestTopicPartitionStateBatch) {
			s.do("write "+step, v, k.writing(0, stateEpoch, leaderEpoch, start, batches...))
			s.do("read after "+step, 0, k.reading(0, 3))
			s.shareSummaries("after "+step, k, 0)
		}
		state := 6 + int32(v)
		w("batches", state, 3, 50, stateBatch(50, 54, 0, 1), stateBatch(55, 59, 2, 2), stateBatch(60, 64, 4, 5))
		w("over them", state, 3, 50, stateBatch(52, 57, 2, 3))
		w("the same state beside it", state, 3, 50, stateBatch(65, 69, 4, 5))
		w("a later start", state, 3, 53, stateBatch(70, 70, 0, 1))
		w("no start", state, 3, -1, stateBatch(71, 71, 2, 1))
		w("a lower count", state, 3, 53, stateBatch(70, 70, 0, 0))
		w("nothing", state, 3, 53)
		w("by an old leader", state, 2, 53, stateBatch(72, 72, 2, 1))
		w("by a leader below 0", state, -1, 53, stateBatch(72, 72, 2, 1))
		w("of an old state", state-1, 3, 53, stateBatch(72, 72, 2, 1))
		w("of a state to come", state+1, 3, 53, stateBatch(72, 72, 2, 1))
		w("of a state below 0", -1, 3, 53, stateBatch(72, 72, 2, 1))
		w("backwards", state, 3, 53, stateBatch(80, 79, 2, 1))
		w("start far on", state, 3, 1000)
		s.do("initialize anew", 0, k.initializing(0, 7+int32(v), 50))
	})
	s.do("read by a new leader", 0, k.reading(0, 7))
	s.shareSummaries("by a new leader", k, 0)
	s.do("read by an old leader", 0, k.reading(0, 6))
	s.do("read by a leader below 0", 0, k.reading(0, -1))
	s.versions(kmsg.WriteShareGroupState, func(v int16) { s.do("written by the leader before", v, k.writing(0, 8, 3, 50)) })
	s.shareStatesRefused(k)
	s.do("delete", 0, k.deleting(0))
	s.do("delete again", 0, k.deleting(0))
	s.do("read what was deleted", 0, k.reading(0, 7))
	s.shareSummaries("deleted", k, 0)
	s.do("initialize what was deleted", 0, k.initializing(0, 0, 3))
	s.do("read what is there again", 0, k.reading(0, 0))
}

func (s *side) shareSummaries(step string, k shareKey, partition int32) {
	s.versions(kmsg.ReadShareGroupStateSummary, func(v int16) { s.do("summary "+step, v, k.summarizing(partition, 0)) })
}

// shareStatesRefused asks each API for what is not there.
func (s *side) shareStatesRefused(k shareKey) {
	for _, c := range []struct {
		step      string
		key       shareKey
		partition int32
	}{
		{"unknown topic", shareKey{k.group, unknownTopicID}, 0}, {"zero topic", shareKey{k.group, [16]byte{}}, 0},
		{"unknown partition", k, 9}, {"partition below 0", k, -1}, {"no group", shareKey{"", k.topic}, 0}, {"unknown group", shareKey{"share-state-none", k.topic}, 0},
	} {
		s.do("read of "+c.step, 0, c.key.reading(c.partition, 7))
		s.versions(kmsg.WriteShareGroupState, func(v int16) { s.do("write of "+c.step, v, c.key.writing(c.partition, 5, 7, 50)) })
		s.shareSummaries("of "+c.step, c.key, c.partition)
		s.do("delete of "+c.step, 0, c.key.deleting(c.partition))
		s.do("initialize of "+c.step, 0, c.key.initializing(c.partition, 0, 0))
	}
	s.do("read nothing", 0, &kmsg.ReadShareGroupStateRequest{GroupID: k.group})
	s.versions(kmsg.WriteShareGroupState, func(v int16) { s.do("write nothing", v, &kmsg.WriteShareGroupStateRequest{GroupID: k.group}) })
	s.versions(kmsg.ReadShareGroupStateSummary, func(v int16) {
		s.do("summary of nothing", v, &kmsg.ReadShareGroupStateSummaryRequest{GroupID: k.group})
	})
	s.do("delete nothing", 0, &kmsg.DeleteShareGroupStateRequest{GroupID: k.group})
	s.do("initialize nothing", 0, &kmsg.InitializeShareGroupStateRequest{GroupID: k.group})
	several := k.reading(0, 7)
	several.Topics[0].Partitions = append(several.Topics[0].Partitions, k.reading(1, 0).Topics[0].Partitions[0], k.reading(9, 0).Topics[0].Partitions[0])
	several.Topics = append(several.Topics, shareKey{k.group, unknownTopicID}.reading(0, 0).Topics[0])
	s.do("read several", 0, several)
	all := k.deleting(2)
	all.Topics[0].Partitions = append(all.Topics[0].Partitions, k.deleting(3).Topics[0].Partitions[0])
	s.do("delete several", 0, all)
}
