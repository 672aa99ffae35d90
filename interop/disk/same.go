package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"leat/interop/target"
)

// same runs Kafka's kafka-dump-log and leat's over the same files: standard output must be the same to the byte. And leat log verify has to
// find nothing.
func same(r *report, node *target.Node, binary string) {
	topic := []string{".log", ".index", ".timeindex", ".snapshot", ".txnindex"}
	for _, c := range []struct {
		name, partitions string
		suffixes         []string
		options          []string
	}{
		{"all files of the topic", "topic-*", topic, []string{"--print-data-log"}},
		{"batches only", "topic-*", topic[:1], nil},
		{"values only", "topic-*", topic[:1], []string{"--print-data-log", "--skip-record-metadata"}},
		{"index sanity", "topic-*", topic[1:3], []string{"--index-sanity-check"}},
		{"groups", "__consumer_offsets-*", topic[:1], []string{"--offsets-decoder"}},
		{"metadata log", "__cluster_metadata-0", topic[:1], []string{"--cluster-metadata-decoder"}},
		{"metadata snapshots", "__cluster_metadata-0", []string{".checkpoint"}, []string{"--cluster-metadata-decoder"}},
	} {
		var paths []string
		for _, suffix := range c.suffixes {
			paths = append(paths, files(node, c.partitions, suffix)...)
		}
		if len(paths) == 0 {
			continue
		}
		r.check(fmt.Sprintf("leat's kafka-dump-log says the same: %s, %d files", c.name, len(paths)), func() error {
			return compareDumps(binary, append(c.options, "--files", strings.Join(paths, ",")))
		})
	}
	r.check("leat log verify --deep finds nothing", func() error {
		out, err := exec.Command(binary, "log", "verify", "--deep", node.DataDir()).CombinedOutput()
		if err == nil && !strings.Contains(string(out), "damage 0, repairs 0,") {
			err = errors.New("found something")
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, clip(string(out)))
		}
		return nil
	})
}

func compareDumps(binary string, args []string) error {
	kafka, err := target.Tool("kafka-dump-log", args...)
	if err != nil {
		return err
	}
	// Java writes in the encoding of the terminal, which a test has none of.
	kafka.Args = append([]string{kafka.Args[0], "-Dstdout.encoding=UTF-8"}, kafka.Args[1:]...)
	want, err := kafka.Output()
	if err != nil {
		return fmt.Errorf("kafka's tool: %w", err)
	}
	got, err := exec.Command(binary, append([]string{"kafka-dump-log"}, args...)...).Output()
	if err != nil {
		return fmt.Errorf("leat's tool: %w", err)
	}
	if bytes.Equal(got, want) {
		return nil
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range min(len(wantLines), len(gotLines)) {
		if wantLines[i] != gotLines[i] {
			return fmt.Errorf("line %d is\n%s\nnot\n%s", i+1, clip(gotLines[i]), clip(wantLines[i]))
		}
	}
	return fmt.Errorf("%d lines, not %d", len(gotLines), len(wantLines))
}
