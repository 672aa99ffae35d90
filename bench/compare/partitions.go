package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// partitionCounts are the numbers of partitions that have rows in the tables.
var partitionCounts = []int{1000, 10_000, 19_000, 50_000, 100_000}

const (
	// mostOfKafka is the largest number that Kafka is given: with more, creating them and starting again take it a quarter of an hour.
	mostOfKafka = 19_000
	// spareFiles is how many open files Kafka needs besides one for each partition; it had 104 and some connections.
	spareFiles = 200
)

// countsToRun are the numbers of partitions that this broker is given.
func (s *session) countsToRun() []int {
	if s.short {
		return partitionCounts[:1]
	}
	var counts []int
	for _, count := range partitionCounts {
		if len(s.counts) > 0 && !slices.Contains(s.counts, count) || s.kind == kafka && count > mostOfKafka {
			continue
		}
		if limit := openFiles(); s.kind == kafka && uint64(count+spareFiles) > limit {
			fmt.Fprintf(os.Stderr, "  kafka, %s partitions: left out, it keeps a file open for each, and the limit is %d (ulimit -n)\n", thousands(count), limit)
			continue
		}
		counts = append(counts, count)
	}
	return counts
}

// openFiles is the limit that a process can raise its own to; a JVM does.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Max
}

// manyPartitions runs bench/partitions, which goes through creation, writes, a clean stop, kill -9 and the starts after them.
func (s *session) manyPartitions(ctx context.Context) error {
	for _, count := range s.countsToRun() {
		dir := filepath.Join(s.options.dir, s.kind+"-partitions")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		s.memory.settle()
		cmd := exec.CommandContext(ctx, s.options.partitions, "-kind", s.kind, "-binary", s.binary, "-dir", dir, "-partitions", strconv.Itoa(count), "-write")
		var failed bytes.Buffer
		cmd.Stderr = &failed
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%d partitions: %w\n%s%s", count, err, out, failed.Bytes())
		}
		steps, err := parseSteps(string(out))
		if err != nil {
			return fmt.Errorf("%d partitions: %w\n%s", count, err, out)
		}
		id := fmt.Sprintf("partitions/%d", count)
		s.add(id+"/led", steps.created)
		s.add(id+"/written", steps.written)
		s.add(id+"/memory", steps.memory)
		s.add(id+"/highest", steps.highest)
		s.add(id+"/clean", steps.clean)
		s.add(id+"/killed", steps.killed)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// steps are the figures of a run of bench/partitions: seconds from a request or a start until all partitions are led, and megabytes
// after each was written to, and at the highest until all are led after kill -9.
type steps struct{ created, written, memory, highest, clean, killed float64 }

// parseSteps reads the table that bench/partitions prints: a name of the step, two blanks or more, and its figures.
func parseSteps(out string) (steps, error) {
	var s steps
	var last string
	seen := map[string]bool{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if len(line) < 45 {
			continue
		}
		name := strings.TrimSpace(line[:44])
		var figures []float64
		for _, field := range strings.Fields(line[44:]) {
			if v, err := strconv.ParseFloat(field, 64); err == nil {
				figures = append(figures, v)
			}
		}
		if len(figures) == 0 {
			continue
		}
		switch {
		case name == "create, all led":
			s.created = figures[0]
		case name == "write one record to each" && len(figures) > 2 && !seen[name]:
			s.written, s.memory = figures[0], figures[2]
		case name == "start after the clean stop, ready" && !seen[name]:
			s.clean = figures[0]
		case name == "start after kill -9, ready":
			s.killed = figures[0]
		case name == "all led" && last == "start after the clean stop, ready" && !seen["led, clean"]:
			s.clean += figures[0]
			seen["led, clean"] = true
		case name == "all led" && last == "start after kill -9, ready":
			s.killed += figures[0]
			if len(figures) > 3 {
				s.highest = figures[3]
			}
		}
		last = name
		seen[name] = true
	}
	if s.created == 0 || s.written == 0 || s.memory == 0 || s.highest == 0 || s.clean == 0 || s.killed == 0 {
		return s, fmt.Errorf("a step is missing: %+v", s)
	}
	return s, nil
}
