package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// Settings that hold a reassignment back.
var (
	brokerThrottles = []string{"leader.replication.throttled.rate", "follower.replication.throttled.rate", "replica.alter.log.dirs.io.max.bytes.per.second"}
	topicThrottles  = []string{"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}
)

// setThrottle limits what the moves of a plan, and those under way, may take.
func (c *reassignCall) setThrottle(ctx context.Context, all []target, now map[partition][]int32, moves map[partition]move, rate int64) error {
	sources, destinations := make(map[partition][]int32), make(map[partition][]int32)
	for p, m := range moves {
		sources[p] = slices.DeleteFunc(slices.Clone(m.replicas), func(b int32) bool { return slices.Contains(m.adding, b) })
		destinations[p] = m.adding
	}
	for _, t := range all {
		if sources[t.at] == nil {
			sources[t.at] = now[t.at]
		}
		destinations[t.at] = slices.DeleteFunc(slices.Clone(t.replicas), func(b int32) bool { return slices.Contains(sources[t.at], b) })
	}
	leaders, followers := make(map[string][]string), make(map[string][]string)
	var brokers []int32
	for p, from := range sources {
		for _, b := range from {
			leaders[p.topic] = append(leaders[p.topic], number(p.index)+":"+number(b))
		}
		for _, b := range destinations[p] {
			followers[p.topic] = append(followers[p.topic], number(p.index)+":"+number(b))
		}
		brokers = append(append(brokers, from...), destinations[p]...)
	}
	for topic, words := range leaders {
		text := func(words []string) *string {
			slices.Sort(words)
			return kmsg.StringPtr(strings.Join(words, ","))
		}
		changes := []change{{topicThrottles[0], text(words)}, {topicThrottles[1], text(followers[topic])}}
		if err := alterConfigs(ctx, c.cluster, kmsg.ConfigResourceTypeTopic, topic, changes); err != nil {
			return err
		}
	}
	slices.Sort(brokers)
	for _, b := range slices.Compact(brokers) {
		limit := number(rate)
		if err := alterConfigs(ctx, c.cluster, kmsg.ConfigResourceTypeBroker, number(b), []change{{brokerThrottles[0], &limit}, {brokerThrottles[1], &limit}}); err != nil {
			return err
		}
	}
	c.Printf("The inter-broker throttle limit was set to %d B/s\n", rate)
	return nil
}

// clearThrottles takes all limits back.
func (c *reassignCall) clearThrottles(ctx context.Context, all []target) error {
	brokers, err := brokerIDs(ctx, c.cluster)
	if err != nil {
		return tool.Executed(err)
	}
	for _, t := range all {
		brokers = append(brokers, t.replicas...)
	}
	slices.Sort(brokers)
	brokers = slices.Compact(brokers)
	c.Println("Clearing broker-level throttles on broker" + plural(len(brokers)) + " " + ids(brokers, ","))
	for _, b := range brokers {
		if err := c.takeBack(ctx, kmsg.ConfigResourceTypeBroker, number(b), brokerThrottles); err != nil {
			return err
		}
	}
	topics := topicsOf(all)
	slices.Sort(topics)
	topics = tool.HashOrder(slices.Compact(topics))
	c.Println("Clearing topic-level throttles on topic" + plural(len(topics)) + " " + strings.Join(topics, ","))
	for _, topic := range topics {
		if err := c.takeBack(ctx, kmsg.ConfigResourceTypeTopic, topic, topicThrottles); err != nil {
			return err
		}
	}
	return nil
}

func (c *reassignCall) takeBack(ctx context.Context, kind kmsg.ConfigResourceType, name string, settings []string) error {
	var changes []change
	for _, s := range settings {
		changes = append(changes, change{s, nil})
	}
	return tool.Executed(alterConfigs(ctx, c.cluster, kind, name, changes))
}

// generate proposes where the partitions of some topics could be: the brokers in turn, beginning with the next for each partition.
func (c *reassignCall) generate(ctx context.Context) error {
	text, err := readFile(c.Value("topics-to-move-json-file"))
	if err != nil {
		return err
	}
	topics, err := topicsToMove(text)
	if err != nil {
		return err
	}
	var brokers []int32
	for word := range strings.SplitSeq(c.Value("broker-list"), ",") {
		b, err := parseInt32(word)
		if err != nil {
			return err
		}
		brokers = append(brokers, b)
	}
	if twice := duplicates(brokers); len(twice) > 0 {
		return tool.Said("Broker list contains duplicate entries: " + ids(twice, ","))
	}
	if twice := duplicates(topics); len(twice) > 0 {
		return tool.Said("List of topics to reassign contains duplicate entries: [" + strings.Join(twice, ", ") + "]")
	}
	if _, err := partitionsOf(ctx, c.cluster, topics); err != nil {
		return tool.Executed(err)
	}
	now, err := c.replicas(ctx, topics)
	if err != nil {
		return tool.Executed(err)
	}
	slices.Sort(brokers)
	proposed := make(map[partition][]int32, len(now))
	for p, replicas := range now {
		if len(replicas) > len(brokers) {
			return tool.Said("The target replication factor of " + number(len(replicas)) + " cannot be reached because only " + number(len(brokers)) + " broker(s) are registered.")
		}
		for i := range replicas {
			proposed[p] = append(proposed[p], brokers[(int(p.index)+i)%len(brokers)])
		}
	}
	c.Println("Current partition replica assignment\n" + planText(now, c.directories(ctx, now)) + "\n\nProposed partition reassignment configuration\n" + planText(proposed, nil))
	return nil
}

func topicsToMove(text []byte) ([]string, error) {
	root, ok := parseJSON(text)
	if !ok {
		return nil, tool.Said("The input string is not a valid JSON")
	}
	if err := versionOne(root); err != nil {
		return nil, err
	}
	list, err := field[[]any](root, "topics")
	if err != nil {
		return nil, err
	}
	var topics []string
	for _, entry := range list {
		topic, err := field[string](entry, "topic")
		if err != nil {
			return nil, err
		}
		topics = append(topics, topic)
	}
	return topics, nil
}
