package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// Topics is kafka-topics.
func Topics() *tool.Tool {
	return &tool.Tool{
		Name:    "kafka-topics",
		Purpose: "This tool helps to create, delete, describe, or change a topic.",
		Bare:    "Create, delete, describe, or change a topic.",
		Options: topicsOptions(),
		Run:     topics,
	}
}

func topics(ctx context.Context, c *tool.Call) error {
	if err := checkTopics(c); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	switch {
	case c.Has("create"):
		err = createTopic(ctx, c, cluster)
	case c.Has("alter"):
		err = alterTopics(ctx, c, cluster)
	case c.Has("list"):
		err = listTopics(ctx, c, cluster)
	case c.Has("describe"):
		err = describeTopics(ctx, c, cluster)
	default:
		err = deleteTopics(ctx, c, cluster)
	}
	return whileExecuting(c, "topic", err)
}

// whileExecuting is how several tools end with an error.
func whileExecuting(c *tool.Call, what string, err error) error {
	if c.Wrong() != nil {
		err = c.Wrong()
	}
	if err == nil {
		return nil
	}
	var usage tool.Usage
	if errors.As(err, &usage) {
		return err
	}
	c.Println("Error while executing " + what + " command : " + err.Error())
	return failure
}

// topicActions are what kafka-topics can do, one at a time.
var topicActions = []string{"create", "list", "alter", "describe", "delete"}

// actionsBut are the others, then some more options.
func actionsBut(allowed []string, more ...string) []string {
	var others []string
	for _, action := range topicActions {
		if !has(allowed, action) {
			others = append(others, action)
		}
	}
	return append(others, more...)
}

func checkTopics(c *tool.Call) error {
	if c.Count(topicActions...) != 1 {
		return tool.Usage("Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if c.Has("delete-config") {
		c.Warnln("delete-config option is no longer supported and deprecated since version 4.0. The config will be fully removed in future releases.")
	}
	if !c.Has("bootstrap-server") {
		return tool.Illegal("--bootstrap-server must be specified")
	}
	if c.Has("describe") && c.Has("if-exists") {
		if c.Count("topic", "topic-id") == 0 {
			return tool.Usage("--topic or --topic-id is required to describe a topic")
		}
		if c.Count("topic", "topic-id") == 2 {
			c.Println("Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID")
		}
	}
	if !c.Has("list") && !c.Has("describe") {
		if err := c.Require("topic"); err != nil {
			return err
		}
	}
	if c.Has("alter") {
		if c.Has("config") {
			return tool.Usage(`Option combination "[[bootstrap-server], [config]]" can't be used with option "[alter]" ` +
				"(To alter topic configurations, the kafka-configs tool can be used.)")
		}
		if err := c.Require("partitions"); err != nil {
			return err
		}
	}
	return checkTopicReports(c)
}

func checkTopicReports(c *tool.Call) error {
	change, describe := []string{"alter", "create"}, []string{"describe"}
	reports := []string{"under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions"}
	errs := []error{
		c.Exclude("config", actionsBut(change)...),
		c.Exclude("partitions", actionsBut(change)...),
		c.Exclude("replication-factor", actionsBut([]string{"create"})...),
		c.Exclude("replica-assignment", actionsBut(change)...),
	}
	if c.Has("create") {
		errs = append(errs, c.Exclude("replica-assignment", "partitions", "replication-factor"))
	}
	for _, report := range reports {
		errs = append(errs, c.Exclude(report, actionsBut(describe, "topics-with-overrides")...))
	}
	return tool.First(append(errs,
		c.Exclude("topics-with-overrides", actionsBut(describe, reports...)...),
		c.Exclude("if-exists", actionsBut([]string{"alter", "delete", "describe"})...),
		c.Exclude("if-not-exists", actionsBut([]string{"create"})...),
		c.Exclude("exclude-internal", actionsBut([]string{"list", "describe"})...))...)
}

// assignment reads --replica-assignment: brokers of a partition with colons, partitions with commas between.
func assignment(text string) ([][]int32, error) {
	if text == "" {
		return nil, nil
	}
	var partitions [][]int32
	for i, part := range strings.Split(text, ",") {
		var brokers []int32
		for word := range strings.SplitSeq(part, ":") {
			n, err := parseInt32(strings.TrimSpace(word))
			if err != nil {
				return nil, err
			}
			brokers = append(brokers, n)
		}
		if twice := duplicates(brokers); len(twice) > 0 {
			return nil, tool.Said("Partition replica lists may not contain duplicate entries: " + ids(twice, ","))
		}
		if partitions = append(partitions, brokers); len(brokers) != len(partitions[0]) {
			return nil, tool.Said("Partition " + number(int32(i)) + " has different replication factor: [" + ids(brokers, ", ") + "]")
		}
	}
	return partitions, nil
}

// settings are the values of --config.
func settings(c *tool.Call) ([]kmsg.CreateTopicsRequestTopicConfig, error) {
	var all []kmsg.CreateTopicsRequestTopicConfig
	for _, word := range c.Values("config") {
		parts := strings.Split(word, "=")
		if n := len(parts); n > 0 && parts[n-1] == "" {
			parts = parts[:n-1] // as Java splits
		}
		if len(parts) != 2 {
			return nil, tool.Illegal("requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\".")
		}
		s := kmsg.NewCreateTopicsRequestTopicConfig()
		s.Name, s.Value = strings.TrimSpace(parts[0]), kmsg.StringPtr(strings.TrimSpace(parts[1]))
		all = append(all, s)
	}
	return all, nil
}

func createTopic(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = c.Value("topic"), -1, -1
	partitions, replicas := c.Int32("partitions"), c.Int32("replication-factor")
	replaced, err := assignment(c.Value("replica-assignment"))
	if err != nil || c.Wrong() != nil {
		return err
	}
	if t.Configs, err = settings(c); err != nil {
		return err
	}
	if strings.ContainsAny(t.Topic, "._") {
		c.Println("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. " +
			"To avoid issues it is best to use either, but not both.")
	}
	if c.Has("replication-factor") {
		if replicas < 1 || replicas > 32767 {
			return tool.Illegal("The replication factor must be between 1 and 32767 inclusive")
		}
		t.ReplicationFactor = int16(replicas)
	}
	if c.Has("partitions") {
		if partitions < 1 {
			return tool.Illegal("The partitions must be greater than 0")
		}
		t.NumPartitions = partitions
	}
	for i, brokers := range replaced {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(i), brokers
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{t}, 30000
	answer, err := tool.Ask[*kmsg.CreateTopicsResponse](ctx, cluster, request)
	if err != nil {
		return err
	}
	for _, r := range answer.Topics {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			if r.ErrorCode == topicExists && c.Has("if-not-exists") {
				return nil
			}
			return err
		}
	}
	c.Println("Created topic " + t.Topic + ".")
	return nil
}

// chosenTopics are those of --topic, an expression, or all.
func chosenTopics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) ([]string, error) {
	names, err := topicNames(ctx, cluster, !c.Has("exclude-internal"))
	if err != nil || !c.Has("topic") {
		return names, err
	}
	match, err := included(c.Value("topic"))
	if err != nil {
		return nil, err
	}
	var chosen []string
	for _, name := range names {
		if match.MatchString(name) && !(c.Has("exclude-internal") && internal(name)) {
			chosen = append(chosen, name)
		}
	}
	return chosen, nil
}

// existing is what is wrong if a topic that was named is not there.
func existing(c *tool.Call, found []string) error {
	if name := c.Value("topic"); name != "" && !c.Has("if-exists") && len(found) == 0 {
		return tool.Illegal("Topic '%s' does not exist as expected", name)
	}
	return nil
}

func listTopics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	names, err := chosenTopics(ctx, c, cluster)
	if err == nil {
		c.Println(strings.Join(names, "\n"))
	}
	return err
}

func alterTopics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	partitions := c.Int32("partitions")
	replaced, err := assignment(c.Value("replica-assignment"))
	if err != nil || c.Wrong() != nil {
		return err
	}
	names, err := chosenTopics(ctx, c, cluster)
	if err = tool.First(err, existing(c, names)); err != nil || len(names) == 0 {
		return err
	}
	known, err := metadata(ctx, cluster, names...)
	if err != nil {
		return err
	}
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis = 30000
	for _, m := range known.Topics {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = *m.Topic, partitions
		for i := len(m.Partitions); i < len(replaced); i++ {
			a := kmsg.NewCreatePartitionsRequestTopicAssignment()
			a.Replicas = replaced[i]
			t.Assignment = append(t.Assignment, a)
		}
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.CreatePartitionsResponse](ctx, cluster, request)
	if err != nil {
		return err
	}
	for _, r := range answer.Topics {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func deleteTopics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	names, err := chosenTopics(ctx, c, cluster)
	if err = tool.First(err, existing(c, names)); err != nil || len(names) == 0 {
		return err
	}
	refused, err := removeTopics(ctx, cluster, names)
	return tool.First(err, firstOf(refused))
}

// refusal is a topic with which something was not done, and why.
type refusal struct {
	topic string
	err   error
}

func firstOf(refused []refusal) error {
	if len(refused) == 0 {
		return nil
	}
	return refused[0].err
}

// removeTopics deletes topics, and says of some why they are still there.
func removeTopics(ctx context.Context, cluster *tool.Cluster, topics []string) ([]refusal, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	if slices.Contains(topics, "") {
		return nil, unnamed()
	}
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TopicNames, request.TimeoutMillis = topics, 30000
	for _, name := range topics {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.DeleteTopicsResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	var refused []refusal
	for _, r := range answer.Topics {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil && r.Topic != nil {
			refused = append(refused, refusal{*r.Topic, err})
		}
	}
	return refused, nil
}
