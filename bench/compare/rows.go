package main

import (
	"fmt"
	"math"

	"leat/bench/table"
)

// row is one figure of the tables.
type row struct {
	id    string
	label string
	goal  goal
	// floor is the goal against the floor.
	floor goal
}

// goal is what a figure of leat should reach: a bound on it, or on its ratio to the other's. Zero bounds do not count.
type goal struct {
	ratioAtMost, ratioAtLeast float64
	atMost, atLeast           float64
}

func (g goal) String() string {
	switch {
	case g.ratioAtMost > 0:
		return "ratio at most " + table.Figure(g.ratioAtMost)
	case g.ratioAtLeast > 0:
		return "ratio at least " + table.Figure(g.ratioAtLeast)
	case g.atMost > 0:
		return "leat at most " + table.Figure(g.atMost)
	case g.atLeast > 0:
		return "leat at least " + table.Figure(g.atLeast)
	}
	return ""
}

// verdict says whether the goal is met, or nothing if there is no goal or a figure is missing.
func (g goal) verdict(ours, theirs float64) string {
	value, bound, upper := ours/theirs, g.ratioAtMost, true
	switch {
	case g.ratioAtMost > 0:
	case g.ratioAtLeast > 0:
		bound, upper = g.ratioAtLeast, false
	case g.atMost > 0:
		value, bound = ours, g.atMost
	case g.atLeast > 0:
		value, bound, upper = ours, g.atLeast, false
	default:
		return ""
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return ""
	}
	if upper && value <= bound || !upper && value >= bound {
		return "met"
	}
	return "missed"
}

// rows is the one list of what the tables show, in their order.
func rows() []row {
	all := produceRows()
	all = append(all,
		row{id: "consume/1/cpu", label: "consume, 1 consumer: CPU s per GB", goal: goal{ratioAtMost: 1}},
		row{id: "consume/1/rate", label: "consume, 1 consumer: MB/s", goal: goal{ratioAtLeast: 1}},
		row{id: "consume/10/cpu", label: "consume, 10 consumers at once: CPU s per GB", goal: goal{ratioAtMost: 1}},
		row{id: "consume/10/rate", label: "consume, 10 consumers at once: MB/s of all", goal: goal{ratioAtLeast: 1}},
		row{id: "consume/fanout", label: "MB/s of 10 consumers : MB/s of 1", goal: goal{atLeast: 1}})
	all = append(all, latencyRows()...)
	for _, producers := range []struct{ count, partitions int }{{1, 1}, {16, 1}, {64, 1}, {64, partitions}} {
		id := fmt.Sprintf("fsync/%d-producers-%d-partitions", producers.count, producers.partitions)
		label := fmt.Sprintf("fsync before ack, producers: %d, partitions: %d: ", producers.count, producers.partitions)
		var more goal
		if producers.count == 64 {
			more = goal{ratioAtLeast: 3}
		}
		all = append(all, row{id: id + "/rate", label: label + "records/s", goal: more}, row{id: id + "/p50", label: label + "p50, ms"},
			row{id: id + "/p99", label: label + "p99, ms"})
	}
	all = append(all,
		row{id: "start/empty", label: "start on an empty directory to the first acknowledged record, ms", goal: goal{atMost: 100}},
		row{id: "start/clean", label: "start after a clean stop to the first acknowledged record, ms", goal: goal{atMost: 100}},
		row{id: "start/killed", label: "start after kill -9 to the first acknowledged record, ms", goal: goal{atMost: 100}},
		row{id: "memory/idle", label: "memory idle, MB", goal: goal{atMost: 30}},
		row{id: "memory/highest", label: "memory at its highest in all loads, MB"},
		row{id: "connections/memory", label: "5,000 idle connections: memory more than without, MB"},
		row{id: "connections/total", label: "5,000 idle connections: memory of the broker, MB"},
		row{id: "connections/cpu", label: "5,000 idle connections: % of one processor"})
	return append(all, partitionRows()...)
}

func produceRows() []row {
	var all []row
	for _, l := range produceMatrix {
		cpu := row{id: "produce/" + l.name() + "/cpu", label: "produce " + l.label() + ": CPU s per GB"}
		rate := row{id: "produce/" + l.name() + "/rate", label: "produce " + l.label() + ": MB/s"}
		if l.acks != 1 {
			cpu.goal, rate.goal = goal{ratioAtMost: 0.4}, goal{ratioAtLeast: 1.5}
			cpu.floor = goal{ratioAtMost: 1.6}
		}
		all = append(all, cpu, rate)
	}
	return all
}

// label is the load in words.
func (l produceLoad) label() string {
	size := fmt.Sprintf("%d KB", l.batch>>10)
	if l.batch >= 1<<20 {
		size = fmt.Sprintf("%d MB", l.batch>>20)
	}
	text := fmt.Sprintf("%d B in %s, acks ", l.record, size)
	if l.acks == 1 {
		text += "1"
	} else {
		text += "all"
	}
	if l.codec != "" {
		text += ", " + l.codec
	}
	return text
}

func latencyRows() []row {
	var all []row
	for _, l := range []struct {
		id, label string
		goals     map[string]goal
		cpu       goal
	}{
		{"1000", "1,000 records/s", quietGoals, goal{}},
		{"10000", "10,000 records/s", quietGoals, goal{ratioAtMost: 0.4}},
		{"50000", "50,000 records/s", quietGoals, goal{}},
		{"10000-reader", "10,000 records/s beside a reader of old data", map[string]goal{"p99": {ratioAtMost: 0.33}}, goal{}},
	} {
		for _, q := range []string{"p50", "p99", "p99.9", "max"} {
			all = append(all, row{id: "latency/" + l.id + "/end/" + q, label: "end to end, " + l.label + ": " + q + ", ms", goal: l.goals[q]})
		}
		for _, q := range []string{"p50", "p99", "p99.9", "max"} {
			all = append(all, row{id: "latency/" + l.id + "/ack/" + q, label: "ack, " + l.label + ": " + q + ", ms"})
		}
		if l.id != "10000-reader" {
			all = append(all, row{id: "latency/" + l.id + "/cpu", label: l.label + ": CPU of the broker, µs per record", goal: l.cpu})
		}
	}
	return all
}

var quietGoals = map[string]goal{"p50": {ratioAtMost: 0.8}, "p99": {ratioAtMost: 0.5}, "p99.9": {ratioAtMost: 0.33}}

func partitionRows() []row {
	goals := map[int]map[string]goal{
		19_000:  {"led": {atMost: 2}, "memory": {atMost: 120}, "highest": {atMost: 120}, "clean": {atMost: 1.5}, "killed": {atMost: 5}},
		100_000: {"clean": {atMost: 10}, "killed": {atMost: 30}},
	}
	var all []row
	for _, count := range partitionCounts {
		for _, what := range []struct{ id, label string }{
			{"led", "creation until all are led, s"}, {"written", "a first record in each, s"}, {"memory", "memory after a record in each, MB"},
			{"highest", "memory at its highest in a start after kill -9, MB"},
			{"clean", "start after a clean stop until all are led, s"}, {"killed", "start after kill -9 until all are led, s"},
		} {
			all = append(all, row{id: fmt.Sprintf("partitions/%d/%s", count, what.id), label: thousands(count) + " partitions: " + what.label,
				goal: goals[count][what.id]})
		}
	}
	return all
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
