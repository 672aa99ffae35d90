package admin

import (
	"context"

	"leat/internal/cli/kafka/tool"
)

// ShareGroups is kafka-share-groups.
func ShareGroups() *tool.Tool {
	return &tool.Tool{Name: "kafka-share-groups", Options: shareGroupsOptions(), Run: shareGroups, Purpose: "This tool helps to list, describe, reset and delete share groups."}
}

func shareGroups(ctx context.Context, c *tool.Call) error {
	if err := checkShareGroups(c); err != nil {
		return err
	}
	if c.Count("list", "describe", "delete", "reset-offsets", "delete-offsets") != 1 {
		return tool.Usage("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets.")
	}
	cluster, err := connect(c)
	if err != nil {
		return wrongGroups(c, shareKind.name, err)
	}
	defer cluster.Close()
	g := &shareCall{newGroupCall(c, cluster)}
	switch {
	case c.Wrong() != nil:
		err = c.Wrong()
	case c.Has("list"):
		err = shareKind.list(ctx, g.groupCall)
	case c.Has("describe"):
		err = g.describe(ctx)
	case c.Has("delete"):
		err = g.delete(ctx)
	case c.Has("reset-offsets"):
		err = g.reset(ctx)
	default:
		err = g.deleteOffsets(ctx)
	}
	return wrongGroups(c, shareKind.name, err)
}

// shareCall is a run of the tool for share groups.
type shareCall struct{ *groupCall }

func checkShareGroups(c *tool.Call) error {
	if err := tool.First(c.Require("bootstrap-server"), checkShown(c, "members", "offsets", "state")); err != nil {
		return err
	}
	if c.Has("delete") {
		switch {
		case c.Count("group", "all-groups") == 0:
			return tool.Usage("Option [delete] takes the options [group] or [all-groups]")
		case c.Count("group", "all-groups") == 2:
			return tool.Usage("Option [delete] takes either [group] or [all-groups], not both.")
		case c.Has("topic"):
			return tool.Usage("Option [delete] does not take the option: [topic]")
		}
	}
	if c.Has("delete-offsets") && c.Count("group", "topic") < 2 {
		return tool.Usage("Option [delete-offsets] takes the following options: " + bracketed("group", "topic"))
	}
	return tool.First(checkShareReset(c), c.Exclude("group", "all-groups"), c.Exclude("group", "list"), c.Exclude("topic", "list", "describe"))
}

func checkShareReset(c *tool.Call) error {
	if !c.Has("reset-offsets") {
		return nil
	}
	scenarios := []string{"to-datetime", "to-earliest", "to-latest"}
	switch {
	case c.Count("dry-run", "execute") == 2:
		return tool.Usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
	case c.Count("dry-run", "execute") == 0:
		return tool.Usage("Option [reset-offsets] takes the option: [execute] or [dry-run]")
	case !c.Has("group"):
		return tool.Usage("Option [reset-offsets] takes the option: [group]")
	case c.Count("topic", "all-topics") == 0:
		return tool.Usage("Option [reset-offsets] takes one of these options: " + bracketed("all-topics", "topic"))
	case c.Count(scenarios...) == 0:
		return tool.Usage("Option [reset-offsets] takes one of these options: " + bracketed(scenarios...))
	}
	return excludeEachOther(c, scenarios...)
}
