package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// prepare writes the topics that both sides read.
func prepare(ctx context.Context, bootstrap string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.TransactionalID("stream-tools"))
	if err != nil {
		return err
	}
	defer cl.Close()
	topics := []string{"read", "numbers", "txn", "speed"}
	for _, side := range []string{"k-", "l-"} {
		for _, name := range []string{"lines", "keys", "heads", "verified", "perf", "packed", "e2e", "old"} {
			topics = append(topics, side+name)
		}
	}
	made, err := kadm.NewClient(cl).CreateTopics(ctx, 1, 1, nil, topics...)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		return err
	}
	began := time.Now() // older records would go by retention
	at := func(ms int64, r kgo.Record) *kgo.Record {
		r.Timestamp = time.UnixMilli(began.UnixMilli() + ms)
		return &r
	}
	write := func(end kgo.TransactionEndTry, records ...*kgo.Record) {
		if err == nil {
			err = cl.BeginTransaction()
		}
		if err == nil {
			err = cl.ProduceSync(ctx, records...).FirstErr()
		}
		if err == nil {
			err = cl.EndTransaction(ctx, end)
		}
	}
	write(kgo.TryCommit,
		at(0, kgo.Record{Topic: "read", Key: []byte("a"), Value: []byte("one")}),
		at(1, kgo.Record{Topic: "read", Key: nil, Value: []byte("two\tparts")}),
		at(2, kgo.Record{Topic: "read", Key: []byte("c"), Value: nil}),
		at(3, kgo.Record{Topic: "read", Key: []byte{0xff, 'x'}, Value: []byte("três"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "n"}}}),
		at(4, kgo.Record{Topic: "numbers", Key: []byte{0, 0, 0, 7}, Value: []byte{0, 0, 0, 0, 0, 0, 1, 0}}),
		at(5, kgo.Record{Topic: "numbers", Key: []byte{0xff, 0xff, 0xff, 0xff}, Value: []byte{0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18}}))
	write(kgo.TryCommit, at(6, kgo.Record{Topic: "txn", Value: []byte("kept")}))
	write(kgo.TryAbort, at(7, kgo.Record{Topic: "txn", Value: []byte("dropped")}))
	write(kgo.TryCommit, at(8, kgo.Record{Topic: "txn", Value: []byte("kept, too")})) // who reads it has passed over what was dropped
	var many []*kgo.Record
	for i := range 2000 {
		many = append(many, at(int64(i), kgo.Record{Topic: "speed", Value: []byte(strings.Repeat("x", 100))}))
	}
	write(kgo.TryCommit, many...)
	return err
}

// contents are the records of a topic: key, value and headers, without times.
func contents(ctx context.Context, bootstrap, topic string) (string, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	if err != nil {
		return "", err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		return "", err
	}
	end, _ := ends.Lookup(topic, 0)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	var lines []string
	for next := int64(0); next < end.Offset; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return "", fmt.Errorf("%s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				lines = append(lines, fmt.Sprintf("%q %q %q codec %d\n", named(r.Key), named(r.Value), r.Headers, r.Attrs.CompressionType()))
			}
		})
	}
	if len(lines) > 100 { // of speeds, whose values are random
		return fmt.Sprintln(len(lines)), nil
	}
	return strings.Join(slices.Clip(lines), ""), nil
}

func named(b []byte) string {
	if b == nil {
		return "(null)"
	}
	return string(b)
}
