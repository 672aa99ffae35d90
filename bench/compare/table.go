package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"leat/interop/target"
)

// results holds every figure of every run.
type results struct {
	names  []string // in the order in which they first came
	values map[target.Kind]map[string][]float64
}

func newResults() *results {
	return &results{values: map[target.Kind]map[string][]float64{target.Leat: {}, target.Kafka: {}}}
}

func (r *results) add(kind target.Kind, name string, value float64) {
	if !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
	}
	r.values[kind][name] = append(r.values[kind][name], value)
	fmt.Fprintf(os.Stderr, "  %-58s %10.1f\n", name, value)
}

// table has one row per figure: the median and, in brackets, the lowest and the highest.
func (r *results) table() string {
	var text strings.Builder
	text.WriteString("| | leat | Apache Kafka 4.4.0 | leat : Kafka |\n| --- | --- | --- | --- |\n")
	for _, name := range r.names {
		l, k := r.values[target.Leat][name], r.values[target.Kafka][name]
		ratio := ""
		if len(l) > 0 && len(k) > 0 && median(k) > 0 {
			ratio = fmt.Sprintf("%.2g", median(l)/median(k))
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", name, cell(l), cell(k), ratio)
	}
	return text.String()
}

func cell(values []float64) string {
	if len(values) == 0 {
		return "not run"
	}
	return fmt.Sprintf("%s (%s to %s)", figure(median(values)), figure(slices.Min(values)), figure(slices.Max(values)))
}

// figure keeps three digits that mean something.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// page is the whole page of the documentation.
func page(o options, table string, took time.Duration) string {
	return fmt.Sprintf(`# Performance

leat beside Apache Kafka 4.4.0, measured by %[1]s in one run, alternately, each on a fresh directory: %[2]d runs, the
median of each figure, and in brackets the lowest and the highest. Below 1.00 in the last column leat needs or takes less,
above it more.

%[3]s
## What was measured

- Machine: %[4]s, %[5]d cores seen by the program, %[6]s of memory, Linux %[7]s. Brokers and clients share it, so the figures
  compare two brokers and do not say what either can do alone.
- Both brokers: one node that is broker and controller, the same server.properties, topics of %[8]d partitions, no compression, and Kafka's
  default of leaving it to the operating system when data reaches the disk. Kafka runs with the heap and collector options of
  its own start script (1 GB); leat with its defaults.
- Produce and consume: franz-go, %[9]s each after a warm-up of the broker; MB are 10^6 bytes of record values. acks all is an idempotent
  producer, acks 1 is not.
- End to end: one producer without linger, one consumer, 100 B records at a fixed rate; the time from the moment at which a record was
  due to be sent until the consumer has it.
- Processor seconds: user and kernel time of the broker's process during the load, per GB of record values.
- kafka-producer-perf-test is Kafka's own tool, with its Java client.
- Load average of the machine when the run began: %[11]s. More than the brokers and their clients shows in wide brackets.
- The whole run took %[10]s.

Repeat it with %[1]s; %[1]s --short is a smoke test of a minute.
`, "`bench/compare.sh`", o.runs, table, processor(), runtime.NumCPU(), total(), kernel(), partitions, o.window, took.Round(time.Second), o.load)
}

// loadAverage is that of the last minute.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(data), " ")
	return load
}

func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func total() string {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%.0f GB", status(data, "MemTotal")/1000)
}

func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	release, _, _ := strings.Cut(strings.TrimSpace(string(data)), "-")
	return release
}
