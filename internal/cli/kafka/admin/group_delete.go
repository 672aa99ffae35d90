package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// deleteAll deletes groups of a kind and says which.
func (g *groupCall) deleteAll(ctx context.Context, groups []string, kind string) error {
	failed := make(map[string]error)
	if len(groups) > 0 {
		request := kmsg.NewPtrDeleteGroupsRequest()
		request.Groups = groups
		answer, err := tool.Ask[*kmsg.DeleteGroupsResponse](ctx, g.cluster, request)
		if err != nil {
			return err
		}
		for _, r := range answer.Groups {
			if err := tool.Refused(r.ErrorCode, nil); err != nil {
				failed[r.Group] = err
			}
		}
	}
	var done []string
	for _, name := range tool.HashOrder(groups) {
		if failed[name] == nil {
			done = append(done, "'"+name+"'")
		}
	}
	done = slices.Compact(done)
	if len(failed) == 0 {
		g.Println("Deletion of requested " + kind + " groups (" + strings.Join(done, ", ") + ") was successful.")
		return nil
	}
	g.Println("\nError: Deletion of some " + kind + " groups failed:")
	for _, name := range tool.HashOrder(slices.Compact(slices.Sorted(slices.Values(groups)))) {
		if err := failed[name]; err != nil {
			g.Println("* Group '" + name + "' could not be deleted due to: " + tool.Describe(err))
		}
	}
	if len(done) > 0 {
		g.Println("\nThese " + kind + " groups were deleted successfully: " + strings.Join(done, ", "))
	}
	return nil
}

// deleteOffsets forgets offsets of topics in a group.
func (g *groupCall) deleteOffsets(ctx context.Context) error {
	group := g.Value("group")
	if g.Wrong() != nil {
		return g.Wrong()
	}
	results := make(map[partition]string)
	var all []partition
	for _, topic := range g.Values("topic") {
		if strings.Contains(topic, ":") {
			some, err := topicArgument(topic)
			if err != nil {
				return err
			}
			all = append(all, some...)
			continue
		}
		some, err := partitionsOf(ctx, g.cluster, []string{topic})
		if err != nil {
			results[partition{topic, -1}] = "Error: " + tool.Describe(err)
		}
		all = append(all, some...)
	}
	top, err := g.forget(ctx, group, all, results)
	if err != nil {
		return err
	}
	switch top {
	case 0:
		g.Println("Request succeeded for deleting offsets from group " + group + ".")
	case 24, groupNotFound, 30, 68:
		g.Println("\nError: " + tool.Refused(top, nil).Error())
	case 86, 29, unknownTopic:
		g.Println("\nError: Encountered some partition-level error, see the follow-up details.")
	default:
		g.Println("\nError: Encountered some unknown error: " + tool.Refused(top, nil).Error())
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
