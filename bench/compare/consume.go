package main

import (
	"context"
	"fmt"
	"time"

	"leat/bench/load"
)

// stored is a topic full of equal batches.
type stored struct {
	topic string
	ends  []int64
	batch load.Batch
	size  int // of each value
}

// fill makes a topic of about that many bytes.
func (s *session) fill(ctx context.Context, bytes int64) (stored, error) {
	const record = 1000
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: record, BatchSize: 64 << 10})
	if err != nil {
		return stored{}, err
	}
	topic := s.topic()
	if err := s.create(topic, partitions, nil); err != nil {
		return stored{}, err
	}
	s.memory.settle()
	total, err := load.Produce(ctx, load.ProduceSpec{Address: s.broker.Bootstrap(), Topic: topic, Partitions: partitions, Connections: connections,
		Depth: depth, Acks: -1, Batch: batch, RecordSize: record, Duration: time.Minute, MaxBytes: bytes, PID: s.broker.PID()})
	if err != nil {
		return stored{}, err
	}
	return stored{topic, total.Ends, batch, record}, s.ended(topic, partitions, total.Records)
}

// spec is a load of fetches of the topic.
func (t stored) spec(s *session, consumers int, window time.Duration) load.ConsumeSpec {
	return load.ConsumeSpec{Address: s.broker.Bootstrap(), Topic: t.topic, Ends: t.ends, Connections: consumers, BatchBytes: len(t.batch.Bytes),
		Batch: t.batch, RecordSize: t.size, Limits: load.DefaultLimits, Duration: window, PID: s.broker.PID()}
}

func (s *session) consumeLoads(ctx context.Context) error {
	counts := []int{1, 10}
	totals, err := s.consume(ctx, counts, s.window)
	if err != nil {
		return err
	}
	for i, total := range totals {
		s.add(fmt.Sprintf("consume/%d/cpu", counts[i]), total.CPUPerGB())
		s.add(fmt.Sprintf("consume/%d/rate", counts[i]), total.MBPerSecond())
	}
	s.add("consume/fanout", totals[1].MBPerSecond()/totals[0].MBPerSecond())
	return nil
}

// consume reads a topic of half a GB, which the page cache holds, over and over with some numbers of consumers at once.
func (s *session) consume(ctx context.Context, counts []int, window time.Duration) ([]load.Totals, error) {
	topic, err := s.fill(ctx, 500e6)
	if err != nil {
		return nil, err
	}
	var totals []load.Totals
	for _, count := range counts {
		if _, err := load.Consume(ctx, topic.spec(s, count, 300*time.Millisecond)); err != nil {
			return nil, err
		}
		stop := s.profile(ctx, fmt.Sprintf("consume-%d", count), window)
		total, err := load.Consume(ctx, topic.spec(s, count, window))
		if err != nil {
			return nil, err
		}
		if err := stop(); err != nil {
			return nil, err
		}
		totals = append(totals, total)
	}
	return totals, s.remove(ctx, topic.topic)
}
