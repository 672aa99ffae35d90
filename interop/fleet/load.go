package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Load writes to a topic with an idempotent producer and acks=all, and reads it with a consumer in a group that checks that each partition's records come whole and
// in order. A record's value is its number in its partition.
type Load struct {
	topic      string
	partitions int32
	interval   time.Duration
	client     *kgo.Client
	reader     *kgo.Client
	cancel     context.CancelFunc
	done       sync.WaitGroup
	worst      atomic.Int64 // nanoseconds from sending to the acknowledgement

	mu    sync.Mutex
	sent  []int64 // acknowledged, by partition
	seen  []int64 // consumed
	last  []int64 // the offset of the last of them
	fault error
}

// StartLoad begins; each partition gets a record per interval.
func StartLoad(ctx context.Context, addresses []string, topic string, partitions int32, interval time.Duration) (*Load, error) {
	common := []kgo.Opt{kgo.SeedBrokers(addresses...), kgo.MetadataMinAge(100 * time.Millisecond), kgo.MetadataMaxAge(5 * time.Second)}
	client, err := kgo.NewClient(append(slices.Clone(common), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
	if err != nil {
		return nil, err
	}
	reader, err := kgo.NewClient(append(slices.Clone(common), kgo.ConsumeTopics(topic), kgo.ConsumerGroup("readers-of-"+topic),
		kgo.AutoCommitInterval(time.Second), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		client.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &Load{topic: topic, partitions: partitions, interval: interval, client: client, reader: reader, cancel: cancel,
		sent: make([]int64, partitions), seen: make([]int64, partitions), last: make([]int64, partitions)}
	for p := range l.last {
		l.last[p] = -1
	}
	l.done.Add(2)
	go l.write(ctx)
	go l.read(ctx)
	return l, nil
}

func (l *Load) write(ctx context.Context) {
	defer l.done.Done()
	tick := time.NewTicker(l.interval)
	defer tick.Stop()
	for number := int64(0); ; number++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for p := range l.partitions {
			at := time.Now()
			r := &kgo.Record{Topic: l.topic, Partition: p, Value: fmt.Appendf(nil, "%d %s", number, strings.Repeat("x", 100))}
			l.client.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
				took := int64(time.Since(at))
				for before := l.worst.Load(); took > before && !l.worst.CompareAndSwap(before, took); {
					before = l.worst.Load()
				}
				l.acked(r, number, err)
			})
		}
	}
}

func (l *Load) acked(r *kgo.Record, number int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.fault = errors.Join(l.fault, fmt.Errorf("partition %d, record %d was not taken: %w", r.Partition, number, err))
	case number != l.sent[r.Partition]:
		l.fault = errors.Join(l.fault, fmt.Errorf("partition %d, record %d was acknowledged when %d were", r.Partition, number, l.sent[r.Partition]))
	default:
		l.sent[r.Partition]++
	}
}

func (l *Load) read(ctx context.Context) {
	defer l.done.Done()
	for ctx.Err() == nil {
		fetches := l.reader.PollFetches(ctx)
		l.mu.Lock()
		for _, r := range fetches.Records() {
			if r.Offset <= l.last[r.Partition] { // read again, behind what the group has committed
				continue
			}
			text, _, _ := strings.Cut(string(r.Value), " ")
			number, err := strconv.ParseInt(text, 10, 64)
			if err != nil || number != l.seen[r.Partition] {
				l.fault = errors.Join(l.fault, fmt.Errorf("partition %d, offset %d holds record %s, expected %d", r.Partition, r.Offset, text, l.seen[r.Partition]))
				l.mu.Unlock()
				return
			}
			l.seen[r.Partition]++
			l.last[r.Partition] = r.Offset
		}
		l.mu.Unlock()
	}
}

// Progress waits until this many more records of every partition were acknowledged and read than now.
func (l *Load) Progress(ctx context.Context, more int64) error {
	l.mu.Lock()
	goal := slices.Clone(l.sent)
	l.mu.Unlock()
	for i := range goal {
		goal[i] += more
	}
	return l.reach(ctx, goal)
}

func (l *Load) reach(ctx context.Context, goal []int64) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		l.mu.Lock()
		fault, sent, seen := l.fault, slices.Clone(l.sent), slices.Clone(l.seen)
		l.mu.Unlock()
		if fault != nil {
			return fault
		}
		reached := true
		for i := range goal {
			reached = reached && sent[i] >= goal[i] && seen[i] >= goal[i]
		}
		if reached {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %d records: acknowledged are %d, read %d", goal, sent, seen)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Worst is the longest time that a record waited for its acknowledgement since the last call.
func (l *Load) Worst() time.Duration { return time.Duration(l.worst.Swap(0)) }

// Stop ends the load, once everything that was acknowledged has been read, and tells how many records that were.
func (l *Load) Stop(ctx context.Context) (int64, error) {
	l.cancel()
	l.done.Wait()
	err := l.client.Flush(ctx)
	l.client.Close()
	if err == nil {
		again, stop := context.WithCancel(ctx)
		l.done.Add(1)
		go l.read(again)
		l.mu.Lock()
		goal := slices.Clone(l.sent)
		l.mu.Unlock()
		err = l.reach(ctx, goal)
		stop()
		l.done.Wait()
	}
	l.reader.Close()
	var sum int64
	for _, n := range l.sent {
		sum += n
	}
	return sum, err
}
