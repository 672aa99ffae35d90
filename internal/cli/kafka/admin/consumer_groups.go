package admin

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// ConsumerGroups is kafka-consumer-groups.
func ConsumerGroups() *tool.Tool {
	return &tool.Tool{Name: "kafka-consumer-groups", Options: consumerGroupsOptions(), Run: consumerGroups,
		Purpose: "This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets."}
}

// Options of the tools for groups, by what they go together with.
var (
	resetScenarios = []string{"to-offset", "shift-by", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "from-file"}
	groupActions   = []string{"list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"}
)

func consumerGroups(ctx context.Context, c *tool.Call) error {
	if err := checkConsumerGroups(c); err != nil {
		return err
	}
	if c.Count(groupActions...) != 1 {
		return tool.Usage("Command must include exactly one action: --" + strings.Join(groupActions, ", --"))
	}
	if c.Has("validate-regex") {
		return validateRegex(c)
	}
	cluster, err := connect(c)
	if err != nil {
		return wrongGroups(c, "consumer", err)
	}
	defer cluster.Close()
	g := newGroupCall(c, cluster)
	switch {
	case c.Wrong() != nil:
		err = c.Wrong()
	case c.Has("list"):
		err = g.list(ctx)
	case c.Has("describe"):
		err = g.describe(ctx)
	case c.Has("delete"):
		err = g.delete(ctx)
	case c.Has("reset-offsets"):
		err = g.reset(ctx)
	default:
		err = g.deleteOffsets(ctx)
	}
	return wrongGroups(c, "consumer", err)
}

// groupCall is a run of a tool for groups.
type groupCall struct {
	*tool.Call

	cluster   *tool.Cluster
	committed func(ctx context.Context, group string) (map[partition]committedOffset, error) // of the group that offsets are set of
}

func newGroupCall(c *tool.Call, cluster *tool.Cluster) *groupCall {
	if cluster != nil {
		cluster.Wait(time.Duration(c.Int("timeout", 64)) * time.Millisecond)
	}
	return &groupCall{Call: c, cluster: cluster, committed: func(ctx context.Context, group string) (map[partition]committedOffset, error) {
		offsets, err := committed(ctx, cluster, group)
		return offsets, tool.Executed(err)
	}}
}

// wrongGroups is how tools for groups of a kind end with an error: a wrong argument with the usage, anything else with a line, and as if all were well.
func wrongGroups(c *tool.Call, kind string, err error) error {
	var option *tool.OptionError
	if errors.As(c.Wrong(), &option) {
		err = option
	}
	var (
		usage  tool.Usage
		status run.Exit
	)
	if err == nil || errors.As(err, &usage) || errors.As(err, &status) {
		return err
	}
	var e *tool.Exception
	if errors.As(err, &e) && e.Class == "java.lang.IllegalArgumentException" {
		return tool.Usage(e.Message)
	}
	c.Println("\nError: Executing " + kind + " group command failed due to " + err.Error())
	return run.Exit(0)
}

func bracketed(names ...string) string { return "[" + strings.Join(names, "], [") + "]" }

func checkConsumerGroups(c *tool.Call) error {
	if !c.Has("validate-regex") {
		if err := c.Require("bootstrap-server"); err != nil {
			return err
		}
	}
	noGroup := c.Count("group", "all-groups") == 0
	if c.Has("describe") {
		if noGroup {
			return tool.Usage("Option [describe] takes one of these options: " + bracketed("all-groups", "group"))
		}
		if c.Count("members", "offsets", "state") > 1 {
			return tool.Usage("Option [describe] takes at most one of these options: " + bracketed("members", "offsets", "state"))
		}
		if c.Value("state") != "" {
			return tool.Usage("Option [describe] does not take a value for [state]")
		}
	}
	if c.Has("delete") {
		if noGroup {
			return tool.Usage("Option [delete] takes one of these options: " + bracketed("all-groups", "group"))
		}
		if c.Has("topic") {
			return tool.Usage("The consumer does not support topic-specific offset deletion from a consumer group.")
		}
	}
	if c.Has("delete-offsets") && c.Count("group", "topic") < 2 {
		return tool.Usage("Option [delete-offsets] takes the following options: " + bracketed("group", "topic"))
	}
	if err := checkReset(c); err != nil {
		return err
	}
	return tool.First(c.Exclude("group", "all-groups"),
		c.Exclude("group", "list"),
		c.Exclude("topic", "list", "describe"))
}

func checkReset(c *tool.Call) error {
	if !c.Has("reset-offsets") {
		return nil
	}
	if c.Count("dry-run", "execute") == 2 {
		return tool.Usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
	}
	if c.Count("dry-run", "execute") == 0 {
		c.Warnln("WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will require either --dry-run or --execute to be " +
			"specified. You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting.")
	}
	if c.Count("group", "all-groups") == 0 {
		return tool.Usage("Option [reset-offsets] takes one of these options: " + bracketed("all-groups", "group"))
	}
	for _, scenario := range []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"} {
		var others []string
		for _, other := range resetScenarios {
			if other != scenario {
				others = append(others, other)
			}
		}
		if err := c.Exclude(scenario, others...); err != nil {
			return err
		}
	}
	return nil
}

func validateRegex(c *tool.Call) error {
	text := c.Value("validate-regex")
	_, err := regexp.Compile(text)
	if err == nil {
		c.Printf("The regular expression `%s` is valid.\n", text)
		return nil
	}
	reason := err.Error()
	if _, after, ok := strings.Cut(reason, "error parsing regexp: "); ok {
		reason, _, _ = strings.Cut(after, ": `")
	}
	c.Printf("The regular expression `%s` is invalid: %s.\n", text, reason)
	return nil
}
