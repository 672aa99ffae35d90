package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// scenario is a sequence of requests. It runs on both sides with the same steps, so whatever it decides may only depend on
// answers that are compared.
type scenario struct {
	name string
	run  func(s *side)
}

// scenarios run one after the other, each with topics and groups of its own.
var scenarios = []scenario{
	{"versions", apiVersions},
	{"connections", connections},
	{"metadata", metadata},
	{"cluster", cluster},
	{"administration", administration},
	{"access control", accessControl},
	{"authentication", authentication},
	{"credentials", credentials},
	{"tokens-over-plaintext", tokensOverPlaintext},
	{"client quotas", clientQuotas},
	{"controller listener", controllerListener},
	{"create topics", createTopics},
	{"create partitions", createPartitions},
	{"delete topics", deleteTopics},
	{"describe configs", describeConfigs},
	{"alter configs", alterConfigs},
	{"incremental alter configs", incrementalAlterConfigs},
	{"list config resources", listConfigResources},
	{"produce", produce},
	{"produce by config", produceByConfig},
	{"produce idempotent", produceIdempotent},
	{"producer ids", producerIDs},
	{"fetch", fetch},
	{"fetch sessions", fetchSessions},
	{"list offsets", listOffsets},
	{"delete records", deleteRecords},
	{"epochs", offsetForLeaderEpoch},
	{"log dirs", describeLogDirs},
	{"coordinators", findCoordinator},
	{"group life", groupLife},
	{"group errors", groupErrors},
	{"group static members", groupStatic},
	{"group leave", groupLeave},
	{"group rebalance", groupRebalance},
	{"offsets commit", offsetsCommit},
	{"offsets fetch", offsetsFetch},
	{"offsets delete", offsetsDelete},
	{"groups described", groupsDescribed},
	{"groups deleted", groupsDeleted},
	{"consumer groups", consumerGroups},
	{"consumer pairs", consumerPairs},
	{"streams groups", streamsGroups},
	{"streams pairs", streamsPairs},
	{"migrations", migrations},
	{"group kinds", groupKinds},
	{"share groups", shareGroups},
	{"share topics", shareLosesTopic},
	{"share records", shareRecords},
	{"share sessions", shareSessionsEnd},
	{"share deleted", shareReadsDeleted},
	{"share standing", shareStanding},
	{"share states", shareStates},
	{"share offsets", shareGroupOffsets},
	{"offsets by id", offsetsByID},
	{"regular expressions", regularExpressions},
	{"transactions", transactions},
	{"zombies", zombies},
}

// withoutMigration run on brokers where groups keep the protocol that they have.
var withoutMigration = []scenario{
	{"migrations disabled", migrationsDisabled},
	{"two phases disabled", twoPhasesDisabled},
}

// ask is one request of many that change nothing and are sent in every version.
type ask struct {
	step string
	req  func() kmsg.Request
}

func (s *side) askAll(key kmsg.Key, asks ...ask) {
	s.versions(key, func(v int16) {
		for _, a := range asks {
			s.asked = v
			s.do(a.step, v, a.req())
		}
	})
}

// A topic id that neither cluster has.
var unknownTopicID = [16]byte{0xde, 0xad, 1, 2, 3, 4, 0x45, 6, 0x87, 8, 9, 10, 11, 12, 13, 14}

func ptr[T any](v T) *T { return &v }

// topic makes a topic and waits until the broker serves all of its partitions. Settings come in pairs of key and value.
func (s *side) topic(name string, partitions int32, config ...string) [16]byte {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10000
	req.Topics = []kmsg.CreateTopicsRequestTopic{newTopic(name, partitions, 1, config...)}
	resp := s.quiet(7, req).(*kmsg.CreateTopicsResponse)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		panic(fmt.Sprintf("create %s: error %d", name, code))
	}
	s.names.topics[resp.Topics[0].TopicID] = "of " + name
	s.awaitTopic(name, partitions)
	return resp.Topics[0].TopicID
}

func newTopic(name string, partitions int32, replicas int16, config ...string) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, replicas
	for i := 0; i+1 < len(config); i += 2 {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = config[i], ptr(config[i+1])
		t.Configs = append(t.Configs, c)
	}
	return t
}

// awaitTopic waits until metadata shows a leader for each partition, and that leader leads: metadata may be ahead of it.
func (s *side) awaitTopic(name string, partitions int32) {
	s.eventually("topic "+name, func() bool {
		resp := s.quiet(12, metadataOf(name)).(*kmsg.MetadataResponse)
		if resp.Topics[0].ErrorCode != 0 || int32(len(resp.Topics[0].Partitions)) != partitions {
			return false
		}
		for _, p := range s.offsets(name, partitions, -1) {
			if p.ErrorCode != 0 {
				return false
			}
		}
		return true
	})
}

// awaitGone waits until the broker knows no such topic.
func (s *side) awaitGone(name string) {
	s.eventually("the end of topic "+name, func() bool {
		return s.quiet(12, metadataOf(name)).(*kmsg.MetadataResponse).Topics[0].ErrorCode == 3
	})
}

func (s *side) offsets(name string, partitions int32, timestamp int64) []kmsg.ListOffsetsResponseTopicPartition {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = name
	for p := range partitions {
		t.Partitions = append(t.Partitions, offsetQuery(p, timestamp))
	}
	req.Topics = append(req.Topics, t)
	return s.quiet(7, req).(*kmsg.ListOffsetsResponse).Topics[0].Partitions
}

func offsetQuery(partition int32, timestamp int64) kmsg.ListOffsetsRequestTopicPartition {
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp, p.MaxNumOffsets = partition, timestamp, 1
	return p
}

// metadataOf asks for topics by name, without creating them.
func metadataOf(names ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = ptr(name)
		req.Topics = append(req.Topics, t)
	}
	return req
}
