package cli

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	balancing "leat/internal/balance/run"
	"leat/internal/record"
)

// clusterState is what a plan is made from, as a cluster tells it to any client.
type clusterState struct {
	balance.State
	moves  int // at a time
	drain  []int32
	moving map[record.TopicPartition]bool
}

// asked is ask for an answer of one type.
func asked[R kmsg.Response](ctx context.Context, f *clusterFlags, rq kmsg.Request) (R, error) {
	var none R
	answer, err := f.ask(ctx, rq)
	if err != nil {
		return none, err
	}
	return typed[R](answer)
}

func typed[R kmsg.Response](answer kmsg.Response) (R, error) {
	resp, ok := answer.(R)
	if !ok {
		return resp, fmt.Errorf("unexpected answer %T", answer)
	}
	return resp, nil
}

// readState asks for everything; sizes only if they matter, as every broker has to be asked for them.
func (f *clusterFlags) readState(ctx context.Context, sizes bool) (*clusterState, error) {
	s := &clusterState{}
	brokers, err := f.describeCluster(ctx, true)
	if err != nil {
		return nil, err
	}
	for _, b := range brokers.Brokers {
		rack := ""
		if b.Rack != nil {
			rack = *b.Rack
		}
		s.Brokers = append(s.Brokers, balance.Broker{ID: b.NodeID, Rack: rack, Fenced: b.IsFenced})
	}
	i := slices.IndexFunc(brokers.Brokers, func(b kmsg.DescribeClusterResponseBroker) bool { return !b.IsFenced })
	if i < 0 {
		return nil, fmt.Errorf("all brokers are fenced")
	}
	if err := s.readSettings(ctx, &brokers.Brokers[i]); err != nil {
		return nil, err
	}
	if err := s.readPartitions(ctx, f); err != nil || !sizes {
		return s, err
	}
	all := balancing.NewSizes()
	for i := range brokers.Brokers {
		if b := &brokers.Brokers[i]; !b.IsFenced {
			answer, err := askAt(ctx, addressOf(b), kmsg.NewPtrDescribeLogDirsRequest())
			if err != nil {
				return nil, err
			}
			resp, err := typed[*kmsg.DescribeLogDirsResponse](answer)
			if err != nil {
				return nil, err
			}
			all.Add(b.NodeID, resp)
		}
	}
	all.Fill(&s.State)
	return s, nil
}

func addressOf(b *kmsg.DescribeClusterResponseBroker) string {
	return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
}

// readSettings asks a broker for the keys leat.balance.*; one of Apache Kafka has none, and what leat would do by itself counts then.
func (s *clusterState) readSettings(ctx context.Context, b *kmsg.DescribeClusterResponseBroker) error {
	rq := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(b.NodeID))
	rq.Resources = append(rq.Resources, r)
	answer, err := askAt(ctx, addressOf(b), rq)
	if err != nil {
		return err
	}
	resp, err := typed[*kmsg.DescribeConfigsResponse](answer)
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, r := range resp.Resources {
		if err := answered("describe configs of broker "+r.ResourceName, r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
		for _, c := range r.Configs {
			if c.Value != nil {
				values[c.Name] = *c.Value
			}
		}
	}
	number := func(key string) int64 {
		n, _ := strconv.ParseInt(values[key], 10, 64) // nothing, of Kafka's brokers: then the default counts
		return n
	}
	s.Limits = balance.Limits{
		Mode: balance.Mode(values["leat.balance.mode"]), Tolerance: float64(number("leat.balance.tolerance.percent")) / 100,
		FullAt: float64(number("leat.balance.disk.full.percent")) / 100, MinBytes: number("leat.balance.min.bytes"),
		BytesPerSecond: number("leat.balance.throttle.rate"),
	}
	s.moves = max(1, int(number("leat.balance.moves")))
	for _, item := range strings.FieldsFunc(values["leat.balance.drain"], func(r rune) bool { return r == ',' || r == ' ' }) {
		if id, err := nodeID(item); err == nil {
			s.drain = append(s.drain, id)
		}
	}
	for _, id := range s.drain {
		i := slices.IndexFunc(s.Brokers, func(b balance.Broker) bool { return b.ID == id })
		if i < 0 {
			s.Brokers = append(s.Brokers, balance.Broker{ID: id, Fenced: true})
			i = len(s.Brokers) - 1
		}
		s.Brokers[i].Draining = true
	}
	return nil
}

// readPartitions asks where the replicas are and which are on their way.
func (s *clusterState) readPartitions(ctx context.Context, f *clusterFlags) error {
	ongoing, err := f.reassigning(ctx)
	if err != nil {
		return err
	}
	meta, err := asked[*kmsg.MetadataResponse](ctx, f, kmsg.NewPtrMetadataRequest())
	if err != nil {
		return err
	}
	s.moving = map[record.TopicPartition]bool{}
	for _, t := range meta.Topics {
		if t.Topic == nil {
			continue
		}
		for _, p := range t.Partitions {
			tp := record.TopicPartition{Topic: *t.Topic, Partition: p.Partition}
			part := balance.Partition{Topic: tp.Topic, Partition: tp.Partition, Replicas: p.Replicas, ISR: p.ISR, Leader: p.Leader}
			if removing, ok := ongoing[tp]; ok {
				part.Moving, s.moving[tp] = true, true
				part.Replicas = slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(removing, id) })
			}
			s.Partitions = append(s.Partitions, part)
		}
	}
	return nil
}

// reassigning lists the partitions that are on their way, with the replicas that will go.
func (f *clusterFlags) reassigning(ctx context.Context) (map[record.TopicPartition][]int32, error) {
	rq := kmsg.NewPtrListPartitionReassignmentsRequest()
	rq.TimeoutMillis = int32(f.timeout.Milliseconds())
	resp, err := asked[*kmsg.ListPartitionReassignmentsResponse](ctx, f, rq)
	if err != nil {
		return nil, err
	}
	if err := answered("list reassignments", resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	out := map[record.TopicPartition][]int32{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			out[record.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.RemovingReplicas
		}
	}
	return out, nil
}

// setCluster changes one key for all brokers.
func (f *clusterFlags) setCluster(ctx context.Context, key string, op kmsg.IncrementalAlterConfigOp, value *string) error {
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType = kmsg.ConfigResourceTypeBroker
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Op, c.Value = key, op, value
	r.Configs = append(r.Configs, c)
	rq.Resources = append(rq.Resources, r)
	resp, err := asked[*kmsg.IncrementalAlterConfigsResponse](ctx, f, rq)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := answered("set "+key, r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
