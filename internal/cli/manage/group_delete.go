package manage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func groupDeleteCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "delete GROUP...", Short: "Delete groups with the offsets that they have committed",
		Example: "  leat group delete billing --plan\n  leat group delete billing --yes",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: completeGroups,
	}).destroys()
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		var steps present.Steps
		for _, name := range args {
			g, err := groupAtRest(ctx, cl, name, true)
			if err != nil {
				return err
			}
			steps = append(steps, present.Step{Object: "group " + name, Action: "delete", Before: g.Type, Do: func(ctx context.Context) error {
				resp, err := cl.admin.DeleteGroup(ctx, name)
				return cmpErr(err, resp.Err, resp.ErrMessage)
			}})
		}
		return c.Carry(ctx, steps, "delete "+plural(len(steps), "group")+": "+strings.Join(args, ", "))
	}
	return c.Command
}

// cmpErr is the first of what went wrong with a request and with what it asked for.
func cmpErr(err, inside error, message string) error {
	switch {
	case err != nil:
		return err
	case inside != nil && message != "":
		return fmt.Errorf("%s (%w)", message, inside)
	}
	return inside
}

func groupDeleteOffsetsCommand(s run.Streams) *cobra.Command {
	var topics []string
	c := newCommand(s, &cobra.Command{
		Use: "delete-offsets GROUP", Short: "Delete the offsets that a group has committed for topics which it does not read any more",
		Example: "  leat group delete-offsets billing --topic orders --yes\n  leat group delete-offsets billing --topic orders:3 --plan",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeGroups,
	}).destroys()
	c.Command.Flags().StringArrayVar(&topics, "topic", nil, "`TOPIC[:PARTITION,...]` whose offsets to delete; may be repeated")
	_ = c.RegisterFlagCompletionFunc("topic", completeTopics)
	_ = c.MarkFlagRequired("topic")
	c.check = func([]string) error {
		_, err := parseTopics(topics)
		return err
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		g, err := groupAtRest(ctx, cl, args[0], false)
		if err != nil {
			return err
		}
		wanted, err := parseTopics(topics)
		if err != nil {
			return err
		}
		steps, err := deleteOffsetsSteps(ctx, cl, &g, wanted)
		if err != nil {
			return of("group "+g.Group, err)
		}
		return c.Carry(ctx, steps, "delete "+plural(len(steps), "committed offset")+" of group "+g.Group)
	}
	return c.Command
}

// deleteOffsetsSteps are the offsets that go. Those of a share group go by whole topics.
func deleteOffsetsSteps(ctx context.Context, cl *cluster, g *listedGroup, wanted map[string][]int32) (present.Steps, error) {
	committed, err := committedOffsets(ctx, cl, g)
	if err != nil {
		return nil, err
	}
	var steps present.Steps
	set := kadm.TopicsSet{}
	for _, tp := range slices.SortedFunc(mapKeys(committed), comparePartitions) {
		list, ok := wanted[tp.Topic]
		if !ok || len(list) > 0 && !slices.Contains(list, tp.Partition) {
			continue
		}
		set.Add(tp.Topic, tp.Partition)
		steps = append(steps, present.Step{Object: "group " + g.Group, Action: "delete offset", What: fmt.Sprintf("%s-%d", tp.Topic, tp.Partition), Before: fmt.Sprint(committed[tp])})
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("it has committed no such offsets: leat group describe %s shows which it has", g.Group)
	}
	steps[len(steps)-1].Do = func(ctx context.Context) error {
		if g.Type == "share" {
			resp, err := cl.admin.DeleteShareGroupOffsets(ctx, g.Group, slices.Sorted(maps.Keys(set))...)
			if err == nil {
				err = resp.Error()
			}
			return err
		}
		resp, err := cl.admin.DeleteOffsets(ctx, g.Group, set)
		if err != nil {
			return err
		}
		wrong := []error{}
		resp.EachError(func(topic string, partition int32, err error) {
			wrong = append(wrong, fmt.Errorf("%s-%d: %w", topic, partition, err))
		})
		return errors.Join(wrong...)
	}
	return steps, nil
}
