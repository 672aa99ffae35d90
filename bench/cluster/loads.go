package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"leat/bench/load"
)

// batchSizes are the sizes of batches with which all three replicas are written.
var batchSizes = []int{16 << 10, 64 << 10, 1 << 20}

// produce offers records of 1 KB, acks=all, to all three nodes at once, each leading as many partitions.
func produce(ctx context.Context, o options, t *trio, add func(id string, value float64)) error {
	for _, size := range batchSizes[:2] { // a JVM compiles meanwhile
		if _, _, err := t.write(ctx, o, size, 8*time.Second, fmt.Sprintf("warm-%d", size)); err != nil {
			return err
		}
	}
	for _, size := range batchSizes {
		total, cpu, err := t.write(ctx, o, size, o.window, fmt.Sprintf("load-%d", size))
		if err != nil {
			return fmt.Errorf("batches of %d: %w", size, err)
		}
		id := fmt.Sprintf("produce/%dK", size>>10)
		add(id+"/rate", total.MBPerSecond())
		add(id+"/cpu", cpu/(float64(total.Bytes)/1e9))
	}
	memory, err := t.memory()
	if err != nil {
		return err
	}
	add("memory/loaded", memory.Resident)
	add("memory/highest", memory.Highest)
	return nil
}

// write is one load on topics of its own, one for each node to lead. What was acknowledged must be there in the end.
func (t *trio) write(ctx context.Context, o options, size int, window time.Duration, name string) (load.Totals, float64, error) {
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 1000, BatchSize: size})
	if err != nil {
		return load.Totals{}, 0, err
	}
	const partitions = 2
	var topics []string
	for i := range t.all {
		topics = append(topics, fmt.Sprintf("%s-%d", name, i+1))
		if err := t.createLed(ctx, topics[i], partitions, int32(i+1)); err != nil {
			return load.Totals{}, 0, err
		}
	}
	o.settle()
	finish := t.profile(ctx, o, name, window)
	before, err := t.cpu()
	if err != nil {
		return load.Totals{}, 0, err
	}
	totals, errs := make([]load.Totals, len(t.all)), make([]error, len(t.all))
	var running sync.WaitGroup
	for i, n := range t.all {
		running.Go(func() {
			totals[i], errs[i] = load.Produce(ctx, load.ProduceSpec{Address: n.Bootstrap(), Topic: topics[i], Partitions: partitions, Connections: 2, Depth: 4,
				Acks: -1, Batch: batch, RecordSize: 1000, Duration: window, MaxBytes: 2 << 30})
		})
	}
	running.Wait()
	after, err := t.cpu()
	if err := errors.Join(err, finish()); err != nil {
		return load.Totals{}, 0, err
	}
	var sum load.Totals
	for i, one := range totals {
		if errs[i] != nil {
			return sum, 0, errs[i]
		}
		if err := there(t.all[i].Bootstrap(), topics[i], partitions, one.Records); err != nil {
			return sum, 0, err
		}
		sum.Bytes += one.Bytes
		sum.Records += one.Records
		sum.Seconds = max(sum.Seconds, one.Seconds)
	}
	return sum, after - before, t.remove(ctx, topics...)
}

// there holds the ends of a topic against what was acknowledged.
func there(address, topic string, partitions int, acknowledged int64) error {
	ends, err := load.Ends(address, topic, partitions)
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, end := range ends {
		sum += end
	}
	if sum != acknowledged {
		return fmt.Errorf("%s: %d records were acknowledged, %d are there", topic, acknowledged, sum)
	}
	return nil
}

// latency is that of records that come at a fixed rate, from the moment they were due.
func latency(ctx context.Context, o options, t *trio, add func(id string, value float64)) error {
	for _, rate := range []int{1000, 10_000} {
		for _, window := range []time.Duration{4 * time.Second, 2*o.window + 1} { // the first one warms up
			topic := fmt.Sprintf("latency-%d-%d", rate, window)
			const partitions = 6
			if err := t.createLed(ctx, topic, partitions, 1); err != nil {
				return err
			}
			o.settle()
			before, err := t.cpu()
			if err != nil {
				return err
			}
			got, err := load.MeasureLatency(ctx, load.LatencySpec{Address: t.all[0].Bootstrap(), Topic: topic, Partitions: partitions, Acks: -1,
				RecordSize: 1000, Rate: rate, Duration: window})
			if err != nil {
				return err
			}
			after, err := t.cpu()
			if err != nil {
				return err
			}
			if err := t.remove(ctx, topic); err != nil {
				return err
			}
			if window == 4*time.Second {
				continue
			}
			id := fmt.Sprintf("latency/%d", rate)
			add(id+"/p50", load.Quantile(got.EndToEnd, 0.5))
			add(id+"/p99", load.Quantile(got.EndToEnd, 0.99))
			add(id+"/p99.9", load.Quantile(got.EndToEnd, 0.999))
			add(id+"/cpu", (after-before)/float64(len(got.Ack))*1e6)
		}
	}
	return nil
}
