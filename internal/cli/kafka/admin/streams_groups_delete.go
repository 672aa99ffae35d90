package admin

import (
	"context"
	"maps"
	"slices"
	"strings"

	"leat/internal/cli/kafka/tool"
)

// delete deletes groups without members, and perhaps what their applications made for themselves.
func (g *streamsCall) delete(ctx context.Context) error {
	groups, err := streamsKind.chosen(ctx, g.groupCall)
	if err != nil {
		return err
	}
	failed, err := streamsKind.undeletable(ctx, g.groupCall, groups)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(groups), func(name string) bool { return failed[name] != nil })
	var internals map[string][]string
	if g.Has("delete-all-internal-topics") && len(rest) > 0 {
		internals = g.internalTopics(ctx, rest)
	}
	refused, err := deleteGroups(ctx, g.cluster, rest)
	if err != nil {
		return err
	}
	maps.Copy(failed, refused)
	var gone []string
	for _, name := range tool.HashOrder(slices.Compact(slices.Sorted(slices.Values(rest)))) {
		if failed[name] == nil {
			gone = append(gone, name)
		}
	}
	left := g.deleteInternals(ctx, gone, internals)
	g.tellDeleted(streamsKind.name, groups, failed)
	if len(internals) > 0 && len(gone) > 0 {
		g.tellInternals(gone, internals, left)
	}
	return nil
}

// internalTopics are the topics that applications made for themselves, by group. Those whose names do not look so are kept.
func (g *streamsCall) internalTopics(ctx context.Context, groups []string) map[string][]string {
	all := make(map[string][]string)
	for _, name := range tool.HashOrder(slices.Compact(slices.Sorted(slices.Values(groups)))) {
		d, err := describeStreamsGroup(ctx, g.cluster, name, false)
		if err != nil {
			g.Println("\nError: Retrieving internal topics failed due to " + tool.Describe(err))
			return nil
		}
		for _, topic := range d.internals() {
			if internalOf(name, topic) {
				all[name] = append(all[name], topic)
			} else {
				g.Println("\nError: The internal topic '" + topic + "' is not inferred as internal and thus will not be deleted with the group '" + name + "'.")
			}
		}
	}
	return all
}

// deleteInternals deletes the internal topics of some groups, and says of groups why some of theirs are still there.
func (g *streamsCall) deleteInternals(ctx context.Context, groups []string, internals map[string][]string) map[string]error {
	left := make(map[string]error)
	for _, name := range groups {
		refused, err := removeTopics(ctx, g.cluster, internals[name])
		var topics []string
		for _, r := range refused {
			topics = append(topics, r.topic)
		}
		for _, topic := range tool.HashOrder(topics) {
			g.Println("Failed to delete internal topic: " + topic)
		}
		if err = tool.First(err, firstOf(refused)); err != nil {
			left[name] = err
		}
	}
	return left
}

func (g *streamsCall) tellInternals(gone []string, internals map[string][]string, left map[string]error) {
	if len(left) == 0 {
		var with []string
		for _, name := range gone {
			if len(internals[name]) > 0 {
				with = append(with, name)
			}
		}
		g.Println("Deletion of associated internal topics of the streams groups ('" + strings.Join(with, "', '") + "') was successful.")
		return
	}
	g.Println("Deletion of some associated internal topics failed:")
	for _, name := range tool.HashOrder(slices.Sorted(maps.Keys(left))) {
		g.Println("* Internal topics of the streams group '" + name + "' could not be deleted due to: " + tool.Describe(left[name]))
	}
}

// deleteOffsets forgets offsets of what a group reads.
func (g *streamsCall) deleteOffsets(ctx context.Context) error {
	group := g.Value("group")
	if g.Has("all-input-topics") {
		offsets, err := g.committedIn(ctx, group, false)
		if err != nil {
			return err
		}
		return g.forgetAndTell(ctx, group, slices.SortedFunc(maps.Keys(offsets), comparePartitions), make(map[partition]string))
	}
	all, results, err := g.toForget(ctx, g.Values("input-topic"))
	if err != nil {
		return err
	}
	return g.forgetAndTell(ctx, group, all, results)
}
