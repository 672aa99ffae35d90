package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"leat/interop/clients"
	"leat/interop/target"
)

// complaints are what kafka-dump-log says about files that it does not like. It ends with status 0 all the same.
var complaints = []string{"Mismatches in", "timestamp mismatch", "out of order timestamp", "isvalid: false",
	"Exception", "Found indexed offset", "do not match", "does not match", "could not", "Corrupt", "corrupt", "Index is empty", "bytes left over", "invalid bytes"}

// dump lets one broker write all kinds of files and kafka-dump-log read them.
func dump(ctx context.Context, r *report, cfg target.Config, seed uint64) error {
	// A new segment for every half second of record time (the records are a millisecond apart), and an index entry for nearly
	// every batch.
	cfg.Settings = map[string]string{"log.roll.ms": "500", "log.index.interval.bytes": "512"}
	node, err := target.New(cfg)
	if err != nil {
		return err
	}
	records := 0
	if !r.check(string(cfg.Kind)+" writes every codec, commits offsets, and stops", func() error {
		records, err = fill(ctx, node, seed)
		return err
	}) {
		return nil
	}
	logs := files(node, "topic-*", ".log")
	r.check(fmt.Sprintf("--deep-iteration: %d segments, %d records", len(logs), records), func() error {
		out, err := dumpLog(logs, "--deep-iteration", "--print-data-log")
		if err != nil {
			return err
		}
		if found := strings.Count(out, "| offset: "); found != records {
			return fmt.Errorf("shows %d records, not %d", found, records)
		}
		return nil
	})
	for _, kind := range []string{".index", ".timeindex"} {
		// Kafka leaves the indexes of the metadata log as long as it made them, which its own tool then refuses.
		indexes := append(files(node, "topic-*", kind), files(node, "__consumer_offsets-*", kind)...)
		r.check(fmt.Sprintf("%s against their logs: %d files", kind, len(indexes)), func() error {
			_, err := dumpLog(indexes, "--verify-index-only")
			return err
		})
		r.check(fmt.Sprintf("%s --index-sanity-check: %d files", kind, len(indexes)), func() error {
			out, err := dumpLog(indexes, "--index-sanity-check")
			if err == nil && strings.Count(out, "passed sanity check") != len(indexes) {
				return errors.New("not every file passed: " + clip(out))
			}
			return err
		})
	}
	snapshots := files(node, "topic-*", ".snapshot")
	r.check(fmt.Sprintf("producer snapshots: %d files", len(snapshots)), func() error {
		out, err := dumpLog(snapshots)
		if err == nil && !strings.Contains(out, "producerId: ") {
			return errors.New("names no producer: " + clip(out))
		}
		return err
	})
	dumpInternal(r, node)
	same(r, node, cfg.Binary)
	return nil
}

// dumpInternal looks at what the broker wrote for itself: groups' offsets and the metadata log.
func dumpInternal(r *report, node *target.Node) {
	r.check("__consumer_offsets with --offsets-decoder", func() error {
		out, err := dumpLog(files(node, "__consumer_offsets-*", ".log"), "--deep-iteration", "--offsets-decoder")
		if err == nil && (!strings.Contains(out, `"topic":"topic-dump"`) || !strings.Contains(out, `"group":"group-dump"`)) {
			return errors.New("does not show what was committed: " + clip(out))
		}
		return err
	})
	r.check("__cluster_metadata with --cluster-metadata-decoder", func() error {
		out, err := dumpLog(files(node, "__cluster_metadata-0", ".log"), "--deep-iteration", "--cluster-metadata-decoder", "--skip-record-metadata")
		if err == nil && (!strings.Contains(out, `"TOPIC_RECORD"`) || !strings.Contains(out, `"topic-dump"`)) {
			return errors.New("does not show the topic: " + clip(out))
		}
		return err
	})
	if checkpoints := files(node, "__cluster_metadata-0", ".checkpoint"); len(checkpoints) > 0 {
		r.check(fmt.Sprintf("metadata snapshots: %d files", len(checkpoints)), func() error {
			_, err := dumpLog(checkpoints, "--cluster-metadata-decoder")
			return err
		})
	}
}

// fill starts the broker, writes a topic, lets a group read it, and stops the broker. It returns the number of records.
func fill(ctx context.Context, node *target.Node, seed uint64) (int, error) {
	if _, err := node.Start(ctx); err != nil {
		return 0, err
	}
	defer node.Kill()
	w, err := newWriter(ctx, node.Bootstrap(), "topic-dump", seed)
	if err != nil {
		return 0, err
	}
	defer w.close()
	if _, err := w.write(ctx, 800); err != nil {
		return 0, err
	}
	franz, err := franzGo()
	if err != nil {
		return 0, err
	}
	if _, err := franz.Consume(ctx, node.Bootstrap(), "topic-dump", "group-dump", len(w.sent.Records)); err != nil {
		return 0, err
	}
	return len(w.sent.Records), node.Stop()
}

func franzGo() (clients.Driver, error) {
	list, err := clients.List()
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if c.Name == "franz-go" {
			return c.Driver, nil
		}
	}
	return nil, errors.New("no franz-go among the clients")
}

// files are the files of one kind in the partitions that match. Empty index files are as Kafka leaves them, preallocated or cut.
func files(node *target.Node, partition, suffix string) []string {
	found, err := filepath.Glob(filepath.Join(node.DataDir(), partition, "*"+suffix))
	if err != nil {
		panic(err) // the patterns are constants
	}
	var list []string
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			list = append(list, path)
		}
	}
	return list
}

// dumpLog runs kafka-dump-log over files and fails on any complaint.
func dumpLog(paths []string, options ...string) (string, error) {
	out, err := dumpCompacted(paths, options...)
	if gap := firstGap(out); err == nil && gap != "" {
		return "", fmt.Errorf("complains of a gap: %s", gap)
	}
	return out, err
}

// dumpCompacted is dumpLog for files in which offsets are missing on purpose.
func dumpCompacted(paths []string, options ...string) (string, error) {
	if len(paths) == 0 {
		return "", errors.New("no such files")
	}
	cmd, err := target.Tool("kafka-dump-log", append(options, "--files", strings.Join(paths, ","))...)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, clip(out.String()))
	}
	for _, complaint := range complaints {
		if i := strings.Index(out.String(), complaint); i >= 0 {
			return "", fmt.Errorf("complains: %s", clip(out.String()[max(0, i-300):]))
		}
	}
	return out.String(), nil
}

// firstGap is the first pair of offsets that do not follow each other. The tool takes -1 for what was before the first record,
// and so finds a gap at the start of every segment but the first one.
func firstGap(out string) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, " is followed by ") && !strings.HasPrefix(line, "-1 ") && !strings.HasPrefix(line, "|") {
			return line
		}
	}
	return ""
}

func clip(text string) string { return text[:min(len(text), 1500)] }
