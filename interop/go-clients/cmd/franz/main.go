// Command franz drives the Go client franz-go for the interop suite.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat-interop/lines"
)

func main() { lines.Main("github.com/twmb/franz-go", create, produce, consume) }

func create(bootstrap, topic string, partitions int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(context.Background(), int32(partitions), 1, nil, topic)
	return err
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func produce(bootstrap, topic string) error {
	batches, err := lines.ReadInputs()
	if err != nil {
		return err
	}
	for _, batch := range batches {
		if err := produceBatch(bootstrap, topic, batch); err != nil {
			return fmt.Errorf("%s: %w", batch.Codec, err)
		}
	}
	return nil
}

func produceBatch(bootstrap, topic string, batch *lines.Batch) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ProducerBatchCompression(codecs[batch.Codec]),
		kgo.ProducerLinger(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	records := make([]*kgo.Record, len(batch.Inputs))
	for i, in := range batch.Inputs {
		r := &kgo.Record{Topic: topic, Timestamp: time.UnixMilli(in.Timestamp), Key: in.Key, Value: in.Value}
		for _, h := range in.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
		records[i] = r
	}
	ctx, cancel := context.WithTimeout(context.Background(), lines.Patience)
	defer cancel()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	for i, r := range records {
		fmt.Printf("%d\t%d\t%d\n", batch.Inputs[i].Line, r.Partition, r.Offset)
	}
	return nil
}

func consume(bootstrap, topic, group string, count int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(lines.Patience, cancel)
	for seen := 0; ctx.Err() == nil; {
		fetches := client.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			if ctx.Err() == nil {
				return e.Err
			}
		}
		fetches.EachRecord(func(r *kgo.Record) {
			headers := make([]lines.Header, len(r.Headers))
			for i, h := range r.Headers {
				headers[i] = lines.Header{Name: h.Key, Value: h.Value}
			}
			fmt.Println(lines.Record(int(r.Partition), r.Offset, r.Timestamp.UnixMilli(), r.Key, r.Value, headers))
			if seen++; seen == count {
				// A little longer, so that a record too many is seen as well.
				timer.Reset(500 * time.Millisecond)
			}
		})
	}
	if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
		return err
	}
	return client.LeaveGroupContext(context.Background())
}
