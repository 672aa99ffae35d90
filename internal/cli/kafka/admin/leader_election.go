package admin

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// LeaderElection is kafka-leader-election.
func LeaderElection() *tool.Tool {
	return &tool.Tool{Name: "kafka-leader-election", Options: leaderElectionOptions(), Run: leaderElection,
		Purpose: "This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are preferred replicas and unclean replicas."}
}

func checkElection(c *tool.Call) error {
	var missing []string
	for _, name := range []string{"bootstrap-server", "election-type"} {
		if !c.Has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return tool.Said("Missing required option(s): " + strings.Join(missing, ", "))
	}
	if err := c.Exclude("admin.config", "command-config"); err != nil {
		return err
	}
	switch {
	case c.Count("topic", "all-topic-partitions", "path-to-json-file") != 1:
		return tool.Said("One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file")
	case c.Has("topic") && !c.Has("partition"):
		return tool.Said("Missing required option(s): partition")
	case !c.Has("topic") && c.Has("partition"):
		return tool.Said("Option partition is only allowed if topic is used")
	}
	return nil
}

func leaderElection(ctx context.Context, c *tool.Call) error {
	if err := checkElection(c); err != nil {
		return err
	}
	kind := strings.ToUpper(c.Value("election-type"))
	if kind != "PREFERRED" && kind != "UNCLEAN" {
		return &tool.OptionError{Class: "OptionArgumentConversionException", Message: "Cannot parse argument '" + c.Value("election-type") + "' of option election-type"}
	}
	var some []partition
	switch {
	case c.Has("topic"):
		some = []partition{{c.Value("topic"), c.Int32("partition")}}
	case c.Has("path-to-json-file"):
		text, err := readFile(c.Value("path-to-json-file"))
		if err != nil {
			return err
		}
		if some, err = electionFile(text); err != nil {
			return err
		}
	}
	file := c.Value("command-config")
	if c.Has("admin.config") {
		c.Println("Option --admin.config has been deprecated and will be removed in a future version. Use --command-config instead.")
		file = c.Value("admin.config")
	}
	set, err := tool.Properties(file)
	if err != nil {
		return err
	}
	if set["default.api.timeout.ms"] == "" {
		set["default.api.timeout.ms"] = "30000"
	}
	cluster, err := c.ConnectWith(set)
	if err != nil {
		return err
	}
	defer cluster.Close()
	return elect(ctx, c, cluster, kind, some)
}

// electionFile are the partitions of a file in JSON.
func electionFile(text []byte) ([]partition, error) {
	root, ok := parseJSON(text)
	if !ok {
		return nil, tool.Said("Replica election data is empty")
	}
	if fields, isObject := root.(map[string]any); isObject && fields["partitions"] == nil {
		return nil, tool.Said("Replica election data is missing \"partitions\" field")
	}
	list, err := field[[]any](root, "partitions")
	if err != nil {
		return nil, err
	}
	all := []partition{}
	for _, entry := range list {
		topic, err1 := field[string](entry, "topic")
		index, err2 := jsonInt32(entry, "partition")
		if err := tool.First(err1, err2); err != nil {
			return nil, err
		}
		all = append(all, partition{topic, index})
	}
	if twice := duplicates(all); len(twice) > 0 {
		return nil, tool.Said("Replica election data contains duplicate partitions: [" + names(hashPartitions(twice), ", ") + "]")
	}
	return all, nil
}

// elect asks for elections and says what came of them.
func elect(ctx context.Context, c *tool.Call, cluster *tool.Cluster, kind string, some []partition) error {
	request := kmsg.NewPtrElectLeadersRequest()
	request.TimeoutMillis = 15000
	if kind == "UNCLEAN" {
		request.ElectionType = 1
	}
	if some != nil {
		request.Topics = []kmsg.ElectLeadersRequestTopic{}
	}
	for _, topic := range byTopic(some) {
		t := kmsg.NewElectLeadersRequestTopic()
		t.Topic, t.Partitions = topic.name, topic.partitions
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.ElectLeadersResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, nil)
	}
	if tool.IsRefused(err, clusterUnauthorized) {
		c.Println("Not authorized to perform leader election")
		return tool.Said("Not authorized to perform leader election")
	}
	if err != nil {
		return tool.Executed(tool.Executed(err))
	}
	var done, needless, failed []partition
	reasons := make(map[partition]error)
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			at := partition{t.Topic, p.Partition}
			switch p.ErrorCode {
			case 0:
				done = append(done, at)
			case electionNotNeeded:
				needless = append(needless, at)
			default:
				failed = append(failed, at)
				reasons[at] = tool.Refused(p.ErrorCode, p.ErrorMessage)
			}
		}
	}
	if len(done) > 0 {
		c.Printf("Successfully completed leader election (%s) for partitions %s\n", kind, names(hashPartitions(done), ", "))
	}
	if len(needless) > 0 {
		c.Printf("Valid replica already elected for partitions %s\n", names(hashPartitions(needless), ", "))
	}
	if len(failed) == 0 {
		return nil
	}
	for _, p := range hashPartitions(failed) {
		c.Printf("Error completing leader election (%s) for partition: %s: %s\n", kind, p, tool.Describe(reasons[p]))
	}
	return tool.Saidf("%d replica(s) could not be elected", len(failed))
}
