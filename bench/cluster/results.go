package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// results holds every figure, by implementation and id.
type results map[string]map[string][]float64

func (r results) add(kind, id string, value float64) {
	if r[kind] == nil {
		r[kind] = map[string][]float64{}
	}
	r[kind][id] = append(r[kind][id], value)
	fmt.Fprintf(os.Stderr, "  %-6s %-32s %12.3f\n", kind, id, value)
}

// rows are the figures in the order of the table, with their labels and what leat's should be as a part of Kafka's, or at most.
var rows = []struct {
	id, label string
	ratio     float64 // at most, or at least if it is above 1; 0: no goal
	most      float64
}{
	{"produce/16K/rate", "acks=all, 3 replicas, 1 KB records in 16 KB: MB/s", 1.5, 0},
	{"produce/16K/cpu", "the same: CPU s per GB of all three nodes", 0.5, 0},
	{"produce/64K/rate", "acks=all, 3 replicas, 1 KB records in 64 KB: MB/s", 1.5, 0},
	{"produce/64K/cpu", "the same: CPU s per GB of all three nodes", 0.5, 0},
	{"produce/1024K/rate", "acks=all, 3 replicas, 1 KB records in 1 MB: MB/s", 1.5, 0},
	{"produce/1024K/cpu", "the same: CPU s per GB of all three nodes", 0.5, 0},
	{"memory/loaded", "memory of the three after these loads, MB", 0, 200},
	{"memory/highest", "memory of the three at its highest, MB", 0, 0},
	{"latency/1000/p50", "end to end, 1,000 records/s: p50, ms", 0, 0},
	{"latency/1000/p99", "end to end, 1,000 records/s: p99, ms", 1.0 / 3, 0},
	{"latency/1000/p99.9", "end to end, 1,000 records/s: p99.9, ms", 0, 0},
	{"latency/1000/cpu", "1,000 records/s: CPU of the three, µs per record", 0, 0},
	{"latency/10000/p50", "end to end, 10,000 records/s: p50, ms", 0, 0},
	{"latency/10000/p99", "end to end, 10,000 records/s: p99, ms", 0, 0},
	{"latency/10000/p99.9", "end to end, 10,000 records/s: p99.9, ms", 0, 0},
	{"latency/10000/cpu", "10,000 records/s: CPU of the three, µs per record", 0, 0},
	{"failover/leader", "kill -9 of a leader until the next ack, ms", 0.5, 3000},
	{"failover/controller", "kill -9 of the active controller until a topic is created, ms", 0.5, 0},
	{"failover/rolling", "rolling restart of three nodes until all leaders are back, ms", 0.5, 0},
	{"partitions/created", "partitions over three nodes: creation until all are led, s", 0, 0},
	{"partitions/memory", "memory of the three then, MB", 0, 0},
	{"partitions/idle", "processors they use when idle, %", 0, 0},
	{"partitions/controller", "kill -9 of the active controller until a topic is created, s", 0, 5},
	{"partitions/restart", "start of all three until all are led, s", 0, 0},
	{"partitions/highest", "memory of the three at its highest after that start, MB", 0, 0},
}

// table has the medians, and lowest and highest in brackets.
func (r results) table() string {
	var text strings.Builder
	text.WriteString("| | leat | Apache Kafka | leat : Kafka | goal | |\n| --- | --- | --- | --- | --- | --- |\n")
	known := map[string]bool{}
	for _, row := range rows {
		known[row.id] = true
		ours, theirs := r["leat"][row.id], r["kafka"][row.id]
		if len(ours)+len(theirs) == 0 {
			continue
		}
		ratio := ""
		if len(ours) > 0 && len(theirs) > 0 {
			ratio = fmt.Sprintf("%.2f", median(ours)/median(theirs))
		}
		goal, verdict := verdict(row.ratio, row.most, ours, theirs)
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", row.label, figures(ours), figures(theirs), ratio, goal, verdict)
	}
	for _, kind := range slices.Sorted(maps.Keys(r)) {
		for _, id := range slices.Sorted(maps.Keys(r[kind])) {
			if !known[id] {
				fmt.Fprintf(&text, "| %s (%s) | %s | | | | |\n", id, kind, figures(r[kind][id]))
			}
		}
	}
	return text.String()
}

// verdict compares the medians with the goal of a row.
func verdict(ratio, most float64, ours, theirs []float64) (goal, result string) {
	met := true
	switch {
	case ratio > 1:
		goal = fmt.Sprintf("ratio at least %.2g", ratio)
	case ratio > 0:
		goal = fmt.Sprintf("ratio at most %.2g", ratio)
	}
	if most > 0 {
		if goal != "" {
			goal += ", "
		}
		goal += fmt.Sprintf("leat at most %g", most)
	}
	if goal == "" || len(ours) == 0 || ratio > 0 && len(theirs) == 0 {
		return goal, ""
	}
	if ratio > 1 {
		met = median(ours)/median(theirs) >= ratio
	} else if ratio > 0 {
		met = median(ours)/median(theirs) <= ratio
	}
	if met = met && (most == 0 || median(ours) <= most); met {
		return goal, "met"
	}
	return goal, "missed"
}

func figures(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	return fmt.Sprintf("%.4g (%.4g–%.4g)", median(values), slices.Min(values), slices.Max(values))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

func (r results) write(file string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// read adds the results of files.
func (r results) read(files []string) error {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var one results
		if err := json.Unmarshal(data, &one); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for kind, figures := range one {
			if r[kind] == nil {
				r[kind] = map[string][]float64{}
			}
			for id, values := range figures {
				r[kind][id] = append(r[kind][id], values...)
			}
		}
	}
	return nil
}
