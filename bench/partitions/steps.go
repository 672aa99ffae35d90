package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func (r *runner) connect() (*kgo.Client, error) {
	if r.client != nil {
		return r.client, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(r.partitions+1), kgo.RequestTimeoutOverhead(r.patience), kgo.RetryTimeout(r.patience),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.ProducerLinger(5*time.Millisecond))
	r.client = client
	return client, err
}

// disconnect lets the next step begin with a client that knows nothing.
func (r *runner) disconnect() {
	if r.client != nil {
		r.client.Close()
		r.client = nil
	}
}

// topics calls do for each topic.
func (r *runner) topics(do func(name string, partitions int) error) error {
	for first := 0; first < r.partitions; first += r.perTopic {
		if err := do(fmt.Sprintf("topic-%04d", first/r.perTopic), min(r.perTopic, r.partitions-first)); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) start(ctx context.Context) (time.Duration, error) {
	took, err := r.broker.Start(ctx)
	if err == nil {
		r.running = true
	}
	return took, err
}

func (r *runner) stop(context.Context) (time.Duration, error) {
	r.disconnect()
	r.running = false
	return 0, r.broker.Stop()
}

func (r *runner) kill(context.Context) (time.Duration, error) {
	r.disconnect()
	r.running = false
	r.broker.Kill()
	return 0, nil
}

func (r *runner) rest(ctx context.Context) (time.Duration, error) {
	r.disconnect()
	select {
	case <-time.After(r.idle):
	case <-ctx.Done():
	}
	return 0, ctx.Err()
}

// create makes the topics, one request each, and waits until all partitions are led.
func (r *runner) create(ctx context.Context) (time.Duration, error) {
	client, err := r.connect()
	if err != nil {
		return 0, err
	}
	admin := kadm.NewClient(client)
	admin.SetTimeoutMillis(int32(r.patience.Milliseconds()))
	err = r.topics(func(name string, partitions int) error {
		_, err := admin.CreateTopic(ctx, int32(partitions), 1, nil, name)
		return err
	})
	if err != nil {
		return 0, err
	}
	return r.led(ctx)
}

// led asks for the end offset of every partition until each is answered. Its time counts from the call, also for create, whose requests
// come before it.
func (r *runner) led(ctx context.Context) (time.Duration, error) {
	client, err := r.connect()
	if err != nil {
		return 0, err
	}
	admin := kadm.NewClient(client)
	for {
		missing, err := r.missing(ctx, admin)
		if missing == 0 && err == nil {
			return 0, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return 0, fmt.Errorf("%d partitions are not led: %w: %w", missing, ctx.Err(), err)
		}
	}
}

func (r *runner) missing(ctx context.Context, admin *kadm.Client) (int, error) {
	var names []string
	_ = r.topics(func(name string, _ int) error { names = append(names, name); return nil }) // it cannot fail
	offsets, err := admin.ListEndOffsets(ctx, names...)
	if err != nil {
		return r.partitions, err
	}
	led := 0
	offsets.Each(func(o kadm.ListedOffset) {
		if o.Err == nil && o.Offset >= 0 {
			led++
		} else {
			err = o.Err
		}
	})
	return r.partitions - led, err
}

// writeAll writes one record to each partition and waits for all of them.
func (r *runner) writeAll(ctx context.Context) (time.Duration, error) {
	client, err := r.connect()
	if err != nil {
		return 0, err
	}
	failed := make(chan error, 1)
	value := make([]byte, 100)
	err = r.topics(func(name string, partitions int) error {
		for p := range partitions {
			client.Produce(ctx, &kgo.Record{Topic: name, Partition: int32(p), Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
		return nil
	})
	if err == nil {
		err = client.Flush(ctx)
	}
	select {
	case err = <-failed:
	default:
	}
	return 0, err
}
