package broker

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/metadata"
)

// kafka is a franz-go client that dials the node in memory.
func (n *node) kafka(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append([]kgo.Opt{kgo.SeedBrokers("one:9092"), kgo.Dialer(func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		n.accept.conns <- theirs
		return ours, nil
	})}, opts...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// No bubble here: the client's zstd decoders are closed by finalizers, which run outside of it.
func TestFranzGoProducesAndConsumesInEveryCodec(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.h.Await = func(context.Context, func(*metadata.Image) bool) error { return nil }
	n.makeTopic("orders", 3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	consumer := n.kafka(t, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer consumer.Close()

	const each = 200
	sent := map[string]bool{}
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		producer := n.kafka(t, kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic("orders"))
		var records []*kgo.Record
		for i := range each {
			value := fmt.Sprintf("%s-%d-%s", name, i, strings.Repeat("v", i))
			sent[value] = true
			records = append(records, &kgo.Record{Key: []byte(value), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "codec", Value: []byte(name)}}})
		}
		if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		producer.Close()
	}
	for len(sent) > 0 {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records missing: %v", len(sent), err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			value := string(r.Value)
			if !sent[value] || string(r.Key) != value || len(r.Headers) != 1 || !strings.HasPrefix(value, string(r.Headers[0].Value)) {
				t.Fatalf("unexpected or repeated record %q", value)
			}
			delete(sent, value)
		})
	}
}
