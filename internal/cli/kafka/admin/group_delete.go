package admin

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// deleteAll deletes groups that consume and says which.
func (g *groupCall) deleteAll(ctx context.Context, groups []string) error {
	failed, err := deleteGroups(ctx, g.cluster, groups)
	if err == nil {
		g.tellDeleted("consumer", groups, failed)
	}
	return err
}

// deleteGroups deletes groups, and says of some why they are still there.
func deleteGroups(ctx context.Context, cluster *tool.Cluster, groups []string) (map[string]error, error) {
	failed := make(map[string]error)
	if len(groups) == 0 {
		return failed, nil
	}
	request := kmsg.NewPtrDeleteGroupsRequest()
	request.Groups = groups
	answer, err := tool.Ask[*kmsg.DeleteGroupsResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	for _, r := range answer.Groups {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			failed[r.Group] = err
		}
	}
	return failed, nil
}

// tellDeleted says what came of deleting groups.
func (g *groupCall) tellDeleted(kind string, groups []string, failed map[string]error) {
	var done []string
	for _, name := range tool.HashOrder(slices.Compact(slices.Sorted(slices.Values(groups)))) {
		if failed[name] == nil {
			done = append(done, "'"+name+"'")
		}
	}
	list, end := strings.Join(done, ", "), ""
	if kind == "streams" {
		end = "."
		if len(done) == 0 {
			list = "''"
		}
	}
	if len(failed) == 0 {
		g.Println("Deletion of requested " + kind + " groups (" + list + ") was successful.")
		return
	}
	g.Println("\nError: Deletion of some " + kind + " groups failed:")
	for _, name := range tool.HashOrder(slices.Sorted(maps.Keys(failed))) {
		g.Println("* Group '" + name + "' could not be deleted due to: " + tool.Describe(failed[name]))
	}
	if len(done) > 0 {
		g.Println("\nThese " + kind + " groups were deleted successfully: " + list + end)
	}
}

// deleteOffsets forgets offsets of topics in a group.
func (g *groupCall) deleteOffsets(ctx context.Context) error {
	group := g.Value("group")
	if g.Wrong() != nil {
		return g.Wrong()
	}
	all, results, err := g.toForget(ctx, g.Values("topic"))
	if err != nil {
		return err
	}
	return g.forgetAndTell(ctx, group, all, results)
}

// toForget are the partitions that arguments name; what is wrong with a topic is the result of it.
func (g *groupCall) toForget(ctx context.Context, texts []string) ([]partition, map[partition]string, error) {
	results := make(map[partition]string)
	var all []partition
	for _, topic := range texts {
		some, err := g.namedPartitions(ctx, []string{topic})
		if err != nil && strings.Contains(topic, ":") {
			return nil, nil, err
		}
		if err != nil {
			results[partition{topic, -1}] = "Error: " + tool.Describe(err)
		}
		all = append(all, some...)
	}
	return all, results, nil
}

// forgetAndTell forgets offsets and says what came of it.
func (g *groupCall) forgetAndTell(ctx context.Context, group string, all []partition, results map[partition]string) error {
	top, err := g.forget(ctx, group, all, results)
	if err != nil {
		return err
	}
	switch top {
	case 0:
		g.Println("Request succeeded for deleting offsets from group " + group + ".")
	case invalidGroup, groupNotFound, groupUnauthorized, groupNotEmpty:
		g.Println("\nError: " + tool.Refused(top, nil).Error())
	case groupSubscribed, topicUnauthorized, unknownTopic:
		g.Println("\nError: Encountered some partition-level error, see the follow-up details.")
	default:
		g.Println("\nError: Encountered some unknown error: " + codeName(top))
	}
	width := 15
	var keys []partition
	for p := range results {
		keys = append(keys, p)
		width = max(width, len(p.topic))
	}
	slices.SortFunc(keys, func(a, b partition) int { return strings.Compare(a.topic+number(a.index), b.topic+number(b.index)) })
	row := func(topic, index, status string) {
		g.Printf("\n%s %-10s %-15s", tool.Pad(topic, width), index, status)
	}
	row("TOPIC", "PARTITION", "STATUS")
	for _, p := range keys {
		index := "-"
		if p.index >= 0 {
			index = number(p.index)
		}
		row(p.topic, index, results[p])
	}
	g.Println()
	return nil
}

// forget deletes offsets, and says of each partition what came of it; the code is that of the whole, or of the first partition that has one.
func (g *groupCall) forget(ctx context.Context, group string, partitions []partition, results map[partition]string) (int16, error) {
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = group
	for _, topic := range byTopic(partitions) {
		t := kmsg.NewOffsetDeleteRequestTopic()
		t.Topic = topic.name
		for _, index := range topic.partitions {
			p := kmsg.NewOffsetDeleteRequestTopicPartition()
			p.Partition = index
			t.Partitions = append(t.Partitions, p)
		}
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.OffsetDeleteResponse](ctx, g.cluster, request)
	if err != nil {
		return 0, err
	}
	top := answer.ErrorCode
	for _, p := range partitions {
		results[p] = "Successful"
		if err := tool.Refused(top, nil); err != nil {
			results[p] = "Error: " + tool.Describe(err)
		}
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := tool.Refused(p.ErrorCode, nil); err != nil {
				results[partition{t.Topic, p.Partition}] = "Error: " + tool.Describe(err)
				if top == 0 {
					top = p.ErrorCode
				}
			}
		}
	}
	return top, nil
}

// topicArgument is TOPIC:0,1,2.
func topicArgument(text string) ([]partition, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 2 || parts[1] == "" {
		return nil, tool.Illegal("Invalid topic arg '%s', expected topic name and partitions", text)
	}
	var all []partition
	for word := range strings.SplitSeq(parts[1], ",") {
		n, err := parseInt32(word)
		if err != nil {
			return nil, tool.Illegal("Invalid partition '%s' specified in topic arg '%s''", word, text)
		}
		all = append(all, partition{parts[0], n})
	}
	return all, nil
}
