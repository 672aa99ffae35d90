package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/record"
)

const partitions = 3

var codecs = []struct {
	name  string
	codec kgo.CompressionCodec
}{
	{"none", kgo.NoCompression()},
	{"gzip", kgo.GzipCompression()},
	{"snappy", kgo.SnappyCompression()},
	{"lz4", kgo.Lz4Compression()},
	{"zstd", kgo.ZstdCompression()},
}

// writer fills one topic with records of every codec, one idempotent producer each, that stay open as long as it does.
type writer struct {
	topic   string
	maker   *record.Maker
	sent    record.Sent
	clients []*kgo.Client
}

func newWriter(ctx context.Context, bootstrap, topic string, seed uint64) (*writer, error) {
	w := &writer{topic: topic, maker: record.NewMaker(seed, time.Now().Add(-time.Hour).UnixMilli(), record.All)}
	for _, c := range codecs {
		client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(c.codec),
			kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }), kgo.ProducerLinger(2*time.Millisecond))
		if err != nil {
			return nil, err
		}
		w.clients = append(w.clients, client)
	}
	_, err := kadm.NewClient(w.clients[0]).CreateTopic(ctx, partitions, 1, nil, topic)
	return w, err
}

func (w *writer) close() {
	for _, c := range w.clients {
		c.Close()
	}
}

// write sends n records of each codec, in some batches, and remembers them.
func (w *writer) write(ctx context.Context, n int) (record.Sent, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	var now record.Sent
	for i, c := range codecs {
		for left := n; left > 0; left -= 100 {
			records := w.maker.Make(c.name, min(left, 100))
			raw := make([]*kgo.Record, len(records))
			for j, r := range records {
				raw[j] = &kgo.Record{Timestamp: time.UnixMilli(r.Timestamp), Key: r.Key, Value: r.Value}
				for _, h := range r.Headers {
					raw[j].Headers = append(raw[j].Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
				}
			}
			if err := w.clients[i].ProduceSync(ctx, raw...).FirstErr(); err != nil {
				return now, fmt.Errorf("%s: %s: %w", w.topic, c.name, err)
			}
			acks := make([]record.Ack, len(raw))
			for j, r := range raw {
				acks[j] = record.Ack{Partition: r.Partition, Offset: r.Offset}
			}
			now.Add(records, acks)
			w.sent.Add(records, acks)
		}
	}
	return now, nil
}

func (w *writer) how() record.Reading {
	return record.Reading{Timestamps: true, Partitions: partitions, Partition: record.Murmur2}
}
