package admin

import (
	"context"
	"errors"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// StreamsGroups is kafka-streams-groups.
func StreamsGroups() *tool.Tool {
	return &tool.Tool{Name: "kafka-streams-groups", Options: streamsGroupsOptions(), Run: streamsGroups, Purpose: "This tool helps to list, or describe streams groups."}
}

// streamsCall is a run of the tool for streams groups.
type streamsCall struct{ *groupCall }

func streamsGroups(ctx context.Context, c *tool.Call) error {
	return wrongStreams(c, runStreamsGroups(ctx, c))
}

// wrongStreams is how the tool ends with an error: a wrong argument with the usage, anything else with a line.
func wrongStreams(c *tool.Call, err error) error {
	if c.Wrong() != nil {
		c.Warnln(c.Wrong().Error())
		c.PrintUsage(c.Err)
		return failure
	}
	var (
		usage  tool.Usage
		status run.Exit
		e      *tool.Exception
	)
	if err == nil || errors.As(err, &usage) || errors.As(err, &status) {
		return err
	}
	if errors.As(err, &e) && e.Class == "java.lang.IllegalArgumentException" {
		return tool.Usage(e.Message)
	}
	c.Println("\nError: Executing streams group command failed due to " + err.Error())
	return failure
}

func runStreamsGroups(ctx context.Context, c *tool.Call) error {
	if err := checkStreamsGroups(c); err != nil || c.Wrong() != nil {
		return err
	}
	if c.Count("list", "describe", "delete", "reset-offsets", "delete-offsets") != 1 {
		return tool.Illegal("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, or --delete-offsets.")
	}
	cluster, err := connect(c)
	if err != nil {
		return err
	}
	defer cluster.Close()
	g := &streamsCall{newGroupCall(c, cluster)}
	g.committed = g.committedSources
	c.Int("to-offset", 64)
	c.Int("shift-by", 64)
	c.Value("by-duration")
	switch {
	case c.Wrong() != nil:
		return c.Wrong()
	case c.Has("list"):
		return streamsKind.list(ctx, g.groupCall)
	case c.Has("describe"):
		return g.describe(ctx)
	case c.Has("reset-offsets"):
		return g.reset(ctx)
	case c.Has("delete"):
		return g.delete(ctx)
	}
	return g.deleteOffsets(ctx)
}

func checkStreamsGroups(c *tool.Call) error {
	if err := tool.First(c.Require("bootstrap-server"), checkShown(c, "members", "offsets", "state", "topology")); err != nil {
		return err
	}
	noGroup := c.Count("group", "all-groups") == 0
	topics := c.Count("input-topic", "all-input-topics")
	switch {
	case c.Has("delete") && noGroup:
		return tool.Usage("Option [delete] takes one of these options: " + bracketed("all-groups", "group"))
	case c.Has("delete") && topics > 0:
		return tool.Usage("Kafka Streams does not support topic-specific offset deletion from a streams group.")
	case c.Has("delete-offsets") && (topics == 0 || !c.Has("group")):
		return tool.Usage("Option [delete-offsets] takes the [group] and one of these options: " + bracketed("all-input-topics", "input-topic"))
	case c.Has("delete-offsets") && len(c.Values("group")) > 1:
		return tool.Usage("Option [delete-offsets] supports only one [group] at a time, but found: " + javaList(c.Values("group")))
	}
	if err := tool.First(checkStreamsReset(c, noGroup), checkInternalTopics(c)); err != nil {
		return err
	}
	if c.Count("dry-run", "execute") > 0 && !c.Has("reset-offsets") {
		return tool.Usage("Only Option [reset-offsets] accepts [execute] or [dry-run]")
	}
	return tool.First(c.Exclude("list", "members", "offsets"), c.Exclude("group", "all-groups"), c.Exclude("group", "list"),
		c.Exclude("input-topic", "list", "describe", "delete"))
}

func checkStreamsReset(c *tool.Call, noGroup bool) error {
	if !c.Has("reset-offsets") {
		return nil
	}
	switch {
	case c.Count("dry-run", "execute") == 2:
		return tool.Usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
	case c.Count("dry-run", "execute") == 0:
		return tool.Usage("Option [reset-offsets] takes the option: [execute] or [dry-run]")
	case noGroup:
		return tool.Usage("Option [reset-offsets] takes one of these options: " + bracketed("all-groups", "group"))
	}
	return excludeEachOther(c, "to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file")
}

// checkInternalTopics finds what does not go together with the deletion of internal topics.
func checkInternalTopics(c *tool.Call) error {
	switch {
	case c.Has("delete-all-internal-topics") && c.Count("reset-offsets", "delete") == 0:
		return tool.Usage("Option [delete-all-internal-topics] takes one of these options: " + bracketed("delete", "reset-offsets"))
	case c.Has("delete-all-internal-topics") && c.Has("reset-offsets") && !c.Has("execute"):
		return tool.Usage("Option [delete-all-internal-topics] takes [execute] when [reset-offsets] is used.")
	case c.Has("delete-all-internal-topics"):
		return nil
	case c.Has("delete-internal-topic") && c.Count("reset-offsets", "execute") < 2:
		return tool.Usage("Option [delete-internal-topic] takes [reset-offsets] when [execute] is used.")
	}
	return nil
}
