package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func listOffsets(s *side) {
	s.topic("offsets-1", 2)
	first, second := plain("a", "b", "c"), plain("d", "e")
	second.first, second.max = longAgo+1000, longAgo+2000
	second.records[0].at, second.records[1].at = longAgo+2000, longAgo+1000
	third := plain("f")
	third.first, third.max, third.records[0].at = longAgo+500, longAgo+500, longAgo+500
	third.codec = 1
	s.fill("offsets-1", 0, first, second, third)
	at := func(topic string, partition int32, timestamp int64) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrListOffsetsRequest()
			req.ReplicaID, req.TimeoutMillis = -1, 1000
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = topic
			t.Partitions = append(t.Partitions, offsetQuery(partition, timestamp))
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	with := func(change func(*kmsg.ListOffsetsRequest)) func() kmsg.Request {
		return func() kmsg.Request {
			req := at("offsets-1", 0, -1)().(*kmsg.ListOffsetsRequest)
			change(req)
			return req
		}
	}
	var asks []ask
	for special := int64(-1); special >= -8; special-- {
		asks = append(asks,
			ask{fmt.Sprintf("special %d", special), at("offsets-1", 0, special)},
			ask{fmt.Sprintf("special %d of an empty partition", special), at("offsets-1", 1, special)})
	}
	for _, of := range []struct {
		step string
		at   int64
	}{
		{"before everything", 0}, {"1", 1}, {"exact", longAgo + 1}, {"between", longAgo + 3}, {"in the third batch", longAgo + 500},
		{"out of order", longAgo + 1000}, {"late", longAgo + 1999}, {"latest", longAgo + 2000}, {"after everything", longAgo + 2001},
	} {
		asks = append(asks, ask{"by time: " + of.step, at("offsets-1", 0, of.at)})
	}
	asks = append(asks,
		ask{"by time in an empty partition", at("offsets-1", 1, longAgo)},
		ask{"unknown partition", at("offsets-1", 9, -1)},
		ask{"unknown topic", at("offsets-none", 0, -1)},
		ask{"invalid topic", at("bad name", 0, -1)},
		ask{"metadata log", at("__cluster_metadata", 0, -1)},
		ask{"read committed", with(func(r *kmsg.ListOffsetsRequest) { r.IsolationLevel = 1 })},
		ask{"read committed by time", with(func(r *kmsg.ListOffsetsRequest) {
			r.IsolationLevel, r.Topics[0].Partitions[0].Timestamp = 1, longAgo
		})},
		ask{"isolation level 7", with(func(r *kmsg.ListOffsetsRequest) { r.IsolationLevel = 7 })},
		ask{"leader epoch", with(func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = 0 })},
		ask{"leader epoch ahead", with(func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = 5 })},
		ask{"a partition twice", with(func(r *kmsg.ListOffsetsRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, offsetQuery(0, -2))
		})},
		ask{"nothing", with(func(r *kmsg.ListOffsetsRequest) { r.Topics = nil })},
		ask{"from a debugging consumer", with(func(r *kmsg.ListOffsetsRequest) { r.ReplicaID = -2 })},
	)
	s.askAll(kmsg.ListOffsets, asks...)
}

func deleteRecords(s *side) {
	s.versions(kmsg.DeleteRecords, func(v int16) {
		topic := fmt.Sprintf("records-%d", v)
		id := s.topic(topic, 1)
		compacted := topic + "-compacted"
		s.topic(compacted, 1, "cleanup.policy", "compact")
		s.fill(topic, 0, plain("a", "b", "c"), plain("d"))
		do := func(step, topic string, partition int32, offset int64) {
			req := kmsg.NewPtrDeleteRecordsRequest()
			req.TimeoutMillis = 5000
			t := kmsg.NewDeleteRecordsRequestTopic()
			t.Topic = topic
			p := kmsg.NewDeleteRecordsRequestTopicPartition()
			p.Partition, p.Offset = partition, offset
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
			s.do(step, v, req)
		}
		do("none", topic, 0, 0)
		do("in a batch", topic, 0, 1)
		do("again", topic, 0, 1)
		do("backwards", topic, 0, 0)
		s.do("read below the start", 12, fetchOf(topic, id, 0, 0))
		s.do("read from the start", 12, fetchOf(topic, id, 0, 1))
		do("beyond the end", topic, 0, 5)
		do("negative", topic, 0, -2)
		do("unknown partition", topic, 9, 0)
		do("unknown topic", "records-none", 0, 0)
		do("invalid topic", "bad name", 0, 0)
		do("compacted", compacted, 0, 0)
		do("internal topic", "__consumer_offsets", 0, 0)
		do("to the end", topic, 0, -1)
		s.do("read the empty log", 12, fetchOf(topic, id, 0, 4))
		s.do("nothing", v, kmsg.NewPtrDeleteRecordsRequest())
		for _, at := range []int64{-1, -2, -3, -4, -5, -6, longAgo} {
			req := kmsg.NewPtrListOffsetsRequest()
			req.ReplicaID = -1
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = topic
			t.Partitions = append(t.Partitions, offsetQuery(0, at))
			req.Topics = append(req.Topics, t)
			s.do(fmt.Sprintf("offsets afterwards, %d", at), s.last(kmsg.ListOffsets), req)
		}
	})
}

func offsetForLeaderEpoch(s *side) {
	s.topic("epochs-1", 2)
	s.fill("epochs-1", 0, plain("a", "b"))
	at := func(topic string, partition, current, epoch int32) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrOffsetForLeaderEpochRequest()
			req.ReplicaID = -1
			t := kmsg.NewOffsetForLeaderEpochRequestTopic()
			t.Topic = topic
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = partition, current, epoch
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	s.askAll(kmsg.OffsetForLeaderEpoch,
		ask{"epoch 0", at("epochs-1", 0, -1, 0)},
		ask{"epoch 0 of an empty partition", at("epochs-1", 1, -1, 0)},
		ask{"current epoch given", at("epochs-1", 0, 0, 0)},
		ask{"current epoch ahead", at("epochs-1", 0, 5, 0)},
		ask{"epoch ahead", at("epochs-1", 0, -1, 5)},
		ask{"no epoch", at("epochs-1", 0, -1, -1)},
		ask{"epoch -2", at("epochs-1", 0, -1, -2)},
		ask{"unknown partition", at("epochs-1", 9, -1, 0)},
		ask{"unknown topic", at("epochs-none", 0, -1, 0)},
		ask{"nothing", func() kmsg.Request { return kmsg.NewPtrOffsetForLeaderEpochRequest() }},
	)
}

func describeLogDirs(s *side) {
	s.topic("dirs-1", 2)
	s.fill("dirs-1", 0, plain("a", "b"))
	of := func(topics ...string) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrDescribeLogDirsRequest()
			req.Topics = []kmsg.DescribeLogDirsRequestTopic{}
			for _, name := range topics {
				t := kmsg.NewDescribeLogDirsRequestTopic()
				t.Topic, t.Partitions = name, []int32{0, 1, 9}
				req.Topics = append(req.Topics, t)
			}
			return req
		}
	}
	s.askAll(kmsg.DescribeLogDirs,
		ask{"one topic", of("dirs-1")},
		ask{"no topics", of()},
		ask{"unknown topic", of("dirs-none")},
		ask{"known and unknown", of("dirs-1", "dirs-none")},
	)
	s.alterReplicaLogDirs("dirs-1")
}

// alterReplicaLogDirs asks for moves between directories, of which the nodes have one each.
func (s *side) alterReplicaLogDirs(known string) {
	move := func(dir, topic string, partitions ...int32) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrAlterReplicaLogDirsRequest()
			t := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
			t.Topic, t.Partitions = topic, partitions
			d := kmsg.NewAlterReplicaLogDirsRequestDir()
			d.Dir, d.Topics = dir, append(d.Topics, t)
			req.Dirs = append(req.Dirs, d)
			return req
		}
	}
	s.askAll(kmsg.AlterReplicaLogDirs,
		ask{"to where it lies", move(s.dir, known, 0)},
		ask{"unknown directory", move("/nowhere", known, 0)},
		ask{"relative directory", move("nowhere", known, 0)},
		ask{"unknown topic", move(s.dir, "dirs-none", 0)},
		ask{"unknown partition", move(s.dir, known, 0, 9)},
		ask{"nothing", func() kmsg.Request { return kmsg.NewPtrAlterReplicaLogDirsRequest() }},
	)
}
