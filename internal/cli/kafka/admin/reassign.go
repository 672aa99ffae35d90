package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// ReassignPartitions is kafka-reassign-partitions.
func ReassignPartitions() *tool.Tool {
	return &tool.Tool{Name: "kafka-reassign-partitions", Purpose: "This tool helps to move topic partitions between replicas.", Options: reassignOptions(), Run: reassign}
}

// reassignActions are what the tool does, one at a time, with the options that each needs and those that it takes.
var reassignActions = []struct {
	name          string
	needs, allows []string
}{
	{"generate", []string{"topics-to-move-json-file", "broker-list"}, []string{"disable-rack-aware"}},
	{"execute", []string{"reassignment-json-file"}, []string{"additional", "throttle", "replica-alter-log-dirs-throttle", "timeout", "disallow-replication-factor-change"}},
	{"verify", []string{"reassignment-json-file"}, []string{"preserve-throttles"}},
	{"cancel", []string{"reassignment-json-file"}, []string{"preserve-throttles", "timeout", "bootstrap-controller"}},
	{"list", nil, []string{"bootstrap-controller"}},
}

func checkReassign(c *tool.Call) error {
	var names []string
	chosen := -1
	for i, a := range reassignActions {
		names = append(names, a.name)
		if c.Has(a.name) {
			chosen = i
		}
	}
	if c.Count(names...) != 1 {
		return tool.Usage("Command must include exactly one action: --" + strings.Join(names, ", --"))
	}
	switch c.Count("bootstrap-server", "bootstrap-controller") {
	case 2:
		return tool.Usage("Please don't specify both --bootstrap-server and --bootstrap-controller")
	case 0:
		return tool.Usage("Please specify either --bootstrap-server or --bootstrap-controller")
	}
	action := reassignActions[chosen]
	if err := c.Require(action.needs...); err != nil {
		return err
	}
	for _, option := range c.Order {
		if option != action.name && option != "bootstrap-server" && option != "command-config" && !has(action.needs, option) && !has(action.allows, option) {
			return tool.Usage(fmt.Sprintf("Option \"[%s]\" can't be used with action \"[%s]\"", option, action.name))
		}
	}
	return nil
}

// reassignCall is a run of the tool.
type reassignCall struct {
	*tool.Call

	cluster *tool.Cluster
}

func reassign(ctx context.Context, c *tool.Call) error {
	if err := checkReassign(c); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err == nil {
		defer cluster.Close()
		call := &reassignCall{c, cluster}
		switch {
		case c.Has("verify"):
			err = call.verify(ctx)
		case c.Has("generate"):
			err = call.generate(ctx)
		case c.Has("execute"):
			err = call.execute(ctx)
		case c.Has("cancel"):
			err = call.cancel(ctx)
		default:
			err = call.list(ctx)
		}
	}
	if c.Wrong() != nil {
		err = c.Wrong()
	}
	var usage tool.Usage
	if err == nil || errors.As(err, &usage) {
		return err
	}
	c.Println("Error: " + err.Error())
	return failure
}

// target is where a partition is to be.
type target struct {
	at       partition
	replicas []int32
	dirs     []string // of the replicas; nil: any
}

// targets are those of --reassignment-json-file.
func (c *reassignCall) targets() ([]target, error) {
	text, err := readFile(c.Value("reassignment-json-file"))
	if err != nil {
		return nil, err
	}
	root, ok := parseJSON(text)
	if !ok {
		return nil, errors.New("the plan is not valid JSON")
	}
	if err := versionOne(root); err != nil {
		return nil, err
	}
	if fields, isObject := root.(map[string]any); isObject && fields["partitions"] == nil {
		return nil, nil
	}
	list, err := field[[]any](root, "partitions")
	if err != nil {
		return nil, err
	}
	var all []target
	for _, entry := range list {
		topic, err1 := field[string](entry, "topic")
		index, err2 := jsonInt32(entry, "partition")
		numbers, err3 := field[[]any](entry, "replicas")
		if err := tool.First(err1, err2, err3); err != nil {
			return nil, err
		}
		t := target{at: partition{topic, index}}
		for _, n := range numbers {
			id, ok := n.(json.Number)
			broker, err := parseInt32(id.String())
			if !ok || err != nil {
				return nil, tool.Saidf("Expected `Integer` value, received %s", jsonText(n))
			}
			t.replicas = append(t.replicas, broker)
		}
		if dirs, ok := entry.(map[string]any)["log_dirs"].([]any); ok {
			for _, d := range dirs {
				name, _ := d.(string)
				t.dirs = append(t.dirs, name)
			}
			if len(dirs) != len(t.replicas) {
				return nil, tool.Saidf("Size of replicas list [%s] is different from size of log dirs list %s for partition %s", ids(t.replicas, ", "),
					strings.ReplaceAll(strings.ReplaceAll(jsonText(dirs), `"`, ""), ",", ", "), t.at)
			}
		}
		all = append(all, t)
	}
	return all, nil
}

func versionOne(root any) error {
	if fields, isObject := root.(map[string]any); !isObject || fields["version"] == nil {
		return nil
	}
	version, err := jsonInt32(root, "version")
	if err == nil && version != 1 {
		err = tool.Saidf("Not supported version field value %d", version)
	}
	return err
}

func checkTargets(all []target) error {
	if len(all) == 0 {
		return tool.Said("Partition reassignment list cannot be empty")
	}
	var at []partition
	var twice []string
	for _, t := range all {
		if len(t.replicas) == 0 {
			return tool.Said("Partition replica list cannot be empty")
		}
		if d := duplicates(t.replicas); len(d) > 0 {
			twice = append(twice, t.at.String()+" contains multiple entries for "+ids(d, ","))
		}
		at = append(at, t.at)
	}
	if d := duplicates(at); len(d) > 0 {
		return tool.Said("Partition reassignment contains duplicate topic partitions: " + names(hashPartitions(d), ","))
	}
	if len(twice) > 0 {
		return tool.Said("Partition replica lists may not contain duplicate entries: " + strings.Join(twice, ". "))
	}
	return nil
}

func sortedTargets(all []target) []target {
	return slices.SortedFunc(slices.Values(all), func(a, b target) int { return comparePartitions(a.at, b.at) })
}

func (c *reassignCall) list(ctx context.Context) error {
	moves, err := reassignments(ctx, c.cluster)
	if err != nil {
		return tool.Executed(err)
	}
	if len(moves) == 0 {
		c.Println("No partition reassignments found.")
		return nil
	}
	c.Println("Current partition reassignments:")
	var all []partition
	for p := range moves {
		all = append(all, p)
	}
	slices.SortFunc(all, comparePartitions)
	for _, p := range all {
		m := moves[p]
		line := p.String() + ": replicas: " + ids(m.replicas, ",") + "."
		if len(m.adding) > 0 {
			line += " adding: " + ids(m.adding, ",") + "."
		}
		if len(m.removing) > 0 {
			line += " removing: " + ids(m.removing, ",") + "."
		}
		c.Println(line)
	}
	return nil
}

// replicas are the brokers of the partitions of topics; a topic that is not there has none.
func (c *reassignCall) replicas(ctx context.Context, topics []string) (map[partition][]int32, error) {
	all := make(map[partition][]int32)
	slices.Sort(topics)
	if topics = slices.Compact(topics); len(topics) == 0 {
		return all, nil
	}
	known, err := metadata(ctx, c.cluster, topics...)
	if err != nil {
		return nil, err
	}
	for _, t := range known.Topics {
		if err := tool.Refused(t.ErrorCode, nil); err != nil && t.ErrorCode != unknownTopic {
			return nil, err
		}
		for _, p := range t.Partitions {
			all[partition{*t.Topic, p.Partition}] = p.Replicas
		}
	}
	return all, nil
}

func topicsOf(all []target) []string {
	topics := make([]string, len(all))
	for i, t := range all {
		topics[i] = t.at.topic
	}
	return topics
}

func (c *reassignCall) verify(ctx context.Context) error {
	all, err := c.targets()
	if err != nil {
		return err
	}
	moves, err := reassignments(ctx, c.cluster)
	if err != nil {
		return tool.Executed(err)
	}
	now, err := c.replicas(ctx, topicsOf(all))
	if err != nil {
		return tool.Executed(err)
	}
	c.Println("Status of partition reassignment:")
	for _, t := range sortedTargets(all) {
		_, moving := moves[t.at]
		switch {
		case moving:
			c.Println("Reassignment of partition " + t.at.String() + " is still in progress.")
		case slices.Equal(now[t.at], t.replicas):
			c.Println("Reassignment of partition " + t.at.String() + " is completed.")
		default:
			c.Println("There is no active reassignment of partition " + t.at.String() + ", but replica set is " + ids(now[t.at], ",") + " rather than " + ids(t.replicas, ",") + ".")
		}
	}
	lines, ongoing, err := c.directoryMoves(ctx, all)
	if err != nil {
		return tool.Executed(err)
	}
	c.Println(strings.Join(lines, "\n"))
	if len(moves) > 0 || ongoing || c.Has("preserve-throttles") {
		return nil
	}
	return c.clearThrottles(ctx, all)
}

// planText is a plan in the form that the tool reads, with the directories that are known.
func planText(all map[partition][]int32, dirs map[replica]string) string {
	var at []partition
	for p := range all {
		at = append(at, p)
	}
	slices.SortFunc(at, comparePartitions)
	var parts []string
	for _, p := range at {
		var in []string
		for _, b := range all[p] {
			in = append(in, jsonText(cmp.Or(dirs[replica{p, b}], anyDir)))
		}
		parts = append(parts, `{"topic":`+jsonText(p.topic)+`,"partition":`+number(p.index)+`,"replicas":[`+ids(all[p], ",")+`],"log_dirs":`+array(in)+`}`)
	}
	return `{"version":1,"partitions":` + array(parts) + `}`
}

func (c *reassignCall) execute(ctx context.Context) error {
	all, err := c.targets()
	if err == nil {
		err = checkTargets(all)
	}
	throttle, dirThrottle := c.Int("throttle", 64), c.Int("replica-alter-log-dirs-throttle", 64)
	if err = tool.First(c.Wrong(), err); err != nil {
		return err
	}
	moves, err := reassignments(ctx, c.cluster)
	if err != nil {
		return tool.Executed(err)
	}
	if len(moves) > 0 && !c.Has("additional") {
		return tool.Said("Cannot execute because there is an existing partition assignment.  Use --additional to override this and create a new partition assignment " +
			"in addition to the existing one. The --additional flag can also be used to change the throttle by resubmitting the current reassignment.")
	}
	now, err := c.checkAgainstCluster(ctx, all)
	if err != nil {
		return err
	}
	before := make(map[partition][]int32)
	for _, t := range all {
		before[t.at] = now[t.at]
	}
	c.Println("Current partition replica assignment\n\n" + planText(before, c.directories(ctx, before)) + "\n\nSave this to use as the --reassignment-json-file option during rollback")
	if throttle >= 0 || dirThrottle >= 0 {
		c.Println("Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is removed.")
	}
	if throttle >= 0 {
		if err := c.setThrottle(ctx, all, now, moves, throttle); err != nil {
			return tool.Executed(err)
		}
	}
	if dirThrottle >= 0 {
		if err := c.throttleDirectories(ctx, all, dirThrottle); err != nil {
			return tool.Executed(err)
		}
		c.Printf("The replica-alter-dir throttle limit was set to %d B/s\n", dirThrottle)
	}
	if err := c.move(ctx, all, false); err != nil {
		return err
	}
	c.Println("Successfully started partition reassignment" + plural(len(all)) + " for " + targetNames(all, ","))
	return c.moveDirectories(ctx, all)
}

// unknownPartition is the class of an error about what is not there.
const unknownPartition = "org.apache.kafka.common.errors.UnknownTopicOrPartitionException"

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func targetNames(all []target, separator string) string {
	var at []partition
	for _, t := range sortedTargets(all) {
		at = append(at, t.at)
	}
	return names(at, separator)
}

// checkAgainstCluster tells whether the brokers and partitions of a plan are there, and where the partitions are.
func (c *reassignCall) checkAgainstCluster(ctx context.Context, all []target) (map[partition][]int32, error) {
	brokers, err := brokerIDs(ctx, c.cluster)
	if err != nil {
		return nil, tool.Executed(err)
	}
	for _, t := range all {
		for _, b := range t.replicas {
			if !slices.Contains(brokers, b) {
				return nil, tool.Said("Unknown broker id " + number(b))
			}
		}
	}
	topics := topicsOf(all)
	now, err := c.replicas(ctx, topics)
	if err != nil {
		return nil, tool.Executed(err)
	}
	for _, t := range all {
		if now[partition{t.at.topic, 0}] == nil {
			return nil, tool.Executed(&tool.Exception{Class: unknownPartition, Message: "Topic " + t.at.topic + " not found."})
		}
	}
	for _, t := range all {
		if now[t.at] == nil {
			return nil, tool.Executed(&tool.Exception{Class: unknownPartition, Message: "Unable to find partition: " + t.at.String()})
		}
	}
	return now, nil
}

// move starts the moves of a plan, or ends them.
func (c *reassignCall) move(ctx context.Context, all []target, end bool) error {
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	request.TimeoutMillis = 30000
	request.AllowReplicationFactorChange = !c.Has("disallow-replication-factor-change")
	var at []partition
	replicas := make(map[partition][]int32)
	for _, t := range all {
		at = append(at, t.at)
		replicas[t.at] = t.replicas
	}
	for _, topic := range byTopic(at) {
		t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		t.Topic = topic.name
		for _, index := range topic.partitions {
			p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
			if p.Partition = index; !end {
				p.Replicas = replicas[partition{topic.name, index}]
			}
			t.Partitions = append(t.Partitions, p)
		}
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.AlterPartitionAssignmentsResponse](ctx, c.cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, answer.ErrorMessage)
	}
	if err != nil {
		return err
	}
	var wrong []string
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := tool.Refused(p.ErrorCode, p.ErrorMessage); err != nil {
				wrong = append(wrong, partition{t.Topic, p.Partition}.String()+": "+err.Error())
			}
		}
	}
	if slices.Sort(wrong); len(wrong) == 0 {
		return nil
	}
	if end {
		return tool.Said("Error cancelling partition reassignment" + plural(len(wrong)) + " for:\n" + strings.Join(wrong, "\n"))
	}
	return tool.Said("Error reassigning partition(s):\n" + strings.Join(wrong, "\n"))
}

func (c *reassignCall) cancel(ctx context.Context) error {
	all, err := c.targets()
	if err != nil {
		return err
	}
	moves, err := reassignments(ctx, c.cluster)
	if err != nil {
		return tool.Executed(err)
	}
	var moving []target
	for _, t := range all {
		if m, ok := moves[t.at]; ok && len(m.adding)+len(m.removing) > 0 {
			moving = append(moving, t)
		}
	}
	if len(moving) == 0 {
		c.Println("None of the specified partition reassignments are active.")
	} else {
		if err := c.move(ctx, moving, true); err != nil {
			return err
		}
		c.Println("Successfully cancelled partition reassignment" + plural(len(moving)) + " for: " + targetNames(moving, ","))
	}
	c.Printf("None of the specified partition moves are active.")
	if c.Has("preserve-throttles") {
		return nil
	}
	return c.clearThrottles(ctx, all)
}
