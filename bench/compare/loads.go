package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/suite"
	"leat/interop/target"
)

// partitions of every topic that is loaded.
const partitions = 6

// loads runs every load on one broker and hands each figure to add.
func loads(ctx context.Context, o options, node *target.Node, add func(name string, value float64)) error {
	if err := warmUp(ctx, o, node); err != nil {
		return fmt.Errorf("warm-up: %w", err)
	}
	for _, size := range []int{100, 1000} {
		for _, acks := range []string{"1", "all"} {
			topic := fmt.Sprintf("produce-%d-%s", size, acks)
			load, err := produce(ctx, node, topic, size, acks, o.window)
			if err != nil {
				return fmt.Errorf("%s: %w", topic, err)
			}
			add(fmt.Sprintf("produce %d B, acks %s, MB/s", size, acks), load.megabytes/load.seconds)
			if size == 1000 && acks == "all" {
				add("processor seconds per GB produced (1000 B, acks all)", load.cpu/load.megabytes*1000)
			}
			if size == 100 && acks == "all" {
				add("processor seconds per GB produced (100 B, acks all)", load.cpu/load.megabytes*1000)
			}
		}
	}
	load, err := consume(ctx, node, "produce-1000-all", o.window)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	add("consume 1000 B, MB/s", load.megabytes/load.seconds)
	add("processor seconds per GB consumed (1000 B)", load.cpu/load.megabytes*1000)

	latencies, err := latency(ctx, node, o.rate, o.window)
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		add(fmt.Sprintf("end to end at %d records/s, acks all, %s, ms", o.rate, q.name), quantile(latencies, q.at))
	}
	return perfTool(ctx, o, node, add)
}

// load is what went through in a window, and what it cost the broker.
type load struct{ megabytes, seconds, cpu float64 }

func warmUp(ctx context.Context, o options, node *target.Node) error {
	if _, err := produce(ctx, node, "warm-up", 1000, "all", max(o.window/2, time.Second)); err != nil {
		return err
	}
	_, err := consume(ctx, node, "warm-up", o.window/2)
	return err
}

// create makes a topic and waits until it can be used: a client that asks too early waits seconds before it asks again.
func create(ctx context.Context, client *kgo.Client, node *target.Node, topic string) error {
	if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return err
	}
	return suite.AwaitPartitions(ctx, node.Bootstrap(), topic, partitions)
}

// produce sends as fast as the broker takes it, one window long.
func produce(ctx context.Context, node *target.Node, topic string, size int, acks string, window time.Duration) (load, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(node.Bootstrap()), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(5 * time.Millisecond), kgo.MaxBufferedRecords(200_000), kgo.MaxBufferedBytes(64 << 20)}
	if acks == "1" {
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return load{}, err
	}
	defer client.Close()
	if err := create(ctx, client, node, topic); err != nil {
		return load{}, err
	}
	value := payload(size)
	var failed error
	sent := 0
	before, err := cpuSeconds(node.PID())
	if err != nil {
		return load{}, err
	}
	began := time.Now()
	for time.Since(began) < window {
		// The clock is read once per thousand records; Produce waits when too much is under way.
		for range 1000 {
			client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed = err // callbacks come one at a time
				}
			})
			sent++
		}
	}
	if err := client.Flush(ctx); err != nil {
		return load{}, err
	}
	seconds := time.Since(began).Seconds()
	after, err := cpuSeconds(node.PID())
	if err == nil {
		err = failed
	}
	return load{float64(sent) * float64(size) / 1e6, seconds, after - before}, err
}

// consume reads a topic from its start for a window at most, again from the start if it is at its end.
func consume(ctx context.Context, node *target.Node, topic string, window time.Duration) (load, error) {
	var total load
	before, err := cpuSeconds(node.PID())
	if err != nil {
		return total, err
	}
	began := time.Now()
	for time.Since(began) < window {
		bytes, err := readOnce(ctx, node, topic, began.Add(window))
		if err != nil {
			return total, err
		}
		total.megabytes += float64(bytes) / 1e6
	}
	total.seconds = time.Since(began).Seconds()
	after, err := cpuSeconds(node.PID())
	total.cpu = after - before
	return total, err
}

func readOnce(ctx context.Context, node *target.Node, topic string, until time.Time) (int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(node.Bootstrap()), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxPartitionBytes(1<<20))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	bytes := 0
	for left > 0 && time.Now().Before(until) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return bytes, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			bytes += len(r.Value)
			left--
		})
	}
	return bytes, nil
}

// payload does not repeat itself much, as real data does not.
func payload(size int) []byte {
	data := make([]byte, size)
	state := uint32(2463534242)
	for i := range data {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		data[i] = byte(state)
	}
	return data
}
