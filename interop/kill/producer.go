package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// place is where a record is.
type place struct {
	partition int32
	offset    int64
}

// producer writes one topic and remembers what was acknowledged.
type producer struct {
	bootstrap, topic string
	idempotent       bool
	client           *kgo.Client
	next             int             // number of the next record
	verified         map[int32]int64 // by partition: everything below this offset was checked in an earlier round
	repeated         int

	mu     sync.Mutex
	places map[string]place // by value of the record: acknowledged, and where
	failed error
}

func newProducer(ctx context.Context, bootstrap, topic string, idempotent bool) (*producer, error) {
	p := &producer{bootstrap: bootstrap, topic: topic, idempotent: idempotent, verified: map[int32]int64{}, places: map[string]place{}}
	if err := p.reopen(); err != nil {
		return nil, err
	}
	if _, err := kadm.NewClient(p.client).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return nil, err
	}
	return p, p.prime(ctx, 0)
}

// reopen begins a new session: another client, and so another producer id.
func (p *producer) reopen() error {
	if p.client != nil {
		p.client.Close()
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(p.bootstrap),
		kgo.DefaultProduceTopic(p.topic),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProducerLinger(time.Millisecond),
		kgo.ProducerBatchMaxBytes(64 << 10),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.MaxBufferedRecords(2000),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}
	if !p.idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	var err error
	p.client, err = kgo.NewClient(opts...)
	return err
}

// prime sends a first record. A client whose very first request for a producer id is cut off takes the broker for one that
// wants to be spoken to in another way, and gives up.
func (p *producer) prime(ctx context.Context, round int) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	p.produce(round, "first")
	return p.send(ended, round, 0)
}

func (p *producer) close() { p.client.Close() }

func (p *producer) acked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.places)
}

// send produces without a pause until ctx ends, and returns when all that was sent has been acknowledged.
func (p *producer) send(ctx context.Context, round, size int) error {
	padding := strings.Repeat("w", size)
	for ctx.Err() == nil {
		p.produce(round, padding)
		// A steady stream; what matters is that something is always under way.
		if p.next%20 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	flushing, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := p.client.Flush(flushing); err != nil {
		return fmt.Errorf("%s: not all acknowledged three minutes after the restart: %w", p.topic, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// produce sends one record and remembers where it was acknowledged.
func (p *producer) produce(round int, padding string) {
	value := fmt.Sprintf("%d/%d/%s", round, p.next, padding)
	p.next++
	p.client.Produce(context.Background(), kgo.StringRecord(value), func(r *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.failed = fmt.Errorf("%s: produce: %w", p.topic, err)
			return
		}
		p.places[number(value)] = place{r.Partition, r.Offset}
	})
}

// number is what tells records apart: round and number, without the padding.
func number(value string) string {
	if i := strings.LastIndexByte(value, '/'); i >= 0 {
		return value[:i]
	}
	return value
}
