package manage

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// altering is what shall become of topics.
type altering struct {
	partitions int
	replicas   int
	set, unset []string
	leave      bool
}

func (a *altering) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVarP(&a.partitions, "partitions", "p", 0, "how many partitions there shall be; more than there are, and where a key lands changes with it")
	f.IntVarP(&a.replicas, "replicas", "r", 0, "how many replicas each partition shall have")
}

func (a *altering) check() error {
	if a.partitions < 0 || a.replicas < 0 {
		return fmt.Errorf("--partitions=%d --replicas=%d: a topic has at least one of each", a.partitions, a.replicas)
	}
	return nil
}

func topicAlterCommand(s run.Streams) *cobra.Command {
	var a altering
	c := newCommand(s, &cobra.Command{
		Use: "alter TOPIC...", Short: "Give topics other configs, more partitions, or another number of replicas",
		Example: "  leat topic alter orders --set retention.ms=86400000 --unset cleanup.policy\n  leat topic alter orders --replicas 3 --plan",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: completeTopics,
	}).changes()
	a.add(c.Command)
	f := c.Command.Flags()
	f.StringArrayVar(&a.set, "set", nil, "a config to set, as `KEY=VALUE`; may be repeated")
	f.StringArrayVar(&a.unset, "unset", nil, "`KEY` of a config that shall be the default again; may be repeated")
	f.BoolVar(&a.leave, "no-wait", false, "do not wait until new replicas are in sync")
	c.MarkFlagsOneRequired("partitions", "replicas", "set", "unset")
	c.check = func([]string) error {
		if _, err := configChanges(a.set, a.unset); err != nil {
			return err
		}
		return a.check()
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		topics, err := readTopics(ctx, cl, args...)
		if err != nil {
			return err
		}
		var steps present.Steps
		for i := range topics {
			changes, err := configChanges(a.set, a.unset)
			if err != nil {
				return err
			}
			more, err := configSteps(ctx, cl, entity{kmsg.ConfigResourceTypeTopic, topics[i].Name}, changes)
			if err != nil {
				return err
			}
			steps = append(steps, more...)
		}
		more, err := c.alterSteps(ctx, cl, topics, &a)
		if err != nil {
			return err
		}
		return c.Carry(ctx, append(steps, more...), "")
	}
	return c.Command
}

// alterSteps are the steps to other numbers of partitions and replicas.
func (c *command) alterSteps(ctx context.Context, cl *cluster, topics []topic, a *altering) (steps present.Steps, err error) {
	for i := range topics {
		t := &topics[i]
		if a.partitions == 0 || a.partitions == len(t.Partitions) {
			continue
		}
		if a.partitions < len(t.Partitions) {
			return nil, fmt.Errorf("topic %s: it has %s, which can become more only: make a new topic for fewer", t.Name, plural(len(t.Partitions), "partition"))
		}
		if err := setPartitions(ctx, cl, t.Name, a.partitions, true); err != nil {
			return nil, of("topic "+t.Name, err)
		}
		steps = append(steps, present.Step{Object: "topic " + t.Name, Action: "set", What: "partitions", Before: fmt.Sprint(len(t.Partitions)), After: fmt.Sprint(a.partitions),
			Do: func(ctx context.Context) error { return setPartitions(ctx, cl, t.Name, a.partitions, false) }})
	}
	if a.replicas == 0 {
		return steps, nil
	}
	p, err := readPlacement(ctx, cl, &where{})
	if err != nil {
		return nil, err
	}
	var moves []move
	for i := range topics {
		for j := range topics[i].Partitions {
			part := &topics[i].Partitions[j]
			after, err := p.resize(part.Replicas, part.InSync, a.replicas)
			if err != nil {
				return nil, fmt.Errorf("%s-%d: %w", topics[i].Name, part.Partition, err)
			}
			if len(after) != len(part.Replicas) {
				moves = append(moves, move{topics[i].Name, part.Partition, part.Leader, part.Replicas, after})
			}
		}
	}
	return append(steps, c.moveSteps(cl, moves, a.leave)...), nil
}

// setPartitions gives a topic more partitions, or only asks whether that could be done.
func setPartitions(ctx context.Context, cl *cluster, name string, n int, only bool) error {
	rq := kmsg.NewPtrCreatePartitionsRequest()
	rq.ValidateOnly = only
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = name, int32(n)
	rq.Topics = append(rq.Topics, t)
	resp, err := ask[*kmsg.CreatePartitionsResponse](ctx, cl, rq)
	if err != nil {
		return err
	}
	for i := range resp.Topics {
		if err := answered(resp.Topics[i].ErrorCode, resp.Topics[i].ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

// placedTopic is what `leat topic plan -o json` prints of each.
type placedTopic struct {
	Name  string         `json:"name"`
	Nodes []placedOnNode `json:"nodes"`
	Steps present.Steps  `json:"steps"` // what would be done
}

type placedOnNode struct {
	Node     int32  `json:"node"`
	Rack     string `json:"rack,omitempty"`
	Replicas int    `json:"replicas"`
	Leaders  int    `json:"leaders"`
	InSync   int    `json:"in_sync_replicas"`
}

func topicPlanCommand(s run.Streams) *cobra.Command {
	var a altering
	var w where
	c := newCommand(s, &cobra.Command{
		Use: "plan TOPIC...", Short: "Show on which nodes topics are, and what another number of partitions or replicas, or a move, would change",
		Example: "  leat topic plan orders\n  leat topic plan orders --off 2\n  leat topic plan orders --replicas 3",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: completeTopics,
	})
	a.add(c.Command)
	w.add(c.Command)
	c.MarkFlagsMutuallyExclusive("off", "to", "replicas")
	c.check = func([]string) error { return a.check() }
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		topics, err := readTopics(ctx, cl, args...)
		if err != nil {
			return err
		}
		p, err := readPlacement(ctx, cl, &w)
		if err != nil {
			return err
		}
		placed, tables := []placedTopic{}, []*present.Table(nil)
		for i := range topics {
			steps, err := c.alterSteps(ctx, cl, topics[i:i+1], &a)
			if err != nil {
				return err
			}
			if len(w.off)+len(w.to) > 0 {
				moves, err := w.moves(topics[i:i+1], p)
				if err != nil {
					return err
				}
				steps = append(steps, c.moveSteps(cl, moves, true)...)
			}
			on, table := placedOn(&topics[i], p)
			placed, tables = append(placed, placedTopic{topics[i].Name, on, steps}), append(tables, table)
			if len(steps) > 0 {
				tables = append(tables, steps.Planned())
			}
		}
		return c.Show(placed, tables...)
	}
	return c.Command
}

// placedOn counts what each node has of a topic.
func placedOn(t *topic, p *placement) ([]placedOnNode, *present.Table) {
	on, table := []placedOnNode{}, present.NewTable("NODE", "RACK", "REPLICAS", "LEADERS", "IN-SYNC")
	table.Title = fmt.Sprintf("topic %s: %s, replication factor %d", t.Name, plural(len(t.Partitions), "partition"), t.Replicas)
	for _, n := range p.nodes {
		one := placedOnNode{Node: n.id, Rack: n.rack}
		for i := range t.Partitions {
			part := &t.Partitions[i]
			one.Replicas += count(part.Replicas, n.id)
			one.InSync += count(part.InSync, n.id)
			if part.Leader == n.id {
				one.Leaders++
			}
		}
		on = append(on, one)
		table.Add(one.Node, one.Rack, one.Replicas, one.Leaders, one.InSync)
	}
	return on, table
}

func count(ids []int32, id int32) (n int) {
	for _, have := range ids {
		if have == id {
			n++
		}
	}
	return n
}
