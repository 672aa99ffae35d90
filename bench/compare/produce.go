package main

import (
	"context"
	"fmt"
	"time"

	"leat/bench/load"
)

const (
	// partitions of every topic that is loaded.
	partitions  = 6
	connections = 4
	depth       = 4
)

// produceLoad is one line of the produce tables.
type produceLoad struct {
	record int
	batch  int
	acks   int16
	codec  string
}

// produceMatrix has every record and batch size without compression, and, in batches of 64 KB, the other acks and the codecs.
var produceMatrix = []produceLoad{
	{record: 1000, batch: 16 << 10, acks: -1},
	{record: 1000, batch: 64 << 10, acks: -1},
	{record: 1000, batch: 1 << 20, acks: -1},
	{record: 100, batch: 16 << 10, acks: -1},
	{record: 100, batch: 64 << 10, acks: -1},
	{record: 100, batch: 1 << 20, acks: -1},
	{record: 1000, batch: 64 << 10, acks: 1},
	{record: 100, batch: 64 << 10, acks: 1},
	{record: 1000, batch: 64 << 10, acks: -1, codec: "lz4"},
	{record: 100, batch: 64 << 10, acks: -1, codec: "lz4"},
	{record: 1000, batch: 64 << 10, acks: -1, codec: "zstd"},
	{record: 100, batch: 64 << 10, acks: -1, codec: "zstd"},
	{record: 1000, batch: 64 << 10, acks: -1, codec: "snappy"},
	{record: 1000, batch: 64 << 10, acks: -1, codec: "gzip"},
}

// name is how the load is called in tables and files.
func (l produceLoad) name() string {
	size := fmt.Sprintf("%dK", l.batch>>10)
	if l.batch >= 1<<20 {
		size = fmt.Sprintf("%dM", l.batch>>20)
	}
	acks := "all"
	if l.acks == 1 {
		acks = "1"
	}
	codec := l.codec
	if codec == "" {
		codec = "none"
	}
	return fmt.Sprintf("%dB-%s-acks%s-%s", l.record, size, acks, codec)
}

func (s *session) produceLoads(ctx context.Context) error {
	for _, l := range produceMatrix {
		total, err := s.produce(ctx, l, s.window)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name(), err)
		}
		s.add("produce/"+l.name()+"/cpu", total.CPUPerGB())
		s.add("produce/"+l.name()+"/rate", total.MBPerSecond())
	}
	return nil
}

// produce runs one load on a topic of its own: half a second to fill the pipes, then the window. The records that the topic has in the end
// must be those that were acknowledged.
func (s *session) produce(ctx context.Context, l produceLoad, window time.Duration) (load.Totals, error) {
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: l.record, BatchSize: l.batch, Codec: l.codec})
	if err != nil {
		return load.Totals{}, err
	}
	topic := s.topic()
	if err := s.create(topic, partitions, nil); err != nil {
		return load.Totals{}, err
	}
	spec := load.ProduceSpec{Address: s.broker.Bootstrap(), Topic: topic, Partitions: partitions, Connections: connections, Depth: depth,
		Acks: l.acks, Batch: batch, RecordSize: l.record, Duration: 500 * time.Millisecond, MaxBytes: 2 << 30, PID: s.broker.PID()}
	s.memory.settle()
	before, err := load.Produce(ctx, spec)
	if err != nil {
		return load.Totals{}, err
	}
	spec.Duration = window
	stop := s.profile(ctx, "produce-"+l.name(), window)
	total, err := load.Produce(ctx, spec)
	if err != nil {
		return load.Totals{}, err
	}
	if err := stop(); err != nil {
		return load.Totals{}, err
	}
	if err := s.ended(topic, partitions, before.Records+total.Records); err != nil {
		return load.Totals{}, err
	}
	return total, s.remove(ctx, topic)
}
