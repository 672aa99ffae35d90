package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// creating is what `leat topic create` was told.
type creating struct {
	partitions int32
	replicas   int16
	configs    []string
	ifMissing  bool
}

func topicCreateCommand(s run.Streams) *cobra.Command {
	var n creating
	c := newCommand(s, &cobra.Command{
		Use: "create TOPIC...", Short: "Create topics",
		Example: "  leat topic create orders --partitions 6 --replicas 3 --config retention.ms=86400000\n  leat topic create orders --plan",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}).changes()
	f := c.Command.Flags()
	f.Int32VarP(&n.partitions, "partitions", "p", -1, "how many partitions; -1: as the cluster does it (num.partitions)")
	f.Int16VarP(&n.replicas, "replicas", "r", -1, "replicas of each partition; -1: as the cluster does it (default.replication.factor)")
	f.StringArrayVarP(&n.configs, "config", "c", nil, "a config of the topics as `KEY=VALUE`; may be repeated")
	f.BoolVar(&n.ifMissing, "if-not-exists", false, "do nothing where a topic is there already")
	c.check = func([]string) error {
		_, err := pairs(n.configs)
		if err == nil && (n.partitions == 0 || n.partitions < -1 || n.replicas == 0 || n.replicas < -1) {
			return fmt.Errorf("--partitions=%d --replicas=%d: a topic has at least one of each", n.partitions, n.replicas)
		}
		return err
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		var steps present.Steps
		for _, name := range args {
			would, err := n.create(ctx, cl, name, true)
			if n.ifMissing && errors.Is(err, kerr.TopicAlreadyExists) {
				continue
			}
			if err != nil {
				return of("topic "+name, err)
			}
			steps = append(steps, present.Step{Object: "topic " + name, Action: "create", After: would, Do: func(ctx context.Context) error {
				_, err := n.create(ctx, cl, name, false)
				if err == nil {
					settle(ctx, cl, name)
				}
				return err
			}})
		}
		return c.Carry(ctx, steps, "")
	}
	return c.Command
}

// create creates a topic, or only asks whether that could be done. It says what the topic has.
func (n *creating) create(ctx context.Context, cl *cluster, name string, only bool) (has string, err error) {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.ValidateOnly = only
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, n.partitions, n.replicas
	set, err := pairs(n.configs)
	if err != nil {
		return "", err
	}
	for _, kv := range set {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = kv[0], &kv[1]
		t.Configs = append(t.Configs, c)
	}
	rq.Topics = append(rq.Topics, t)
	resp, err := ask[*kmsg.CreateTopicsResponse](ctx, cl, rq)
	if err != nil {
		return "", err
	}
	for i := range resp.Topics {
		rt := &resp.Topics[i]
		if err := answered(rt.ErrorCode, rt.ErrorMessage); err != nil {
			return "", err
		}
		has = fmt.Sprintf("%s, replication factor %d", plural(int(rt.NumPartitions), "partition"), rt.ReplicationFactor)
	}
	for _, kv := range set {
		has += ", " + kv[0] + "=" + kv[1]
	}
	return has, nil
}

// mostSettling is how long a new topic is waited for: it is there, and a broker that does not hear of it must not hold up whoever made it.
const mostSettling = 5 * time.Second

// settle waits until all brokers know a new topic: controllers answer before these have heard of it, and the next command may ask any of them.
func settle(ctx context.Context, cl *cluster, name string) {
	ctx, cancel := context.WithTimeout(ctx, mostSettling)
	defer cancel()
	rq := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &name
	rq.Topics = append(rq.Topics, t)
	all, err := cl.admin.BrokerMetadata(ctx)
	if err != nil {
		return
	}
	for _, id := range all.Brokers.NodeIDs() {
		for ctx.Err() == nil {
			answer, err := cl.Broker(int(id)).Request(ctx, rq)
			resp, ok := answer.(*kmsg.MetadataResponse)
			if err != nil || !ok || len(resp.Topics) == 1 && resp.Topics[0].ErrorCode == 0 {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// pairs reads KEY=VALUE.
func pairs(texts []string) ([][2]string, error) {
	var all [][2]string
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%s: it is not KEY=VALUE", text)
		}
		if slices.ContainsFunc(all, func(kv [2]string) bool { return kv[0] == key }) {
			return nil, fmt.Errorf("%s: it is given twice", key)
		}
		all = append(all, [2]string{key, value})
	}
	return all, nil
}

func topicDeleteCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "delete TOPIC...", Short: "Delete topics with all their records",
		Example: "  leat topic delete orders --plan\n  leat topic delete orders --yes",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: completeTopics,
	}).destroys()
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		topics, err := readTopics(ctx, cl, args...)
		if err != nil {
			return err
		}
		var steps present.Steps
		for i := range topics {
			t := &topics[i]
			if err := addOffsets(ctx, cl, t); err != nil {
				return of("topic "+t.Name, err)
			}
			steps = append(steps, present.Step{Object: "topic " + t.Name, Action: "delete", Before: plural(len(t.Partitions), "partition") + ", " + t.records(), Do: func(ctx context.Context) error {
				return deleteTopic(ctx, cl, t.Name)
			}})
		}
		return c.Carry(ctx, steps, "delete "+plural(len(steps), "topic")+": "+strings.Join(args, ", "))
	}
	return c.Command
}

// records says how many records a topic has, as far as offsets tell.
func (t *topic) records() string {
	n := int64(0)
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if p.Start == nil || p.End == nil {
			return "an unknown number of records"
		}
		n += *p.End - *p.Start
	}
	return "up to " + strconv.FormatInt(n, 10) + " records"
}

func deleteTopic(ctx context.Context, cl *cluster, name string) error {
	rq := kmsg.NewPtrDeleteTopicsRequest()
	rq.TopicNames = []string{name}
	t := kmsg.NewDeleteTopicsRequestTopic()
	t.Topic = &name
	rq.Topics = append(rq.Topics, t)
	resp, err := ask[*kmsg.DeleteTopicsResponse](ctx, cl, rq)
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
