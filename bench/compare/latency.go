package main

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

// latency sends at a fixed rate and returns how long each record took until a consumer had it, counted from the moment at
// which it was due to be sent, so that a broker that stalls is not spared the records that wait for it.
func latency(ctx context.Context, node *target.Node, rate int, window time.Duration) ([]time.Duration, error) {
	producer, err := kgo.NewClient(kgo.SeedBrokers(node.Bootstrap()), kgo.DefaultProduceTopic("latency"), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	if err := create(ctx, producer, node, "latency"); err != nil {
		return nil, err
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(node.Bootstrap()), kgo.ConsumeTopics("latency"), kgo.FetchMinBytes(1),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()

	// One record through, and a second that is not counted, make both sides ready.
	if err := producer.ProduceSync(ctx, &kgo.Record{Value: payload(100)}).FirstErr(); err != nil {
		return nil, err
	}
	if fetches := consumer.PollFetches(ctx); fetches.Err() != nil {
		return nil, fetches.Err()
	}
	lead := time.Second
	total := int((lead + window).Seconds() * float64(rate))
	sending := make(chan error, 1)
	go func() { sending <- send(ctx, producer, rate, total) }()
	taken := make([]time.Duration, 0, total)
	for len(taken) < total {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			taken = append(taken, now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(r.Value)))))
		})
	}
	if err := <-sending; err != nil {
		return nil, err
	}
	taken = taken[int(lead.Seconds()*float64(rate)):]
	slices.Sort(taken)
	return taken, nil
}

func send(ctx context.Context, producer *kgo.Client, rate, total int) error {
	began := time.Now()
	for i := range total {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		value := payload(100)
		binary.BigEndian.PutUint64(value, uint64(due.UnixNano()))
		producer.Produce(ctx, &kgo.Record{Value: value}, nil)
	}
	return producer.Flush(ctx)
}

// quantile of sorted durations, in milliseconds.
func quantile(sorted []time.Duration, at float64) float64 {
	return float64(sorted[min(len(sorted)-1, int(at*float64(len(sorted))))].Microseconds()) / 1000
}
