package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/fleet"
)

// create makes a topic whose partitions are on the brokers that an assignment names: 1:2,2:3.
func (w *world) create(ctx context.Context, name, assignment string) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
	for i, part := range strings.Split(assignment, ",") {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition = int32(i)
		for id := range strings.SplitSeq(part, ":") {
			n, err := strconv.Atoi(id)
			if err != nil {
				return err
			}
			a.Replicas = append(a.Replicas, int32(n))
		}
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, t), 60000
	answer, err := request.RequestWith(ctx, w.cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

// settle waits until every node sees every partition of a topic with a leader and all its replicas in sync.
func (w *world) settle(ctx context.Context, topic string) error {
	if err := fleet.CaughtUp(ctx, w.cl); err != nil { // or what is begun looks as if it had been done
		return err
	}
	for {
		settled := true
		for _, n := range w.nodes {
			if !settledAt(ctx, n.Bootstrap(), topic) {
				settled = false
			}
		}
		if settled {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New(topic + " does not settle")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func settledAt(ctx context.Context, address, topic string) bool {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return false
	}
	defer cl.Close()
	request := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	request.Topics = append(request.Topics, t)
	answer, err := cl.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return false
	}
	m := answer.(*kmsg.MetadataResponse)
	return len(m.Topics) == 1 && m.Topics[0].ErrorCode == 0 && !slices.ContainsFunc(m.Topics[0].Partitions, func(p kmsg.MetadataResponseTopicPartition) bool {
		return p.ErrorCode != 0 || p.Leader < 0 || len(p.ISR) != len(p.Replicas)
	})
}
