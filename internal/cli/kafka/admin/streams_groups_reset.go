package admin

import (
	"context"
	"maps"
	"slices"

	"leat/internal/cli/kafka/tool"
)

// reset sets offsets of groups at rest, or says what they would be; and perhaps deletes what their applications made for themselves.
func (g *streamsCall) reset(ctx context.Context) error {
	groups, err := streamsKind.chosen(ctx, g.groupCall)
	if err != nil {
		return err
	}
	all := make(plan)
	for _, name := range tool.HashOrder(slices.Compact(slices.Sorted(slices.Values(groups)))) {
		d, err := describeStreamsGroup(ctx, g.cluster, name, false)
		if err != nil && !tool.IsRefused(err, groupNotFound) {
			return tool.Executed(tool.Executed(err))
		}
		if err == nil && d.State != "Empty" && d.State != "Dead" {
			g.Println("\nError: Assignments can only be reset if the group '" + name + "' is inactive, but the current state is " + d.State + ".")
			all[name] = nil
			continue
		}
		if all[name], err = g.resetStreamsGroup(ctx, name); err != nil {
			return err
		}
		if d != nil && g.Has("execute") {
			g.deleteNamedInternals(ctx, name)
		}
	}
	if g.Has("export") {
		g.Println(exported(all, len(g.Values("group")) == 1))
		return nil
	}
	all.print(g.Call, "\n%-30s %-30s %-10s %-15s")
	return nil
}

func (g *streamsCall) resetStreamsGroup(ctx context.Context, group string) (map[partition]int64, error) {
	partitions, err := g.inputs(ctx, group)
	if err != nil {
		return nil, err
	}
	offsets, err := g.scenario(ctx, group, partitions)
	if err = tool.First(g.Wrong(), err); err != nil || !g.Has("execute") {
		return offsets, err
	}
	return offsets, commit(ctx, g.cluster, group, offsets)
}

// inputs are the partitions whose offsets are to be set.
func (g *streamsCall) inputs(ctx context.Context, group string) ([]partition, error) {
	if g.Has("all-input-topics") {
		offsets, err := g.committedIn(ctx, group, false)
		return slices.SortedFunc(maps.Keys(offsets), comparePartitions), err
	}
	if !g.Has("input-topic") {
		if g.Has("from-file") {
			return nil, nil
		}
		return nil, tool.Usage("One of the reset scopes should be defined: --all-topics, --topic.")
	}
	named, err := g.namedPartitions(ctx, g.Values("input-topic"))
	if err == nil {
		err = g.checkPartitions(ctx, named)
	}
	if err != nil {
		return nil, err
	}
	offsets, err := committed(ctx, g.cluster, group)
	if err != nil {
		return nil, tool.Executed(tool.Executed(err))
	}
	for _, p := range named {
		if _, ok := offsets[p]; !ok {
			g.Println("\nError: One or more topics are not part of the group '" + group + "'.")
			return nil, nil
		}
	}
	return named, nil
}

// deleteNamedInternals deletes the internal topics that the options name, or all of the group.
func (g *streamsCall) deleteNamedInternals(ctx context.Context, group string) {
	topics := g.Values("delete-internal-topic")
	if g.Has("delete-all-internal-topics") {
		topics = g.internalTopics(ctx, []string{group})[group]
	}
	refused, err := removeTopics(ctx, g.cluster, topics)
	switch err = tool.First(err, firstOf(refused)); {
	case err == nil:
	case tool.IsRefused(err, unknownTopic):
		g.Println("\nError: Deleting internal topics for group '" + group + "' failed because the topics do not exist.")
	default:
		g.Println("\nError: Deleting internal topics for group '" + group + "' failed due to " + tool.Describe(err))
	}
}
