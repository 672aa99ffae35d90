package admin

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// plan is the offsets that groups are to have.
type plan map[string]map[partition]int64

// reset sets offsets of groups at rest, or says what they would be.
func (g *groupCall) reset(ctx context.Context) error {
	groups, err := g.chosen(ctx)
	if err != nil {
		return err
	}
	described, err := describeConsumerGroups(ctx, g.cluster, groups)
	if err != nil {
		return err
	}
	all := make(plan)
	for _, name := range groups {
		state := described[name].state
		if described[name].err != nil && !tool.IsRefused(described[name].err, groupNotFound) {
			return tool.Executed(tool.Executed(described[name].err))
		}
		if described[name].err == nil && state != "Empty" && state != "Dead" {
			g.Println("\nError: Assignments can only be reset if the group '" + name + "' is inactive, but the current state is " + state + ".")
			all[name] = nil
			continue
		}
		offsets, err := g.resetGroup(ctx, name)
		if err != nil {
			return err
		}
		all[name] = offsets
	}
	if g.Has("export") {
		g.Println(exported(all, len(g.Values("group")) == 1))
		return nil
	}
	printPlan(g.Call, all)
	return nil
}

func (p plan) groups() []string {
	var all []string
	for name := range p {
		all = append(all, name)
	}
	return tool.HashOrder(slices.Sorted(slices.Values(all)))
}

func (p plan) partitions(group string) []partition {
	var all []partition
	for at := range p[group] {
		all = append(all, at)
	}
	slices.SortFunc(all, comparePartitions)
	return hashPartitions(all)
}

func printPlan(c *tool.Call, all plan) {
	groupWidth, topicWidth := 15, 15
	for name, offsets := range all {
		groupWidth = max(groupWidth, len(name))
		for p := range offsets {
			topicWidth = max(topicWidth, len(p.topic))
		}
	}
	all.print(c, fmt.Sprintf("\n%%-%ds %%-%ds %%-10s %%s", groupWidth, topicWidth))
}

// print prints a plan with lines of a format: of the group, the topic, the partition and the offset.
func (p plan) print(c *tool.Call, format string) {
	if len(p) > 0 {
		c.Printf(format, "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET")
	}
	for _, name := range p.groups() {
		for _, at := range p.partitions(name) {
			c.Printf(format, name, at.topic, number(at.index), number(p[name][at]))
		}
	}
	c.Println()
}

// exported is a plan as CSV, without the group if there is one only.
func exported(all plan, one bool) string {
	var out strings.Builder
	w := csv.NewWriter(&out)
	for _, name := range all.groups() {
		for _, p := range all.partitions(name) {
			row := []string{name, p.topic, number(p.index), number(all[name][p])}
			if one {
				row = row[1:]
			}
			if w.Write(row) != nil {
				break
			}
		}
	}
	w.Flush()
	return out.String()
}

func (g *groupCall) resetGroup(ctx context.Context, group string) (map[partition]int64, error) {
	partitions, err := g.scope(ctx, group)
	if err != nil {
		return nil, err
	}
	if err := g.checkPartitions(ctx, partitions); err != nil {
		return nil, err
	}
	offsets, err := g.scenario(ctx, group, partitions)
	if err = tool.First(g.Wrong(), err); err != nil {
		return nil, err
	}
	if !g.Has("execute") || g.Has("dry-run") {
		return offsets, nil
	}
	return offsets, commit(ctx, g.cluster, group, offsets)
}

// scope are the partitions whose offsets are to be set.
func (g *groupCall) scope(ctx context.Context, group string) ([]partition, error) {
	if g.Has("all-topics") {
		offsets, err := g.committed(ctx, group)
		if err != nil {
			return nil, err
		}
		var all []partition
		for p := range offsets {
			all = append(all, p)
		}
		slices.SortFunc(all, comparePartitions)
		return all, nil
	}
	if !g.Has("topic") {
		if g.Has("from-file") {
			return nil, nil
		}
		return nil, tool.Usage("One of the reset scopes should be defined: --all-topics, --topic.")
	}
	return g.namedPartitions(ctx, g.Values("topic"))
}

// namedPartitions are those that arguments name: TOPIC, or TOPIC:0,1.
func (g *groupCall) namedPartitions(ctx context.Context, texts []string) ([]partition, error) {
	var all []partition
	var whole []string
	for _, text := range texts {
		if !strings.Contains(text, ":") {
			whole = append(whole, text)
			continue
		}
		some, err := topicArgument(text)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	some, err := partitionsOf(ctx, g.cluster, whole)
	return append(all, some...), err
}

// checkPartitions is nil if partitions are there and have leaders.
func (g *groupCall) checkPartitions(ctx context.Context, partitions []partition) error {
	var topics []string
	for _, t := range byTopic(partitions) {
		topics = append(topics, t.name)
	}
	leaders, err := leadersOf(ctx, g.cluster, topics)
	if err != nil {
		return tool.Executed(tool.Executed(err))
	}
	var unknown, headless []partition
	for _, p := range partitions {
		if leader, ok := leaders[p]; !ok {
			unknown = append(unknown, p)
		} else if leader < 0 {
			headless = append(headless, p)
		}
	}
	if len(unknown) > 0 {
		return tool.Saidf("The partitions \"%s\" do not exist", names(unknown, ","))
	}
	if len(headless) > 0 {
		return tool.Saidf("The partitions \"%s\" have no leader", names(headless, ","))
	}
	return nil
}

// scenario are the new offsets.
func (g *groupCall) scenario(ctx context.Context, group string, partitions []partition) (map[partition]int64, error) {
	switch {
	case g.Has("to-offset"):
		wanted := make(map[partition]int64)
		for _, p := range partitions {
			wanted[p] = g.Int("to-offset", 64)
		}
		return g.withinLog(ctx, wanted)
	case g.Has("to-earliest"):
		return g.at(ctx, partitions, atEarliest)
	case g.Has("to-latest"):
		return g.at(ctx, partitions, atLatest)
	case g.Has("shift-by"):
		return g.shifted(ctx, group, partitions)
	case g.Has("to-datetime"):
		at, err := parseDateTime(g.Value("to-datetime"))
		if err != nil {
			return nil, tool.Executed(err)
		}
		return g.atTime(ctx, partitions, at)
	case g.Has("by-duration"):
		back, err := parseDuration(g.Value("by-duration"))
		if err != nil {
			return nil, err
		}
		return g.atTime(ctx, partitions, time.Now().Add(-back).UnixMilli())
	case g.Has("from-file"):
		return g.fromFile(ctx, group)
	case g.Has("to-current"):
		return g.current(ctx, group, partitions)
	}
	return nil, tool.Usage("Option '[reset-offsets]' requires one of the following scenarios: [" + bracketed(resetScenarios...) + "]")
}

func (g *groupCall) at(ctx context.Context, partitions []partition, at int64) (map[partition]int64, error) {
	if twice := duplicates(partitions); len(twice) > 0 {
		return nil, tool.Saidf("Duplicate key %s", twice[0])
	}
	list, err := listOffsets(ctx, g.cluster, partitions, at)
	if err != nil {
		return nil, tool.Executed(err)
	}
	offsets := make(map[partition]int64, len(list))
	for p, f := range list {
		if f.err != nil {
			return nil, tool.Executed(tool.Executed(f.err))
		}
		offsets[p] = f.offset
	}
	return offsets, nil
}

// atTime are offsets at a time; where there is none any more, at the end.
func (g *groupCall) atTime(ctx context.Context, partitions []partition, at int64) (map[partition]int64, error) {
	offsets, err := g.at(ctx, partitions, at)
	if err != nil {
		return nil, err
	}
	var none []partition
	for p, offset := range offsets {
		if offset == -1 {
			none = append(none, p)
		}
	}
	slices.SortFunc(none, comparePartitions)
	for _, p := range hashPartitions(none) {
		g.Println("\nWarn: Partition " + number(p.index) + " from topic " + p.topic + " is empty. Falling back to latest known offset.")
	}
	ends, err := g.at(ctx, none, atLatest)
	if err != nil {
		return nil, err
	}
	for p, offset := range ends {
		offsets[p] = offset
	}
	return offsets, nil
}

// withinLog moves offsets that are beyond the log to its ends.
func (g *groupCall) withinLog(ctx context.Context, wanted map[partition]int64) (map[partition]int64, error) {
	var all []partition
	for p := range wanted {
		all = append(all, p)
	}
	starts, err := g.at(ctx, all, atEarliest)
	if err != nil {
		return nil, err
	}
	ends, err := g.at(ctx, all, atLatest)
	if err != nil {
		return nil, err
	}
	for p, offset := range wanted {
		wanted[p] = max(starts[p], min(ends[p], offset))
	}
	return wanted, nil
}

func (g *groupCall) shifted(ctx context.Context, group string, partitions []partition) (map[partition]int64, error) {
	old, err := g.committed(ctx, group)
	if err != nil {
		return nil, err
	}
	wanted := make(map[partition]int64)
	for _, p := range partitions {
		now, ok := old[p]
		if !ok {
			return nil, tool.Illegal("Cannot shift offset for partition %s since there is no current committed offset", p)
		}
		wanted[p] = now.offset + g.Int("shift-by", 64)
	}
	return g.withinLog(ctx, wanted)
}

func (g *groupCall) current(ctx context.Context, group string, partitions []partition) (map[partition]int64, error) {
	old, err := g.committed(ctx, group)
	if err != nil {
		return nil, err
	}
	var without []partition
	offsets := make(map[partition]int64)
	for _, p := range partitions {
		if now, ok := old[p]; ok {
			offsets[p] = now.offset
		} else {
			without = append(without, p)
		}
	}
	ends, err := g.at(ctx, without, atLatest)
	for p, offset := range ends {
		offsets[p] = offset
	}
	return offsets, err
}

// fromFile are the offsets of a group in a file of CSV: TOPIC,PARTITION,OFFSET, or with the group before.
func (g *groupCall) fromFile(ctx context.Context, group string) (map[partition]int64, error) {
	text, err := readFile(g.Value("from-file"))
	if err != nil {
		return nil, tool.Executed(err)
	}
	r := csv.NewReader(strings.NewReader(string(text)))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	wanted := make(map[partition]int64)
	for _, row := range rows {
		of := ""
		if len(row) == 4 {
			of, row = row[0], row[1:]
		} else if named := g.Values("group"); len(named) == 1 {
			of = named[0]
		}
		if len(row) != 3 {
			return nil, tool.Saidf("%s: %s: it is not TOPIC,PARTITION,OFFSET", g.Value("from-file"), strings.Join(row, ","))
		}
		index, err1 := parseInt32(strings.TrimSpace(row[1]))
		offset, err2 := parseInt(strings.TrimSpace(row[2]), 64)
		if err := tool.First(err1, err2); err != nil {
			return nil, err
		}
		if of == group {
			wanted[partition{row[0], index}] = offset
		}
	}
	if len(wanted) == 0 {
		g.Println("\nError: No reset plan for group " + group + " found")
		return wanted, nil
	}
	return g.withinLog(ctx, wanted)
}

// commit sets offsets of a group.
func commit(ctx context.Context, cluster *tool.Cluster, group string, offsets map[partition]int64) error {
	codes, err := commitCodes(ctx, cluster, group, offsets)
	return tool.First(err, notAltered(codes, nil))
}

// commitCodes sets offsets of a group, and has the code of each partition.
func commitCodes(ctx context.Context, cluster *tool.Cluster, group string, offsets map[partition]int64) (map[partition]int16, error) {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation = group, -1
	byID, err := topicsByID(ctx, cluster)
	if err != nil {
		return nil, err
	}
	topicIDs := make(map[string][16]byte, len(byID))
	for id, name := range byID {
		topicIDs[name] = id
	}
	for _, topic := range byTopic(slices.Collect(maps.Keys(offsets))) {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.TopicID = topic.name, topicIDs[topic.name]
		for _, index := range topic.partitions {
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = index, offsets[partition{topic.name, index}], -1, kmsg.StringPtr("")
			t.Partitions = append(t.Partitions, p)
		}
		request.Topics = append(request.Topics, t)
	}
	if len(request.Topics) == 0 {
		return nil, nil
	}
	answer, err := tool.Ask[*kmsg.OffsetCommitResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	codes := make(map[partition]int16)
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			codes[partition{cmp.Or(t.Topic, byID[t.TopicID]), p.Partition}] = p.ErrorCode
		}
	}
	return codes, nil
}

// notAltered is what Kafka's admin client says of offsets that a broker did not set: the error of the first, and all partitions that have one.
func notAltered(codes map[partition]int16, messages map[partition]string) error {
	var failed []partition
	for p, code := range codes {
		if code != 0 {
			failed = append(failed, p)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	slices.SortFunc(failed, comparePartitions)
	failed = hashPartitions(failed)
	text := "Failed altering group offsets for the following partitions: [" + names(failed, ", ") + "]"
	if why := messages[failed[0]]; why != "" {
		text = why + " " + text
	}
	return tool.Refused(codes[failed[0]], &text)
}
