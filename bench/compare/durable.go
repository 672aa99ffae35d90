package main

import (
	"context"
	"fmt"
	"slices"

	"leat/bench/load"
)

// fsyncLoads has producers of one record each that wait for a topic in which every record is on the disk before it is acknowledged.
func (s *session) fsyncLoads(ctx context.Context) error {
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 1000, BatchSize: 1})
	if err != nil {
		return err
	}
	for _, l := range []struct{ producers, partitions int }{{1, 1}, {16, 1}, {64, 1}, {64, partitions}} {
		topic := s.topic()
		if err := s.create(topic, l.partitions, map[string]string{"flush.messages": "1"}); err != nil {
			return err
		}
		s.memory.settle()
		id := fmt.Sprintf("fsync/%d-producers-%d-partitions", l.producers, l.partitions)
		stop := s.profile(ctx, fmt.Sprintf("fsync-%d-%d", l.producers, l.partitions), s.window)
		total, err := load.Produce(ctx, load.ProduceSpec{Address: s.broker.Bootstrap(), Topic: topic, Partitions: l.partitions,
			Connections: l.producers, Depth: 1, Acks: -1, Batch: batch, RecordSize: 1000, Duration: s.window, PID: s.broker.PID()})
		if err != nil {
			return err
		}
		if err := stop(); err != nil {
			return err
		}
		if err := s.ended(topic, l.partitions, total.Records); err != nil {
			return err
		}
		slices.Sort(total.Latencies)
		s.add(id+"/rate", float64(total.Records)/total.Seconds)
		s.add(id+"/p50", load.Quantile(total.Latencies, 0.5))
		s.add(id+"/p99", load.Quantile(total.Latencies, 0.99))
		if err := s.remove(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}
