package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/kafkatools"
)

// doGroup does what a line of a story says that is about members of groups of other kinds than the classic one.
func (w *world) doGroup(ctx context.Context, words []string) error {
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(arg(i), 10, 64) // a story without the number is seen to fail
		return n
	}
	switch words[0] {
	case "group-config": // group, key, value
		return w.groupConfig(ctx, arg(1), arg(2), arg(3))
	case "share": // group, topic, records: a member of a share group that takes so many
		return w.share(ctx, arg(1), arg(2), int(number(3)))
	case "streams": // group, member, topic
		m, err := kafkatools.JoinStreams(ctx, w.cl, arg(1), arg(2), arg(3))
		w.streams[arg(1)] = m
		return err
	case "streams-commit": // group, topic, partition, offset
		return w.streams[arg(1)].Commit(ctx, arg(2), int32(number(3)), number(4))
	case "streams-leave": // group
		return w.streams[arg(1)].Leave(ctx)
	case "rest": // group, topic: a static member of a classic group that goes without a word
		return w.rest(ctx, arg(1), arg(2))
	case "await": // group, state
		return w.await(ctx, arg(1), arg(2))
	}
	return errors.New("nobody knows how")
}

// groupConfig sets a config of a group and waits until every node knows it: the leader of a partition decides by it where a share group begins.
func (w *world) groupConfig(ctx context.Context, group, key, value string) error {
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	of, set := kmsg.NewIncrementalAlterConfigsRequestResource(), kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	set.Name, set.Value = key, &value
	of.ResourceType, of.ResourceName, of.Configs = kmsg.ConfigResourceTypeGroupConfig, group, append(of.Configs, set)
	rq.Resources = append(rq.Resources, of)
	answer, err := rq.RequestWith(ctx, w.cl)
	if err == nil {
		err = kerr.ErrorForCode(answer.Resources[0].ErrorCode)
	}
	for id := 1; id <= nodes && err == nil; id++ {
		err = w.awaitGroupConfig(ctx, id, group, key, value)
	}
	return err
}

func (w *world) awaitGroupConfig(ctx context.Context, node int, group, key, value string) error {
	of := kmsg.NewDescribeConfigsRequestResource()
	of.ResourceType, of.ResourceName, of.ConfigNames = kmsg.ConfigResourceTypeGroupConfig, group, []string{key}
	rq := kmsg.NewPtrDescribeConfigsRequest()
	rq.Resources = append(rq.Resources, of)
	for {
		answer, err := w.cl.Broker(node).Request(ctx, rq)
		if err != nil {
			return err
		}
		for _, r := range answer.(*kmsg.DescribeConfigsResponse).Resources {
			if len(r.Configs) == 1 && r.Configs[0].Value != nil && *r.Configs[0].Value == value {
				return nil
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("node %d: %s of group %s is not %s", node, key, group, value)
		}
	}
}

// pause waits a moment between two looks.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// share makes a member of a share group and waits until it has taken so many records.
func (w *world) share(ctx context.Context, group, topic string, want int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.nodes[0].Bootstrap()), kgo.ShareGroup(group), kgo.ConsumeTopics(topic), kgo.ClientID("taker"))
	if err != nil {
		return err
	}
	w.members[group] = cl
	for got := 0; got < want; {
		records := cl.PollFetches(ctx).Records()
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %d of %d records", group, got, want)
		}
		cl.MarkAcks(kgo.AckAccept, records...)
		if err := cl.FlushAcks(ctx); err != nil {
			return err
		}
		got += len(records)
	}
	return nil
}

// rest makes a static member of a classic group, which stays in it until its session is over.
func (w *world) rest(ctx context.Context, group, topic string) error {
	assigned := make(chan struct{}, 1)
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.nodes[0].Bootstrap()), kgo.ConsumerGroup(group), kgo.InstanceID("rests"), kgo.ConsumeTopics(topic), kgo.ClientID("rester"),
		kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(), kgo.SessionTimeout(5*time.Minute), kgo.RebalanceTimeout(5*time.Minute),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			select {
			case assigned <- struct{}{}:
			default:
			}
		}))
	if err != nil {
		return err
	}
	defer cl.Close()
	select {
	case <-assigned:
		return nil
	case <-ctx.Done():
		return errors.New("no assignment")
	}
}

// await waits until a group has a state.
func (w *world) await(ctx context.Context, group, state string) error {
	for {
		rq := kmsg.NewPtrListGroupsRequest()
		answer, err := rq.RequestWith(ctx, w.cl)
		if err == nil {
			err = kerr.ErrorForCode(answer.ErrorCode)
		}
		if err != nil {
			return err
		}
		now := "Dead"
		for _, g := range answer.Groups {
			if g.Group == group {
				now = g.GroupState
			}
		}
		if now == state {
			return nil
		}
		if pause(ctx) != nil {
			return fmt.Errorf("group %s is %s, not %s", group, now, state)
		}
	}
}
