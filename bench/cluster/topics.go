package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
)

// createLed creates a topic whose partitions all have a replica on each node, and are led by one of them.
func (t *trio) createLed(ctx context.Context, topic string, partitions int, leader int32) error {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = 30_000
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, -1, -1
	for p := range partitions {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition = int32(p)
		for i := range int32(nodes) {
			a.Replicas = append(a.Replicas, (leader-1+i)%nodes+1)
		}
		rt.ReplicaAssignment = append(rt.ReplicaAssignment, a)
	}
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name, config.Value = "min.insync.replicas", kmsg.StringPtr("2")
	rt.Configs = append(rt.Configs, config)
	rq.Topics = append(rq.Topics, rt)
	resp, err := rq.RequestWith(ctx, t.client)
	if err != nil {
		return err
	}
	for _, created := range resp.Topics {
		if err := kerr.ErrorForCode(created.ErrorCode); err != nil {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	if err := t.awaitFull(ctx, leader, topic); err != nil {
		return err
	}
	return until(ctx, time.Minute, func(context.Context) error { // others may know before the leader itself does
		_, err := load.Ends(t.node(leader).Bootstrap(), topic, partitions)
		return err
	})
}

// awaitFull waits until every partition of the topics is led, by that node unless it is 0, and all replicas are in sync.
func (t *trio) awaitFull(ctx context.Context, leader int32, topics ...string) error {
	return until(ctx, 2*time.Minute, func(ctx context.Context) error {
		got, err := t.admin.Metadata(ctx, topics...)
		if err != nil {
			return err
		}
		if len(got.Brokers) != nodes {
			return fmt.Errorf("%d brokers", len(got.Brokers))
		}
		for _, topic := range topics {
			if len(got.Topics[topic].Partitions) == 0 {
				return fmt.Errorf("%s: not there yet", topic)
			}
		}
		for _, topic := range got.Topics {
			for _, p := range topic.Partitions {
				switch {
				case p.Err != nil:
					return fmt.Errorf("%s-%d: %w", p.Topic, p.Partition, p.Err)
				case len(p.ISR) != len(p.Replicas):
					return fmt.Errorf("%s-%d: in sync are %v of %v", p.Topic, p.Partition, p.ISR, p.Replicas)
				case leader != 0 && p.Leader != leader:
					return fmt.Errorf("%s-%d: led by %d", p.Topic, p.Partition, p.Leader)
				}
			}
		}
		return nil
	})
}

// create creates a topic. That it is there is as good: an attempt before may have come through.
func (t *trio) create(ctx context.Context, topic string, partitions int32, replicas int16) error {
	_, err := t.admin.CreateTopic(ctx, partitions, replicas, nil, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// remove deletes topics.
func (t *trio) remove(ctx context.Context, topics ...string) error {
	_, err := t.admin.DeleteTopics(ctx, topics...)
	return err
}
