package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// failover kills nodes with SIGKILL and restarts them in order, under a producer, and takes the times.
func failover(ctx context.Context, o options, t *trio, add func(id string, value float64)) error {
	const topic = "failover"
	if err := t.createLed(ctx, topic, 1, 1); err != nil {
		return err
	}
	p, err := t.newProducer(topic)
	if err != nil {
		return err
	}
	defer p.close()
	for kill := range o.kills {
		took, err := t.killLeader(ctx, p, topic)
		if err != nil {
			return fmt.Errorf("kill of a leader, %d: %w", kill, err)
		}
		add("failover/leader", took.Seconds()*1000)
	}
	for kill := range o.kills {
		took, err := t.killController(ctx, fmt.Sprintf("made-%d", kill), topic)
		if err != nil {
			return fmt.Errorf("kill of the controller, %d: %w", kill, err)
		}
		add("failover/controller", took.Seconds()*1000)
	}
	took, err := t.roll(ctx, topic)
	if err != nil {
		return fmt.Errorf("rolling restart: %w", err)
	}
	add("failover/rolling", took.Seconds()*1000)
	return p.failed()
}

// producer sends a record every few milliseconds, for as long as it lives.
type producer struct {
	client *kgo.Client
	quit   context.CancelFunc
	acked  atomic.Int64 // nanoseconds: when the newest record that was acknowledged had been sent
	wrong  atomic.Pointer[error]
}

func (t *trio) newProducer(topic string) (*producer, error) {
	client, err := kgo.NewClient(append(t.options(), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProduceRequestTimeout(time.Second), kgo.ProducerLinger(0))...)
	if err != nil {
		return nil, err
	}
	ctx, quit := context.WithCancel(context.Background())
	p := &producer{client: client, quit: quit}
	go func() {
		for ctx.Err() == nil {
			sent := time.Now().UnixNano()
			client.Produce(ctx, &kgo.Record{Value: []byte("record")}, func(_ *kgo.Record, err error) {
				if err == nil {
					p.acked.Store(max(sent, p.acked.Load()))
				} else if ctx.Err() == nil {
					p.wrong.Store(&err)
				}
			})
			time.Sleep(2 * time.Millisecond)
		}
	}()
	return p, nil
}

func (p *producer) close() {
	p.quit()
	p.client.Close()
}

func (p *producer) failed() error {
	if err := p.wrong.Load(); err != nil {
		return fmt.Errorf("producer: %w", *err)
	}
	return nil
}

// next waits until a record is acknowledged that was sent after a moment.
func (p *producer) next(ctx context.Context, after time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for p.acked.Load() <= after.UnixNano() {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), p.failed())
		}
	}
	return nil
}

// killLeader kills the leader of the topic's partition, and waits for the next ack; then everything is made whole again.
func (t *trio) killLeader(ctx context.Context, p *producer, topic string) (time.Duration, error) {
	if err := t.awaitFull(ctx, 0, topic); err != nil {
		return 0, err
	}
	if err := p.next(ctx, time.Now()); err != nil {
		return 0, err
	}
	got, err := t.admin.Metadata(ctx, topic)
	if err != nil {
		return 0, err
	}
	leader := t.node(got.Topics[topic].Partitions[0].Leader)
	at := time.Now()
	leader.Kill()
	if err := p.next(ctx, time.Now()); err != nil {
		return 0, err
	}
	took := time.Since(at)
	if _, err := leader.Start(ctx); err != nil {
		return 0, err
	}
	return took, t.awaitFull(ctx, 0, topic)
}

// killController kills the active controller, and waits until a topic is created.
func (t *trio) killController(ctx context.Context, name, watched string) (time.Duration, error) {
	if err := t.awaitFull(ctx, 0, watched); err != nil {
		return 0, err
	}
	id, err := t.activeController(ctx)
	if err != nil {
		return 0, err
	}
	at := time.Now()
	t.node(id).Kill()
	err = until(ctx, time.Minute, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return t.create(ctx, name, 1, 2)
	})
	if err != nil {
		return 0, err
	}
	took := time.Since(at)
	if _, err := t.node(id).Start(ctx); err != nil {
		return 0, err
	}
	return took, t.awaitFull(ctx, 0, watched, name)
}

// activeController asks who leads the metadata log.
func (t *trio) activeController(ctx context.Context) (int32, error) {
	rq := kmsg.NewPtrDescribeQuorumRequest()
	rt := kmsg.NewDescribeQuorumRequestTopic()
	rt.Topic = "__cluster_metadata"
	rt.Partitions = append(rt.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	rq.Topics = append(rq.Topics, rt)
	resp, err := rq.RequestWith(ctx, t.client)
	if err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].Partitions[0].LeaderID < 1 {
		return 0, errors.New("nobody knows the active controller")
	}
	return resp.Topics[0].Partitions[0].LeaderID, nil
}

// roll restarts one node after the other, each when all replicas are in sync, and waits until every partition is led by its first
// replica again. It asks for that, as an operator would, and does not wait for the next periodical check.
func (t *trio) roll(ctx context.Context, topic string) (time.Duration, error) {
	at := time.Now()
	for _, n := range t.all {
		if err := n.Stop(); err != nil {
			return 0, err
		}
		if _, err := n.Start(ctx); err != nil {
			return 0, err
		}
		if err := t.awaitFull(ctx, 0, topic); err != nil {
			return 0, err
		}
	}
	err := until(ctx, time.Minute, func(ctx context.Context) error {
		if _, err := t.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, nil); err != nil {
			return err
		}
		got, err := t.admin.Metadata(ctx)
		if err != nil {
			return err
		}
		for _, topic := range got.Topics {
			for _, p := range topic.Partitions {
				if p.Leader != p.Replicas[0] {
					return fmt.Errorf("%s-%d is led by %d", p.Topic, p.Partition, p.Leader)
				}
			}
		}
		return nil
	})
	return time.Since(at), err
}
