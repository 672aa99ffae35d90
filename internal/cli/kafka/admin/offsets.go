package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// Times of the protocol that are no times.
const (
	atEarliest = -2
	atLatest   = -1
)

// found is an offset that was asked for, or why there is none.
type found struct {
	offset int64
	err    error
}

// listOffsets asks leaders for offsets of partitions at a time.
func listOffsets(ctx context.Context, cluster *tool.Cluster, partitions []partition, at int64) (map[partition]found, error) {
	all := make(map[partition]found, len(partitions))
	if len(partitions) == 0 {
		return all, nil
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	for _, topic := range byTopic(partitions) {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic.name
		for _, index := range topic.partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = index, at
			t.Partitions = append(t.Partitions, p)
		}
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.ListOffsetsResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			all[partition{t.Topic, p.Partition}] = found{p.Offset, tool.Refused(p.ErrorCode, nil)}
		}
	}
	return all, nil
}

// topicPartitions is a topic and some of its partitions.
type topicPartitions struct {
	name       string
	partitions []int32
}

// byTopic gathers partitions by their topics, both in order.
func byTopic(partitions []partition) []topicPartitions {
	sorted := slices.Clone(partitions)
	slices.SortFunc(sorted, comparePartitions)
	var topics []topicPartitions
	for _, p := range sorted {
		if n := len(topics); n == 0 || topics[n-1].name != p.topic {
			topics = append(topics, topicPartitions{name: p.topic})
		}
		last := &topics[len(topics)-1]
		last.partitions = append(last.partitions, p.index)
	}
	return topics
}

func comparePartitions(a, b partition) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.index, b.index))
}

// hashPartitions are partitions in the order of a Java map.
func hashPartitions(partitions []partition) []partition {
	return tool.HashOrderFunc(partitions, func(p partition) int32 { return tool.PartitionHash(p.topic, p.index) })
}

// partitionsOf are all partitions of some topics; a topic that is not there is an error.
func partitionsOf(ctx context.Context, cluster *tool.Cluster, topics []string) ([]partition, error) {
	leaders, err := leadersOf(ctx, cluster, topics)
	return slices.SortedFunc(maps.Keys(leaders), comparePartitions), err
}

// unnamed is what Kafka's admin client says of a topic without a name, without asking a broker.
func unnamed() error {
	text := "The given topic name '' cannot be represented in a request."
	return tool.Refused(invalidTopic, &text)
}

// leadersOf are the leaders of all partitions of some topics, below 0 where there is none; a topic that is not there is an error.
func leadersOf(ctx context.Context, cluster *tool.Cluster, topics []string) (map[partition]int32, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	if slices.Contains(topics, "") {
		return nil, unnamed()
	}
	known, err := metadata(ctx, cluster, topics...)
	if err != nil {
		return nil, err
	}
	leaders := make(map[partition]int32)
	for _, t := range known.Topics {
		if err := tool.Refused(t.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, p := range t.Partitions {
			leaders[partition{*t.Topic, p.Partition}] = p.Leader
		}
	}
	return leaders, nil
}
