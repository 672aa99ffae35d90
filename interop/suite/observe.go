package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/record"
)

// patience is how long a broker may take for what is waited for.
const patience = 90 * time.Second

// AwaitPartitions waits until a topic has its partitions and each has a leader.
func AwaitPartitions(ctx context.Context, bootstrap, topic string, want int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	var last error
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		topics, err := admin.ListTopics(ctx, topic)
		if err != nil {
			last = err
			continue
		}
		detail := topics[topic]
		if detail.Err != nil {
			last = detail.Err
			continue
		}
		if len(detail.Partitions) != want {
			return fmt.Errorf("%s has %d partitions, not %d", topic, len(detail.Partitions), want)
		}
		last = nil
		for _, p := range detail.Partitions {
			last = errors.Join(last, p.Err)
		}
		if last == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: not there after %s: %w", topic, patience, last)
}

// awaitCoordinators waits until every group has a coordinator. A new broker makes the topic for committed offsets when it is
// first asked, and some clients (kafka-go) give up when it is not ready.
func awaitCoordinators(ctx context.Context, bootstrap string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	groups := make([]string, 500)
	for i := range groups {
		groups[i] = fmt.Sprint("group-that-nobody-uses-", i)
	}
	var last error
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		described, err := admin.DescribeGroups(ctx, groups...)
		last = err
		for _, g := range described {
			// A group that does not exist is an answer: somebody is responsible for it.
			if g.Err != nil && !errors.Is(g.Err, kerr.GroupIDNotFound) {
				last = g.Err
			}
		}
		if last == nil {
			return nil
		}
	}
	return fmt.Errorf("group coordinators not ready after %s: %w", patience, last)
}

// GroupAtEnd checks from outside that a group committed the end of every partition, and that its member left.
func GroupAtEnd(ctx context.Context, bootstrap, topic, group string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	offsets, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	for _, end := range ends.Offsets().Sorted() {
		committed, ok := offsets.Lookup(topic, end.Partition)
		if end.At > 0 && (!ok || committed.At != end.At) {
			return fmt.Errorf("partition %d ends at %d, group %s committed %d", end.Partition, end.At, group, committed.At)
		}
	}
	described, err := admin.DescribeGroups(ctx, group)
	if err != nil {
		return err
	}
	if g := described[group]; g.Err != nil || g.State != "Empty" {
		return fmt.Errorf("group %s is %q with %d members: %v", group, g.State, len(g.Members), g.Err)
	}
	return nil
}

// ReadTopic reads a whole topic and tells which codecs its batches have.
func ReadTopic(ctx context.Context, bootstrap, topic string) ([]record.Placed, []string, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	left := map[int32]bool{}
	for _, end := range ends.Offsets().Sorted() {
		if end.At > 0 {
			left[end.Partition] = true
		}
	}
	var got []record.Placed
	var codecs []string
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got = append(got, placed(r))
			codec := [...]string{"none", "gzip", "snappy", "lz4", "zstd", "?", "?", "?"}[r.Attrs.CompressionType()&7]
			if !slices.Contains(codecs, codec) {
				codecs = append(codecs, codec)
			}
			if end, ok := ends.Lookup(topic, r.Partition); ok && r.Offset+1 >= end.Offset {
				delete(left, r.Partition)
			}
		})
	}
	return got, codecs, nil
}

func placed(r *kgo.Record) record.Placed {
	p := record.Placed{Partition: r.Partition, Offset: r.Offset,
		Record: record.Record{Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}}
	for _, h := range r.Headers {
		p.Headers = append(p.Headers, record.Header{Name: h.Key, Value: h.Value})
	}
	return p
}
