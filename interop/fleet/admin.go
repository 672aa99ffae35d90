package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Patience bounds how long a cluster may take for anything that a test waits for.
const Patience = 40 * time.Second

// Admin asks the cluster for things, by some of its brokers.
type Admin struct {
	*kadm.Client
	Raw *kgo.Client
}

// NewAdmin is an Admin that knows these nodes only at first.
func NewAdmin(nodes ...*Node) (*Admin, error) {
	var addresses []string
	for _, n := range nodes {
		addresses = append(addresses, n.Address())
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.MetadataMinAge(50*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	if err != nil {
		return nil, err
	}
	return &Admin{Client: kadm.NewClient(cl), Raw: cl}, nil
}

// CreateOn makes a topic whose partitions have these replicas, leaders first.
func (a *Admin) CreateOn(ctx context.Context, topic string, replicas [][]int32, configs ...string) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = 30_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	for i, r := range replicas {
		x := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		x.Partition, x.Replicas = int32(i), r
		t.ReplicaAssignment = append(t.ReplicaAssignment, x)
	}
	for i := 0; i+1 < len(configs); i += 2 {
		x := kmsg.NewCreateTopicsRequestTopicConfig()
		x.Name, x.Value = configs[i], &configs[i+1]
		t.Configs = append(t.Configs, x)
	}
	rq.Topics = append(rq.Topics, t)
	resp, err := rq.RequestWith(ctx, a.Raw)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	return nil
}

// Known waits until every broker knows these topics: who made one has the answer of a single broker, and the next request may come to any.
func (a *Admin) Known(ctx context.Context, topics ...string) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	all, err := a.BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	rq := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topic
		rq.Topics = append(rq.Topics, t)
	}
	for _, id := range all.Brokers.NodeIDs() {
		for {
			resp, err := rq.RequestWith(ctx, a.Raw.Broker(int(id)))
			if err == nil && !slices.ContainsFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool { return t.ErrorCode != 0 }) {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("broker %d does not know all of %v: %w", id, topics, errors.Join(err, ctx.Err()))
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// Topic is what the cluster says about a topic.
func (a *Admin) Topic(ctx context.Context, topic string) (kadm.TopicDetail, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	details, err := a.ListTopics(ctx, topic)
	if err != nil {
		return kadm.TopicDetail{}, err
	}
	return details[topic], details[topic].Err
}

// Await asks until a condition on a topic holds, and says what was seen last if it does not.
func (a *Admin) Await(ctx context.Context, topic string, holds func(kadm.PartitionDetail) bool) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		t, err := a.Topic(ctx, topic)
		ok := err == nil && len(t.Partitions) > 0
		for _, p := range t.Partitions {
			ok = ok && holds(p)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not what was waited for: %w", topic, errors.Join(err, fmt.Errorf("%+v", t.Partitions.Sorted())))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// InSync waits until all replicas of a topic are in sync.
func (a *Admin) InSync(ctx context.Context, topic string) error {
	return a.Await(ctx, topic, func(p kadm.PartitionDetail) bool { return p.Leader >= 0 && len(p.ISR) == len(p.Replicas) })
}

// Lead makes a node the leader of a partition: its replicas are put in that order, and the preferred one is elected.
func (a *Admin) Lead(ctx context.Context, topic string, partition int32, replicas ...int32) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	var rq kadm.AlterPartitionAssignmentsReq
	rq.Assign(topic, partition, replicas)
	if answers, err := a.AlterPartitionAssignments(ctx, rq); err != nil || answers.Error() != nil {
		return errors.Join(err, answers.Error())
	}
	set := kadm.TopicsSet{}
	set.Add(topic, partition)
	for {
		answers, err := a.ElectLeaders(ctx, kadm.ElectPreferredReplica, set)
		if err != nil {
			return err
		}
		said := answers[topic][partition].Err
		t, err := a.Topic(ctx, topic)
		if err == nil && t.Partitions[partition].Leader == replicas[0] && slices.Equal(t.Partitions[partition].Replicas, replicas) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s-%d: node %d does not lead: %w", topic, partition, replicas[0], errors.Join(err, said, fmt.Errorf("%+v", t.Partitions[partition])))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
