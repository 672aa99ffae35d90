package manage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// configChange is a config and what shall become of it.
type configChange struct {
	key   string
	value *string // nil: the default again
}

// configChanges reads what shall be set and what shall be the default again.
func configChanges(set, unset []string) ([]configChange, error) {
	kvs, err := pairs(set)
	if err != nil {
		return nil, err
	}
	var all []configChange
	for _, kv := range kvs {
		all = append(all, configChange{kv[0], &kv[1]})
	}
	for _, key := range unset {
		if slices.ContainsFunc(all, func(c configChange) bool { return c.key == key }) {
			return nil, fmt.Errorf("%s: it is given twice", key)
		}
		all = append(all, configChange{key, nil})
	}
	return all, nil
}

// configSteps are the steps to other configs of an entity: one request makes all of them or none. The cluster has been asked whether it would take them.
func configSteps(ctx context.Context, cl *cluster, e entity, changes []configChange) (present.Steps, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	before, err := readSettings(ctx, cl, e)
	if err != nil {
		return nil, err
	}
	if err := alterConfigs(ctx, cl, e, changes, true); err != nil {
		return nil, of(e.String(), err)
	}
	var steps present.Steps
	for _, c := range changes {
		step := present.Step{Object: e.String(), Action: "set", What: c.key}
		i := slices.IndexFunc(before, func(s setting) bool { return s.Key == c.key })
		if i >= 0 {
			step.Before = before[i].shown()
		}
		switch {
		case c.value == nil:
			step.Action = "unset"
			if i >= 0 {
				step.After = orNothing(before[i].Default)
			}
		case i >= 0 && before[i].Sensitive:
			step.After = "(hidden)"
		default:
			step.After = *c.value
		}
		steps = append(steps, step)
	}
	steps[len(steps)-1].Do = func(ctx context.Context) error { return alterConfigs(ctx, cl, e, changes, false) }
	return steps, nil
}

// alterConfigs changes configs of an entity, or only asks whether that could be done.
func alterConfigs(ctx context.Context, cl *cluster, e entity, changes []configChange, only bool) error {
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	rq.ValidateOnly = only
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = e.kind, e.name
	for _, change := range changes {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value, c.Op = change.key, change.value, kmsg.IncrementalAlterConfigOpSet
		switch {
		case change.value == nil:
			c.Op = kmsg.IncrementalAlterConfigOpDelete
		case e.kind == kmsg.ConfigResourceTypeBrokerLogger: // brokers take levels in capitals only
			c.Value = kmsg.StringPtr(strings.ToUpper(*change.value))
		}
		r.Configs = append(r.Configs, c)
	}
	rq.Resources = append(rq.Resources, r)
	resp, err := ask[*kmsg.IncrementalAlterConfigsResponse](ctx, cl, rq)
	if err != nil {
		return err
	}
	for i := range resp.Resources {
		if err := answered(resp.Resources[i].ErrorCode, resp.Resources[i].ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func configSetCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "set TYPE NAME KEY=VALUE...", Short: "Set configs, all of them or none",
		Long:    "Set configs, all of them or none.\n\n" + entityHelp,
		Example: "  leat config set topic orders retention.ms=86400000\n  leat config set broker default log.cleaner.threads=2 --plan\n  leat config set logger 1 root=DEBUG",
		Args:    cobra.MinimumNArgs(3), ValidArgsFunction: completeEntities,
	}).changes()
	c.check = func(args []string) error {
		if _, err := pairs(args[2:]); err != nil {
			return err
		}
		return checkEntity(args)
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		return c.changeConfigs(ctx, cl, args[:2], args[2:], nil)
	}
	return c.Command
}

func configUnsetCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "unset TYPE NAME KEY...", Short: "Let configs be the defaults again",
		Long:    "Let configs be the defaults again.\n\n" + entityHelp,
		Example: "  leat config unset topic orders retention.ms",
		Args:    cobra.MinimumNArgs(3), ValidArgsFunction: completeEntities,
	}).changes()
	c.check = checkEntity
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		return c.changeConfigs(ctx, cl, args[:2], nil, args[2:])
	}
	return c.Command
}

func (c *command) changeConfigs(ctx context.Context, cl *cluster, name, set, unset []string) error {
	e, err := parseEntity(name)
	if err != nil {
		return err
	}
	changes, err := configChanges(set, unset)
	if err != nil {
		return err
	}
	steps, err := configSteps(ctx, cl, e, changes)
	if err != nil {
		return err
	}
	return c.Carry(ctx, steps, "")
}

func completeKinds(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, k := range entityKinds {
		words = append(words, k.word)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeEntities completes a type, then a name of it.
func completeEntities(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return completeKinds(cmd, args, begun)
	case len(args) == 1 && args[0] == "topic":
		return completeTopics(cmd, nil, begun)
	case len(args) == 1 && args[0] == "group":
		return completeGroups(cmd, nil, begun)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
