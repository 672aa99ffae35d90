package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

const (
	compactTopic = "topic-compact"
	compactSends = 60  // batches
	compactBatch = 100 // records in each
	compactKeys  = 250
)

// compact lets both brokers compact the same records: Kafka's tools must read what leat left, Kafka's consumer must find the last value of
// every key in it, and what the two left must be the same.
func compact(ctx context.Context, r *report, cfg target.Config) error {
	cfg.Settings = map[string]string{"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "200"}
	dir := cfg.Dir
	var left []map[int64]string
	for _, kind := range []target.Kind{target.Leat, target.Kafka} {
		cfg.Kind, cfg.Dir = kind, filepath.Join(dir, string(kind))
		if err := os.Mkdir(cfg.Dir, 0o755); err != nil {
			return err
		}
		node, err := target.New(cfg)
		if err != nil {
			return err
		}
		var want map[string]string
		var got map[int64]string
		if !r.check(string(kind)+" compacts a topic", func() error {
			want, got, err = fillCompacted(ctx, node)
			return err
		}) {
			return nil
		}
		left = append(left, got)
		if kind == target.Leat {
			checkCompacted(ctx, r, node, want)
		}
	}
	r.check("both left the same records", func() error { return sameRecords(left[0], left[1]) })
	return nil
}

// fillCompacted writes the topic, waits until it is compacted, and stops the broker. It returns the last value of each key, and what is left
// by offset.
func fillCompacted(ctx context.Context, node *target.Node) (want map[string]string, left map[int64]string, err error) {
	if _, err := node.Start(ctx); err != nil {
		return nil, nil, err
	}
	defer node.Kill()
	client, err := kgo.NewClient(kgo.SeedBrokers(node.Bootstrap()), kgo.DefaultProduceTopic(compactTopic), kgo.ProducerLinger(50*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	value := func(s string) *string { return &s }
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, map[string]*string{
		"cleanup.policy": value("compact"), "segment.ms": value("1000"), "min.cleanable.dirty.ratio": value("0.001"), "message.timestamp.before.max.ms": value("9223372036854775807"),
	}, compactTopic); err != nil {
		return nil, nil, err
	}
	want = map[string]string{}
	for i := range compactSends {
		if err := sendCompacted(ctx, client, i, want); err != nil {
			return nil, nil, err
		}
	}
	const patience = 3 * time.Minute
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(200 * time.Millisecond) { // until each key is left once, and the last segment, which is active: a broker that was looked at between two rounds has more
		if left, err = readCompacted(ctx, node); err != nil {
			return nil, nil, err
		}
		if len(left) <= compactKeys+compactBatch {
			return want, left, node.Stop()
		}
	}
	return nil, nil, fmt.Errorf("%d records of %d keys are left after %s", len(left), compactKeys, patience)
}

// sendCompacted is one batch, seconds younger than the one before, so that each goes to a segment of its own.
func sendCompacted(ctx context.Context, client *kgo.Client, i int, want map[string]string) error {
	records := make([]*kgo.Record, compactBatch)
	for k := range records {
		key := fmt.Sprintf("key-%d", (i*37+k*11)%compactKeys)
		records[k] = &kgo.Record{Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)*2000), Key: []byte(key), Value: fmt.Appendf(nil, "value-%d-%d", i, k)}
		if (i+k)%13 == 0 {
			records[k].Value = nil
		}
		want[key] = string(records[k].Value)
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

// readCompacted is what a read_committed consumer finds, by offset.
func readCompacted(ctx context.Context, node *target.Node) (map[int64]string, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(node.Bootstrap()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{compactTopic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, compactTopic)
	if err != nil {
		return nil, err
	}
	end, _ := ends.Lookup(compactTopic, 0)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	left := map[int64]string{}
	for at := int64(0); at < end.Offset; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset + 1
			if !r.Attrs.IsControl() {
				left[r.Offset] = fmt.Sprintf("%s=%q", r.Key, r.Value)
			}
		})
	}
	return left, nil
}

// checkCompacted lets Kafka's tools and consumer look at what leat compacted.
func checkCompacted(ctx context.Context, r *report, node *target.Node, want map[string]string) {
	logs := files(node, compactTopic+"-*", ".log")
	r.check(fmt.Sprintf("compacted: --deep-iteration: %d segments", len(logs)), func() error {
		_, err := dumpCompacted(logs, "--deep-iteration")
		return err
	})
	for _, kind := range []string{".index", ".timeindex", ".txnindex", ".snapshot"} {
		if list := files(node, compactTopic+"-*", kind); len(list) > 0 {
			r.check(fmt.Sprintf("compacted: %s: %d files", kind, len(list)), func() error {
				_, err := dumpCompacted(list)
				return err
			})
		}
	}
	r.check("kafka's consumer finds the last values", func() error {
		if _, err := node.Start(ctx); err != nil {
			return err
		}
		defer node.Kill()
		if err := consoleValues(node, want); err != nil {
			return err
		}
		return node.Stop()
	})
}

// consoleValues reads the topic with kafka-console-consumer and compares the last value of every key.
func consoleValues(node *target.Node, want map[string]string) error {
	got, err := consoleReads(node)
	if err != nil {
		return err
	}
	for key, value := range want {
		if got[key] != value {
			return fmt.Errorf("%s has value %q, written last was %q", key, got[key], value)
		}
	}
	if len(got) > len(want) {
		return fmt.Errorf("%d keys, %d were written", len(got), len(want))
	}
	return nil
}

// consoleReads has the tool read until the last record, of which compaction takes none away, and returns what it says of each key at last.
func consoleReads(node *target.Node) (map[string]string, error) {
	cmd, err := target.Tool("kafka-console-consumer", "--bootstrap-server", node.Bootstrap(), "--topic", compactTopic, "--from-beginning",
		"--isolation-level", "read_committed", "--timeout-ms", "120000", "--property", "print.offset=true", "--property", "print.key=true", "--property", "key.separator==")
	if err != nil {
		return nil, err
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = cmd.Process.Kill() // it waits for more
		_ = cmd.Wait()
	}()
	got := map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		place, rest, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "Offset:"), "=")
		key, value, ok := strings.Cut(rest, "=")
		if !ok || !strings.HasPrefix(key, "key-") {
			continue // a word of the tool's own
		}
		if value == "null" {
			value = ""
		}
		got[key] = value
		if place == strconv.Itoa(compactSends*compactBatch-1) {
			return got, nil
		}
	}
	return nil, fmt.Errorf("the tool ended before the last record: %d keys, %s", len(got), clip(complaints.String()))
}

// sameRecords compares what two brokers left.
func sameRecords(a, b map[int64]string) error {
	for offset, text := range a {
		if b[offset] != text {
			return fmt.Errorf("offset %d: %s in one, %q in the other", offset, text, b[offset])
		}
	}
	if len(a) != len(b) {
		return errors.New(fmt.Sprint(len(a), " records in one, ", len(b), " in the other"))
	}
	return nil
}
