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

// Patience bounds how long a cluster may take for anything that a test waits for. Only a failure takes it, and machines may be slow.
const Patience = 2 * time.Minute

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
	rq.TimeoutMillis = 60_000
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
	for again := false; ; again = true {
		resp, err := rq.RequestWith(ctx, a.Raw)
		if err != nil {
			return err
		}
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
		if err == nil || again && errors.Is(err, kerr.TopicAlreadyExists) { // by the request whose answer came too late
			return nil
		}
		if !kerr.IsRetriable(err) || ctx.Err() != nil { // a cluster that has just formed may have no controller for a moment
			return fmt.Errorf("create %s: %w", topic, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Known waits until every broker knows these topics: who made one has the answer of a single broker, and the next request may come to any.
func (a *Admin) Known(ctx context.Context, topics ...string) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	rq := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topic
		rq.Topics = append(rq.Topics, t)
	}
	for {
		err := a.allKnow(ctx, rq)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("topics %v: %w", topics, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// allKnow asks every broker that is there now.
func (a *Admin) allKnow(ctx context.Context, rq *kmsg.MetadataRequest) error {
	all, err := a.BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	for _, id := range all.Brokers.NodeIDs() {
		resp, err := rq.RequestWith(ctx, a.Raw.Broker(int(id)))
		if err != nil {
			return fmt.Errorf("broker %d: %w", id, err)
		}
		for _, t := range resp.Topics {
			if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
				return fmt.Errorf("broker %d does not know %s: %w", id, *t.Topic, err)
			}
		}
	}
	return nil
}

// Leader waits until a partition has a leader: a broker that has heard of nothing newer yet tells that there is none.
func (a *Admin) Leader(ctx context.Context, topic string, partition int32) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		t, err := a.Topic(ctx, topic)
		if p, ok := t.Partitions[partition]; err == nil && ok && p.Leader >= 0 {
			return p.Leader, nil
		}
		select {
		case <-ctx.Done():
			return -1, fmt.Errorf("%s-%d has no leader: %w", topic, partition, errors.Join(err, fmt.Errorf("%+v", t.Partitions.Sorted())))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Topic is what the cluster says about a topic.
func (a *Admin) Topic(ctx context.Context, topic string) (kadm.TopicDetail, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
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
	for {
		p, err := a.reorder(ctx, topic, partition, replicas)
		if err == nil && p.Leader == replicas[0] && slices.Equal(p.Replicas, replicas) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s-%d: node %d does not lead: %w", topic, partition, replicas[0], errors.Join(err, fmt.Errorf("%+v", p)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// reorder has the replicas of a partition put in an order and the preferred leader elected, and tells what became of it. That it leads already is no error.
func (a *Admin) reorder(ctx context.Context, topic string, partition int32, replicas []int32) (kadm.PartitionDetail, error) {
	before, err := a.Topic(ctx, topic)
	if p := before.Partitions[partition]; err == nil && !slices.Equal(p.Replicas, replicas) {
		var rq kadm.AlterPartitionAssignmentsReq
		rq.Assign(topic, partition, replicas)
		answers, err := a.AlterPartitionAssignments(ctx, rq)
		if err != nil || answers.Error() != nil {
			return p, errors.Join(err, answers.Error())
		}
	}
	set := kadm.TopicsSet{}
	set.Add(topic, partition)
	answers, err := a.ElectLeaders(ctx, kadm.ElectPreferredReplica, set)
	if err != nil {
		return kadm.PartitionDetail{}, err
	}
	after, err := a.Topic(ctx, topic)
	p := after.Partitions[partition]
	if err == nil && p.Leader != replicas[0] {
		err = answers[topic][partition].Err
	}
	return p, err
}
