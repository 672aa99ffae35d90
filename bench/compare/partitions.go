package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// partitionCounts are the numbers of partitions that a broker is given. Kafka keeps a file open for each segment, so the limit of open
// files bounds it.
func (s *session) partitionCounts() []int {
	switch {
	case s.short:
		return []int{1000}
	case s.kind == kafka:
		return []int{1000, 10_000, 19_000}
	default:
		return []int{1000, 10_000, 19_000, 50_000, 100_000}
	}
}

// manyPartitions runs bench/partitions, which goes through creation, writes, a clean stop, kill -9 and the starts after them.
func (s *session) manyPartitions(ctx context.Context) error {
	for _, count := range s.partitionCounts() {
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
		s.add(id+"/memory", steps.memory)
		s.add(id+"/clean", steps.clean)
		s.add(id+"/killed", steps.killed)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// steps are the figures of a run of bench/partitions: seconds from a request or a start until all partitions are led, and megabytes
// after each was written to.
type steps struct{ created, memory, clean, killed float64 }

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
			s.memory = figures[2]
		case name == "start after the clean stop, ready" && !seen[name]:
			s.clean = figures[0]
		case name == "start after kill -9, ready":
			s.killed = figures[0]
		case name == "all led" && last == "start after the clean stop, ready" && !seen["led, clean"]:
			s.clean += figures[0]
			seen["led, clean"] = true
		case name == "all led" && last == "start after kill -9, ready":
			s.killed += figures[0]
		}
		last = name
		seen[name] = true
	}
	if s.created == 0 || s.memory == 0 || s.clean == 0 || s.killed == 0 {
		return s, fmt.Errorf("a step is missing: %+v", s)
	}
	return s, nil
}
