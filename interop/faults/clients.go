package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// patient are options of a client that never gives up and sees within seconds that a connection is dead.
func (c *cluster) patient(name string) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.bootstrap()...),
		kgo.ClientID(name),
		kgo.DialTimeout(time.Second),
		kgo.RequestTimeoutOverhead(2 * time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 30 * time.Millisecond }),
		kgo.RetryTimeout(0),
		kgo.RequestRetries(1 << 30),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.UnknownTopicRetries(-1),
		// A node that is killed while it answers the first request of a connection does not speak another protocol.
		kgo.AlwaysRetryEOF(),
	}
	f, err := os.OpenFile(filepath.Join(c.dir, "client-"+name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return opts
	}
	return append(opts, kgo.WithLogger(kgo.BasicLogger(f, kgo.LogLevelInfo, func() string { return time.Now().UTC().Format("15:04:05.000 ") })))
}

// producer writes to all partitions of a topic without a pause.
type producer struct {
	name   string
	ledger *ledger
	client *kgo.Client
	rng    *rand.Rand
	topic  string
	parts  int32

	stop context.CancelFunc
	done sync.WaitGroup
}

func newProducer(c *cluster, l *ledger, rng *rand.Rand, name, topic string, parts int32) (*producer, error) {
	client, err := kgo.NewClient(append(c.patient(name),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(2*time.Millisecond),
		kgo.ProducerBatchMaxBytes(64<<10),
		kgo.ProduceRequestTimeout(3*time.Second),
		kgo.MaxBufferedRecords(2000))...)
	if err != nil {
		return nil, err
	}
	p := &producer{name: name, ledger: l, client: client, rng: rng, topic: topic, parts: parts}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	p.produce()
	return p, client.Flush(ctx)
}

func (p *producer) produce() {
	partition := p.rng.Int32N(p.parts)
	value := p.ledger.send(stream{p.name, partition}, strings.Repeat("w", p.rng.IntN(1200)))
	p.client.Produce(context.Background(), &kgo.Record{Topic: p.topic, Partition: partition, Value: []byte(value)}, func(r *kgo.Record, err error) {
		p.ledger.ack(value, r.Offset, err)
	})
}

// run sends until halt is called.
func (p *producer) run() {
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	p.done.Add(1)
	go func() {
		defer p.done.Done()
		for ctx.Err() == nil {
			for range 1 + p.rng.IntN(4) {
				p.produce()
			}
			time.Sleep(time.Duration(1+p.rng.IntN(6)) * time.Millisecond)
		}
	}()
}

// halt ends sending, and waits until all that was sent has its answer.
func (p *producer) halt(patience time.Duration) error {
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("producer %s: not all is acknowledged %s after all was healed: %w", p.name, patience, err)
	}
	p.done.Wait()
	return p.ledger.trouble()
}

// consumer reads all partitions from the first record on, and has each record judged.
type consumer struct {
	client *kgo.Client
	ledger *ledger

	mu   sync.Mutex
	view *view
	err  error
	stop context.CancelFunc
	done sync.WaitGroup
}

func newConsumer(c *cluster, l *ledger, name, topic string, parts int32) (*consumer, error) {
	from := map[int32]kgo.Offset{}
	for p := range parts {
		from[p] = kgo.NewOffset().At(0)
	}
	client, err := kgo.NewClient(append(c.patient(name),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		// An offset that is suddenly out of range means that what was readable is gone: that must be told, not jumped over.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(300*time.Millisecond))...)
	if err != nil {
		return nil, err
	}
	r := &consumer{client: client, ledger: l, view: newView(name)}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.done.Add(1)
	go func() {
		defer r.done.Done()
		for r.poll(ctx) {
		}
	}()
	return r, nil
}

// poll reads once; false when it is over.
func (r *consumer) poll(ctx context.Context) bool {
	fetches := r.client.PollFetches(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range fetches.Errors() {
		if errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, kgo.ErrClientClosed) {
			return false
		}
		r.err = errors.Join(r.err, fmt.Errorf("%s: partition %d after offset %d: %w", r.view.name, e.Partition, r.view.next[e.Partition]-1, e.Err))
	}
	fetches.EachRecord(func(rec *kgo.Record) {
		if r.err == nil {
			r.err = r.ledger.see(r.view, rec.Partition, rec.Offset, string(rec.Value))
		}
	})
	return r.err == nil
}

// await returns once everything acknowledged was seen. Nobody may be sending.
func (r *consumer) await(patience time.Duration) error {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		missing, err := r.judge()
		if err != nil || missing == nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %s of reading: %w", patience, missing)
		}
	}
}

// judge tells what has not come yet, and apart from that what is wrong.
func (r *consumer) judge() (missing, wrong error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	if missing := r.ledger.missing(r.view); missing != nil {
		return missing, nil
	}
	return nil, r.ledger.compare(r.view)
}

func (r *consumer) close() {
	r.stop()
	r.done.Wait()
	r.client.Close()
}
