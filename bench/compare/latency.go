package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leat/bench/load"
)

// catchUpRate is how many bytes a second the reader of old data takes beside the live traffic.
const catchUpRate = 400e6

func (s *session) latencyLoads(ctx context.Context) error {
	window := 2 * s.window
	for _, l := range []struct {
		rate   int
		reader bool
	}{{1000, false}, {10_000, false}, {50_000, false}, {10_000, true}} {
		got, err := s.latency(ctx, l.rate, l.reader, window)
		if err != nil {
			return fmt.Errorf("%d records a second: %w", l.rate, err)
		}
		id := fmt.Sprintf("latency/%d", l.rate)
		if l.reader {
			id += "-reader"
		}
		for _, q := range []struct {
			name string
			at   float64
		}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}} {
			s.add(id+"/end/"+q.name, load.Quantile(got.EndToEnd, q.at))
			s.add(id+"/ack/"+q.name, load.Quantile(got.Ack, q.at))
		}
		if !l.reader {
			s.add(id+"/cpu", got.CPU/float64(len(got.Ack))*1e6)
		}
	}
	return nil
}

// latency runs an open loop of records of 1 KB on a topic of its own, after a second of the same that does not count; with a reader, while
// another topic is read at a fixed rate.
func (s *session) latency(ctx context.Context, rate int, reader bool, window time.Duration) (load.Latencies, error) {
	var old stored
	if reader {
		var err error
		if old, err = s.fill(ctx, 500e6); err != nil {
			return load.Latencies{}, err
		}
	}
	read := make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	if reader {
		go func() {
			spec := old.spec(s, 1, 5*time.Minute) // until it is stopped
			spec.Rate = catchUpRate
			_, err := load.Consume(reading, spec)
			read <- err
		}()
	} else {
		read <- nil
	}
	var got load.Latencies
	for _, w := range []time.Duration{time.Second, window} {
		topic := s.topic()
		if err := s.create(topic, partitions, nil); err != nil {
			return load.Latencies{}, err
		}
		if w == window {
			s.memory.settle()
		}
		name := fmt.Sprintf("latency-%d", rate)
		if reader {
			name += "-reader"
		}
		finish := func() error { return nil }
		if w == window {
			finish = s.profile(ctx, name, window)
		}
		var err error
		got, err = load.MeasureLatency(ctx, load.LatencySpec{Address: s.broker.Bootstrap(), Topic: topic, Partitions: partitions, Acks: -1,
			RecordSize: 1000, Rate: rate, Duration: w, PID: s.broker.PID()})
		if err := errors.Join(err, finish()); err != nil {
			return load.Latencies{}, err
		}
		if err := errors.Join(s.ended(topic, partitions, int64(len(got.Ack))), s.remove(ctx, topic)); err != nil {
			return load.Latencies{}, err
		}
	}
	stop()
	if err := <-read; err != nil && !errors.Is(err, context.Canceled) {
		return load.Latencies{}, fmt.Errorf("reader of old data: %w", err)
	}
	if reader {
		return got, s.remove(ctx, old.topic)
	}
	return got, nil
}
