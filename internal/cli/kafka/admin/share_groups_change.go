package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// delete deletes groups that have no members.
func (g *shareCall) delete(ctx context.Context) error {
	groups, err := shareKind.chosen(ctx, g.groupCall)
	if err != nil {
		return err
	}
	failed, err := shareKind.undeletable(ctx, g.groupCall, groups)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(groups), func(name string) bool { return failed[name] != nil })
	refused, err := deleteGroups(ctx, g.cluster, rest)
	if err != nil {
		return err
	}
	for name, err := range refused {
		failed[name] = err
	}
	g.tellDeleted(shareKind.name, groups, failed)
	return nil
}

// deleteOffsets forgets where a group begins in topics.
func (g *shareCall) deleteOffsets(ctx context.Context) error {
	group := g.Value("group")
	if g.Wrong() != nil {
		return g.Wrong()
	}
	topics := slices.Compact(slices.Sorted(slices.Values(g.Values("topic"))))
	results, err := forgetTopics(ctx, g.cluster, group, topics)
	if err != nil {
		return err
	}
	for _, topic := range tool.HashOrder(topics) { // the first result that is an error stands for the whole
		if err := results[topic]; err != nil {
			g.tellForgotten(err)
			break
		}
	}
	width := 15
	for _, topic := range topics {
		width = max(width, len(topic))
	}
	g.Printf("\n%s STATUS", tool.Pad("TOPIC", width))
	for _, topic := range topics {
		status := "Successful"
		if err := results[topic]; err != nil {
			status = "Error: " + err.Error()
		}
		g.Printf("\n%s %s", tool.Pad(topic, width), status)
	}
	g.Println()
	return nil
}

// tellForgotten says why offsets were not forgotten, unless the lines of the topics say it.
func (g *shareCall) tellForgotten(err error) {
	of := func(codes ...int16) bool {
		return slices.ContainsFunc(codes, func(code int16) bool { return tool.IsRefused(err, code) })
	}
	switch {
	case of(invalidGroup, groupNotFound, groupUnauthorized, groupNotEmpty):
		g.Println("\nError: " + err.Error())
	case !of(topicUnauthorized, unknownTopic):
		g.Println("\nError: Encounter some unknown error: " + tool.Describe(err))
	}
}

// forgetTopics asks for topics to be forgotten in a share group; what is wrong with the group is the result of each of them.
func forgetTopics(ctx context.Context, cluster *tool.Cluster, group string, topics []string) (map[string]error, error) {
	request := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
	request.GroupID = group
	for _, topic := range topics {
		t := kmsg.NewDeleteShareGroupOffsetsRequestTopic()
		t.Topic = topic
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.DeleteShareGroupOffsetsResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	results := make(map[string]error, len(topics))
	for _, topic := range topics {
		results[topic] = tool.Illegal("Offset deletion result for topic \"%s\" was not included in the response", topic)
		if err := tool.Refused(answer.ErrorCode, answer.ErrorMessage); err != nil {
			results[topic] = err
		}
	}
	for _, t := range answer.Topics {
		if answer.ErrorCode == 0 {
			results[t.Topic] = tool.Refused(t.ErrorCode, t.ErrorMessage)
		}
	}
	return results, nil
}

// reset sets the start offsets of a group without members, or says what they would be.
func (g *shareCall) reset(ctx context.Context) error {
	group := g.Value("group")
	if g.Wrong() != nil {
		return g.Wrong()
	}
	described, err := describeShareGroups(ctx, g.cluster, []string{group})
	switch {
	case tool.IsRefused(err, groupNotFound): // offsets may be set before there is a group
	case err != nil:
		g.Warnln(err.Error())
		return failure
	case described[group].GroupState != "Empty" && described[group].GroupState != "Dead":
		g.Warnln("Share group '" + group + "' is not empty.")
		return failure
	}
	partitions, err := g.toReset(ctx, group)
	if err != nil {
		return err
	}
	if err := g.checkPartitions(ctx, partitions); err != nil {
		return err
	}
	offsets, err := g.scenario(ctx, group, partitions)
	if err = tool.First(g.Wrong(), err); err != nil {
		return err
	}
	if g.Has("execute") {
		if err := alterShareOffsets(ctx, g.cluster, group, offsets); err != nil {
			return err
		}
	}
	printPlan(g.Call, plan{group: offsets})
	return nil
}

// toReset are the partitions that the options name, or all of the group.
func (g *shareCall) toReset(ctx context.Context, group string) ([]partition, error) {
	if g.Has("topic") {
		return g.namedPartitions(ctx, g.Values("topic"))
	}
	offsets, err := shareOffsets(ctx, g.cluster, group)
	if err != nil {
		return nil, err
	}
	var all []partition
	for _, o := range offsets {
		all = append(all, o.at)
	}
	return all, nil
}

// alterShareOffsets sets where a share group begins.
func alterShareOffsets(ctx context.Context, cluster *tool.Cluster, group string, offsets map[partition]int64) error {
	request := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	request.GroupID = group
	var all []partition
	for p := range offsets {
		all = append(all, p)
	}
	for _, topic := range byTopic(all) {
		t := kmsg.NewAlterShareGroupOffsetsRequestTopic()
		t.Topic = topic.name
		for _, index := range topic.partitions {
			p := kmsg.NewAlterShareGroupOffsetsRequestTopicPartition()
			p.Partition, p.StartOffset = index, offsets[partition{topic.name, index}]
			t.Partitions = append(t.Partitions, p)
		}
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.AlterShareGroupOffsetsResponse](ctx, cluster, request)
	if err != nil {
		return err
	}
	codes, messages := make(map[partition]int16), make(map[partition]string)
	failed := func(p partition, code int16, message *string) {
		if e := tool.Refused(code, message); e != nil {
			codes[p], messages[p] = code, strings.TrimSpace(e.Error())
		}
	}
	for _, p := range all {
		failed(p, answer.ErrorCode, answer.ErrorMessage)
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			failed(partition{t.Topic, p.Partition}, p.ErrorCode, p.ErrorMessage)
		}
	}
	return notAltered(codes, messages)
}
