package admin

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// topicDescription is a topic as kafka-topics shows it.
type topicDescription struct {
	name       string
	id         [16]byte
	partitions []kmsg.DescribeTopicPartitionsResponseTopicPartition
	configs    []kmsg.DescribeConfigsResponseResourceConfig
}

func describeTopics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	names, err := describedNames(ctx, c, cluster)
	if err != nil {
		return err
	}
	described, err := describePartitions(ctx, cluster, names, c.Int32("partition-size-limit-per-response"))
	if err = tool.First(c.Wrong(), err); err != nil {
		return err
	}
	configs, err := describeConfigs(ctx, cluster, kmsg.ConfigResourceTypeTopic, names, false)
	if err != nil {
		return err
	}
	about, err := tool.Ask[*kmsg.DescribeClusterResponse](ctx, cluster, kmsg.NewPtrDescribeClusterRequest())
	if err != nil {
		return err
	}
	var live []int32
	for _, b := range about.Brokers {
		live = append(live, b.NodeID)
	}
	moves, err := reassignments(ctx, cluster)
	if err != nil && !tool.IsRefused(err, clusterUnauthorized) && !tool.IsRefused(err, notSupported) {
		return err
	}
	for _, name := range tool.SizedHashOrder(names) {
		t := described[name]
		t.configs = configs[name]
		printTopic(c, t, moves, live)
	}
	return nil
}

// describedNames are the topics to describe: by an id, or by a name or expression.
func describedNames(ctx context.Context, c *tool.Call, cluster *tool.Cluster) ([]string, error) {
	text := c.Value("topic-id")
	if text == "" {
		names, err := chosenTopics(ctx, c, cluster)
		return names, tool.First(err, existing(c, names))
	}
	uuid, err := parseID(text)
	if err != nil {
		return nil, err
	}
	all, err := metadata(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if uuid == [16]byte{} {
		names, err := chosenTopics(ctx, c, cluster)
		return names, tool.First(err, existing(c, names))
	}
	for _, t := range all.Topics {
		if t.TopicID == uuid && t.Topic != nil && !(t.IsInternal && c.Has("exclude-internal")) {
			return []string{*t.Topic}, nil
		}
	}
	if c.Has("if-exists") {
		return nil, nil
	}
	return nil, tool.Illegal("TopicId '%s' does not exist as expected", id(uuid))
}

// describePartitions asks for topics, page by page.
func describePartitions(ctx context.Context, cluster *tool.Cluster, names []string, limit int32) (map[string]*topicDescription, error) {
	all := make(map[string]*topicDescription, len(names))
	request := kmsg.NewPtrDescribeTopicPartitionsRequest()
	request.ResponsePartitionLimit = cmp.Or(limit, 2000)
	for _, name := range names {
		t := kmsg.NewDescribeTopicPartitionsRequestTopic()
		t.Topic = name
		request.Topics = append(request.Topics, t)
	}
	for len(names) > 0 {
		answer, err := tool.Ask[*kmsg.DescribeTopicPartitionsResponse](ctx, cluster, request)
		if err != nil {
			return nil, err
		}
		for _, t := range answer.Topics {
			if err := tool.Refused(t.ErrorCode, nil); err != nil {
				return nil, err
			}
			d := all[*t.Topic]
			if d == nil {
				d = &topicDescription{name: *t.Topic, id: t.TopicID}
				all[*t.Topic] = d
			}
			d.partitions = append(d.partitions, t.Partitions...)
		}
		if answer.NextCursor == nil {
			break
		}
		cursor := kmsg.NewDescribeTopicPartitionsRequestCursor()
		cursor.Topic, cursor.Partition = answer.NextCursor.Topic, answer.NextCursor.Partition
		request.Cursor = &cursor
		request.Topics = slices.DeleteFunc(request.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic < cursor.Topic })
	}
	for _, d := range all {
		slices.SortFunc(d.partitions, func(a, b kmsg.DescribeTopicPartitionsResponseTopicPartition) int {
			return cmp.Compare(a.Partition, b.Partition)
		})
	}
	return all, nil
}

// describeConfigs asks for the settings of resources of one kind, by their names.
func describeConfigs(ctx context.Context, cluster *tool.Cluster, kind kmsg.ConfigResourceType, names []string, synonyms bool) (map[string][]kmsg.DescribeConfigsResponseResourceConfig, error) {
	all := make(map[string][]kmsg.DescribeConfigsResponseResourceConfig, len(names))
	if len(names) == 0 {
		return all, nil
	}
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.IncludeSynonyms = synonyms
	for _, name := range names {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kind, name
		request.Resources = append(request.Resources, r)
	}
	answer, err := tool.Ask[*kmsg.DescribeConfigsResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	for _, r := range answer.Resources {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			return nil, err
		}
		all[r.ResourceName] = hashOrdered(r.Configs)
	}
	return all, nil
}

// hashOrdered are settings in the order in which Kafka's admin client has them.
func hashOrdered(configs []kmsg.DescribeConfigsResponseResourceConfig) []kmsg.DescribeConfigsResponseResourceConfig {
	return tool.HashOrderFunc(configs, func(s kmsg.DescribeConfigsResponseResourceConfig) int32 { return tool.HashCode(s.Name) })
}

// isDefault tells whether a setting is what everybody has who says nothing.
func isDefault(s *kmsg.DescribeConfigsResponseResourceConfig) bool {
	return s.Source == kmsg.ConfigSourceDefaultConfig
}

// printTopic prints a topic and its partitions, as far as the options of the call want them.
func printTopic(c *tool.Call, t *topicDescription, moves map[partition]move, live []int32) {
	some := c.Count("under-replicated-partitions", "unavailable-partitions", "under-min-isr-partitions", "at-min-isr-partitions") > 0
	if !some && len(t.partitions) > 0 {
		printTopicHead(c, t, moves)
	}
	if c.Has("topics-with-overrides") {
		return
	}
	for i := range t.partitions {
		p := &t.partitions[i]
		m, moving := moves[partition{t.name, p.Partition}]
		if !some || isWanted(c, t, p, m, live) {
			printPartition(c, t.name, p, m, moving)
		}
	}
}

func printTopicHead(c *tool.Call, t *topicDescription, moves map[partition]move) {
	var own []string
	for i := range t.configs {
		if s := &t.configs[i]; !isDefault(s) {
			own = append(own, s.Name+"="+value(s.Value))
		}
	}
	if len(own) == 0 && c.Has("topics-with-overrides") {
		return
	}
	first := &t.partitions[0]
	head := "Topic: " + t.name
	if t.id != [16]byte{} {
		head += "\tTopicId: " + id(t.id)
	}
	c.Println(head + "\tPartitionCount: " + number(len(t.partitions)) + "\tReplicationFactor: " + number(replicationFactor(first, moves[partition{t.name, first.Partition}])) +
		"\tConfigs: " + strings.Join(own, ","))
}

func value(v *string) string {
	if v == nil {
		return "null"
	}
	return *v
}

// replicationFactor counts the replicas of a partition without those that it is given in a move.
func replicationFactor(p *kmsg.DescribeTopicPartitionsResponseTopicPartition, m move) int {
	for _, changing := range [][]int32{m.adding, m.removing} {
		for _, broker := range changing {
			if slices.Contains(p.Replicas, broker) {
				return len(m.replicas) - len(m.adding)
			}
		}
	}
	return len(p.Replicas)
}

func isWanted(c *tool.Call, t *topicDescription, p *kmsg.DescribeTopicPartitionsResponseTopicPartition, m move, live []int32) bool {
	least := 1
	for _, s := range t.configs {
		if s.Name == "min.insync.replicas" {
			least, _ = strconv.Atoi(value(s.Value))
		}
	}
	return c.Has("under-replicated-partitions") && replicationFactor(p, m) > len(p.ISR) ||
		c.Has("unavailable-partitions") && !slices.Contains(live, p.LeaderID) ||
		c.Has("under-min-isr-partitions") && (p.LeaderID < 0 || len(p.ISR) < least) ||
		c.Has("at-min-isr-partitions") && len(p.ISR) == least
}

func printPartition(c *tool.Call, topic string, p *kmsg.DescribeTopicPartitionsResponseTopicPartition, m move, moving bool) {
	leader := "none"
	if p.LeaderID >= 0 {
		leader = number(p.LeaderID)
	}
	line := "\tTopic: " + topic + "\tPartition: " + number(p.Partition) + "\tLeader: " + leader + "\tReplicas: " + ids(p.Replicas, ",") + "\tIsr: " + ids(p.ISR, ",")
	if moving {
		line += "\tAdding Replicas: " + ids(m.adding, ",") + "\tRemoving Replicas: " + ids(m.removing, ",")
	}
	elr, last := "N/A", "N/A"
	if p.EligibleLeaderReplicas != nil {
		elr = ids(p.EligibleLeaderReplicas, ",")
	}
	if p.LastKnownELR != nil {
		last = ids(p.LastKnownELR, ",")
	}
	c.Println(line + "\tElr: " + elr + "\tLastKnownElr: " + last)
}
