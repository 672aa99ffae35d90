package main

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func creation(validate bool, topics ...kmsg.CreateTopicsRequestTopic) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics, req.ValidateOnly, req.TimeoutMillis = topics, validate, 10000
	return req
}

// assigned is a topic with replicas chosen by the client, one list for each partition from first on.
func assigned(name string, first int32, replicas ...[]int32) kmsg.CreateTopicsRequestTopic {
	t := newTopic(name, -1, -1)
	for i, r := range replicas {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = first+int32(i), r
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	return t
}

func createTopics(s *side) {
	s.topic("create.collides_here", 1)
	s.topic("create-there", 1)
	s.versions(kmsg.CreateTopics, func(v int16) {
		s.refusedTopics(v)
		s.acceptedTopics(v)
	})
}

// refusedTopics are sent with and without the order to validate only: none of them makes a topic.
func (s *side) refusedTopics(v int16) {
	count := func(partitions int32, replicas int16) kmsg.CreateTopicsRequestTopic {
		return newTopic("create-none", partitions, replicas)
	}
	with := func(config ...string) kmsg.CreateTopicsRequestTopic { return newTopic("create-none", 1, 1, config...) }
	null := with("retention.ms", "")
	null.Configs[0].Value = nil
	both := assigned("create-none", 0, []int32{1})
	both.NumPartitions, both.ReplicationFactor = 1, 1
	for _, of := range []struct {
		step   string
		topics []kmsg.CreateTopicsRequestTopic
	}{
		{"no topics", nil},
		{"exists", []kmsg.CreateTopicsRequestTopic{newTopic("create-there", 1, 1)}},
		{"exists and bad partitions", []kmsg.CreateTopicsRequestTopic{newTopic("create-there", 0, 1)}},
		{"name collides", []kmsg.CreateTopicsRequestTopic{newTopic("create_collides.here", 1, 1)}},
		{"names collide in the request", []kmsg.CreateTopicsRequestTopic{newTopic("create-none.x", 0, 1), newTopic("create-none_x", 0, 1)}},
		{"twice in the request", []kmsg.CreateTopicsRequestTopic{count(1, 1), count(2, 1), newTopic("create-there", 1, 1)}},
		{"bad names", []kmsg.CreateTopicsRequestTopic{newTopic("", 1, 1), newTopic(".", 1, 1), newTopic("..", 1, 1), newTopic("a b", 1, 1), newTopic(strings.Repeat("x", 250), 1, 1), newTopic("ü", 1, 1)}},
		{"metadata topic", []kmsg.CreateTopicsRequestTopic{newTopic("__cluster_metadata", 1, 1)}},
		{"0 partitions", []kmsg.CreateTopicsRequestTopic{count(0, 1)}},
		{"-2 partitions", []kmsg.CreateTopicsRequestTopic{count(-2, 1)}},
		{"0 replicas", []kmsg.CreateTopicsRequestTopic{count(1, 0)}},
		{"-2 replicas", []kmsg.CreateTopicsRequestTopic{count(1, -2)}},
		{"too many replicas", []kmsg.CreateTopicsRequestTopic{count(1, 2)}},
		{"too many partitions", []kmsg.CreateTopicsRequestTopic{count(1000000, 1)}},
		{"unknown broker", []kmsg.CreateTopicsRequestTopic{assigned("create-none", 0, []int32{7})}},
		{"broker twice", []kmsg.CreateTopicsRequestTopic{assigned("create-none", 0, []int32{1, 1})}},
		{"negative broker", []kmsg.CreateTopicsRequestTopic{assigned("create-none", 0, []int32{-1})}},
		{"no replicas", []kmsg.CreateTopicsRequestTopic{assigned("create-none", 0, []int32{})}},
		{"unequal replicas", []kmsg.CreateTopicsRequestTopic{assigned("create-none", 0, []int32{1}, []int32{1, 2})}},
		{"assignment from partition 1 on", []kmsg.CreateTopicsRequestTopic{assigned("create-none", 1, []int32{1})}},
		{"assignment and counts", []kmsg.CreateTopicsRequestTopic{both}},
		{"unknown config", []kmsg.CreateTopicsRequestTopic{with("no.such.config", "1")}},
		{"bad number", []kmsg.CreateTopicsRequestTopic{with("retention.ms", "soon")}},
		{"out of range", []kmsg.CreateTopicsRequestTopic{with("segment.bytes", "1")}},
		{"bad choice", []kmsg.CreateTopicsRequestTopic{with("compression.type", "rar")}},
		{"bad policy", []kmsg.CreateTopicsRequestTopic{with("cleanup.policy", "burn")}},
		{"bad boolean", []kmsg.CreateTopicsRequestTopic{with("preallocate", "maybe")}},
		{"bad replicas list", []kmsg.CreateTopicsRequestTopic{with("leader.replication.throttled.replicas", "x")}},
		{"min in-sync 0", []kmsg.CreateTopicsRequestTopic{with("min.insync.replicas", "0")}},
		{"null config", []kmsg.CreateTopicsRequestTopic{null}},
		{"remote storage", []kmsg.CreateTopicsRequestTopic{with("remote.storage.enable", "true")}},
		{"local retention above", []kmsg.CreateTopicsRequestTopic{with("retention.ms", "1000", "local.retention.ms", "2000")}},
		{"compaction lags cross", []kmsg.CreateTopicsRequestTopic{with("min.compaction.lag.ms", "2000", "max.compaction.lag.ms", "1000")}},
		{"broker's key", []kmsg.CreateTopicsRequestTopic{with("log.retention.ms", "1")}},
	} {
		if v < 1 {
			continue
		}
		s.do(of.step+", validated", v, creation(true, of.topics...))
		if of.step != "null config" && of.step != "twice in the request" && of.step != "local retention above" && of.step != "compaction lags cross" {
			s.do(of.step, v, creation(false, of.topics...))
		}
	}
}

// acceptedTopics makes topics, in this version under names of its own.
func (s *side) acceptedTopics(v int16) {
	name := func(what string) string { return fmt.Sprintf("create-%s-%d", what, v) }
	s.do("validated only", v, creation(true, newTopic(name("validated"), 3, 1, "retention.ms", "1000")))
	s.do("validated by defaults", v, creation(true, newTopic(name("validated"), -1, -1)))
	s.do("made", v, creation(false,
		newTopic(name("plain"), 3, 1),
		newTopic(name("default"), -1, -1),
		assigned(name("assigned"), 0, []int32{1}, []int32{1}),
		newTopic(name("config"), 1, 1, "retention.ms", "1000", "cleanup.policy", "compact,delete", "segment.bytes", "1048576"),
		newTopic(name("spaced"), 1, 1, "retention.ms", " 1000 ", "cleanup.policy", "compact, delete"),
		newTopic(name("bad"), 0, 1)))
	s.awaitTopic(name("plain"), 3)
	s.awaitTopic(name("spaced"), 1)
	s.do("made again", v, creation(false, newTopic(name("plain"), 3, 1)))
	s.do("as metadata shows them", 12, metadataOf(name("plain"), name("default"), name("assigned"), name("config"), name("validated")))
}

func deleteTopics(s *side) {
	deletion := func(v int16, names ...string) *kmsg.DeleteTopicsRequest {
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.TopicNames, req.TimeoutMillis = names, 10000
		for _, name := range names {
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.Topic = ptr(name)
			req.Topics = append(req.Topics, t)
		}
		return req
	}
	by := func(id [16]byte, name *string) kmsg.DeleteTopicsRequestTopic {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.TopicID, t.Topic = id, name
		return t
	}
	s.versions(kmsg.DeleteTopics, func(v int16) {
		one, two := fmt.Sprintf("delete-one-%d", v), fmt.Sprintf("delete-two-%d", v)
		s.topic(one, 1)
		s.topic(two, 2)
		s.do("nothing", v, deletion(v))
		s.do("unknown", v, deletion(v, "delete-none"))
		s.do("invalid name", v, deletion(v, "bad name", ""))
		s.do("twice in the request", v, deletion(v, one, one))
		s.do("one known, one not", v, deletion(v, two, "delete-none"))
		s.awaitGone(two)
		s.do("again", v, deletion(v, two))
	})
	id := s.topic("delete-id", 1)
	other := s.topic("delete-other", 1)
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 10000
	for _, of := range []struct {
		step   string
		topics []kmsg.DeleteTopicsRequestTopic
	}{
		{"unknown id", []kmsg.DeleteTopicsRequestTopic{by(unknownTopicID, nil)}},
		{"zero id", []kmsg.DeleteTopicsRequestTopic{by([16]byte{}, nil)}},
		{"id and name", []kmsg.DeleteTopicsRequestTopic{by(id, ptr("delete-id"))}},
		{"id and wrong name", []kmsg.DeleteTopicsRequestTopic{by(id, ptr("delete-other"))}},
		{"id twice", []kmsg.DeleteTopicsRequestTopic{by(id, nil), by(id, nil)}},
		{"once by id, once by name", []kmsg.DeleteTopicsRequestTopic{by(id, nil), by([16]byte{}, ptr("delete-id"))}},
		{"by id", []kmsg.DeleteTopicsRequestTopic{by(other, nil)}},
	} {
		req.Topics = of.topics
		s.do(of.step, 6, req)
	}
	s.awaitGone("delete-other")
	s.do("metadata of an id that is gone", 12, func() kmsg.Request {
		req := metadataOf()
		t := kmsg.NewMetadataRequestTopic()
		t.TopicID = other
		req.Topics = append(req.Topics, t)
		return req
	}())
}

func createPartitions(s *side) {
	s.topic("partitions-two", 2)
	grow := func(validate bool, topic string, count int32, replicas ...[]int32) kmsg.CreatePartitionsRequest {
		req := kmsg.NewCreatePartitionsRequest()
		req.TimeoutMillis, req.ValidateOnly = 10000, validate
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = topic, count
		for _, r := range replicas {
			a := kmsg.NewCreatePartitionsRequestTopicAssignment()
			a.Replicas = r
			t.Assignment = append(t.Assignment, a)
		}
		req.Topics = append(req.Topics, t)
		return req
	}
	s.versions(kmsg.CreatePartitions, func(v int16) {
		for _, validate := range []bool{true, false} {
			do := func(step string, req kmsg.CreatePartitionsRequest) {
				if validate {
					step += ", validated"
				}
				s.do(step, v, &req)
			}
			do("unknown topic", grow(validate, "partitions-none", 3))
			do("invalid name", grow(validate, "bad name", 3))
			do("as many as there are", grow(validate, "partitions-two", 2))
			do("fewer", grow(validate, "partitions-two", 1))
			do("none", grow(validate, "partitions-two", 0))
			do("negative", grow(validate, "partitions-two", -1))
			do("far too many", grow(validate, "partitions-two", 1000000))
			do("assignment of too few", grow(validate, "partitions-two", 4, []int32{1}))
			do("assignment of too many", grow(validate, "partitions-two", 3, []int32{1}, []int32{1}))
			do("assignment to an unknown broker", grow(validate, "partitions-two", 3, []int32{7}))
			do("assignment to a broker twice", grow(validate, "partitions-two", 3, []int32{1, 1}))
			do("assignment to nobody", grow(validate, "partitions-two", 3, []int32{}))
			twice := grow(validate, "partitions-two", 2)
			twice.Topics = append(twice.Topics, twice.Topics...)
			do("twice in the request", twice)
			do("nothing", kmsg.NewCreatePartitionsRequest())
		}
		name := fmt.Sprintf("partitions-grow-%d", v)
		s.topic(name, 1)
		validated, real, chosen := grow(true, name, 3), grow(false, name, 3), grow(false, name, 5, []int32{1}, []int32{1})
		s.do("three, validated", v, &validated)
		s.do("three", v, &real)
		s.awaitTopic(name, 3)
		s.do("five by assignment", v, &chosen)
		s.awaitTopic(name, 5)
		s.do("as metadata shows it", 12, metadataOf(name))
	})
}
