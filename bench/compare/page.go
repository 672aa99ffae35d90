package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// about is where and how a run was made.
type about struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	MemoryGB  string `json:"memory_gb"`
	Kernel    string `json:"kernel"`
	Load      string `json:"load_average_before"`
	Go        string `json:"go"`
	Kafka     string `json:"kafka"`
	Rounds    int    `json:"rounds"`
	Window    string `json:"window"`
	Took      string `json:"took"`
}

// describe looks at the machine. What it does not tell is unknown.
func describe() about {
	return about{Processor: processor(), Cores: runtime.NumCPU(), MemoryGB: memory(), Kernel: kernel(), Load: loadAverage(), Go: runtime.Version(),
		Kafka: "4.4.0"}
}

// page is the whole page of the documentation.
func page(a about, all *results) string {
	return fmt.Sprintf(`# Performance

leat, Apache Kafka %[1]s and the floor under both, measured by %[2]s in one run, in turn, each on fresh directories: %[3]d rounds, the
median of each figure and, in brackets, the lowest and the highest. A ratio below 1.00 says that leat needs or takes less.

%[4]s
## How to read it

- Client and broker share the processors of one machine. CPU seconds are those of the broker's process alone and are the main
  figure; MB/s are what client and broker reach together.
- CPU s per GB: user and kernel time of the broker per 10^9 bytes of record values, before compression. MB are 10^6 bytes of the same.
- The floor is a program that only receives a batch, checks its CRC, writes it to a file at its place and replies; for
  fetches it sends a header and, with sendfile, the file. It knows no topics, indexes, rules or recovery.
- "met" and "missed" compare the medians with the goals that the project has set itself.

## What was measured

- Machine: %[5]s, %[6]d cores, %[7]s GB of memory, Linux %[8]s, %[9]s; load average before the run %[10]s.
- Brokers: one node that is broker and controller, the same server.properties, topics of %[11]d partitions, no fsync by
  default. Kafka runs with the heap and collector options of its own start script (1 GB, G1), leat with its defaults. Both are warmed
  up with the loads that follow, for some 16 seconds, before anything is measured.
- Produce: batches that are built once, with the CRC, and sent again and again by %[12]d connections with %[13]d requests under way on each;
  %[14]s each. Values compress about 3:1. Afterwards the log end offsets must be the number of acknowledged records.
- Consume: half a GB in the page cache, read over and over with the limits of Kafka's consumer; the client drops the bytes in its kernel.
- Latency: an open loop without linger and with at most %[15]d requests under way. Time counts from the moment a record was due, not
  from its sending, so that a stall counts for every record that came due in it. The reader of old data takes 400 MB/s.
- fsync before ack: topics with flush.messages=1, one record of 1 KB per request, one request under way per producer.
- Starts count from the start of the process to an acknowledged record, with 400 MB written before a clean stop and 400 MB
  before kill -9. Partitions come from bench/partitions, one record in each, in one round.
- Every response is checked: order, names, error codes, offsets. The first that is wrong ends the run.
- Where free memory is slow at its first use, as in a virtual machine that gives it back to its host, it is filled with clean page
  cache first, so that no broker pays for what ran before it.
- Time: %[16]s.

How to repeat it: [measure](../how-to/measure.md).
`, a.Kafka, "`make bench`", a.Rounds, all.tables(), a.Processor, a.Cores, a.MemoryGB, a.Kernel, a.Go, a.Load, partitions, connections, depth,
		a.Window, 5, a.Took)
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

// lineOf finds a line of a file of /proc that begins with a name and a colon.
func lineOf(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func processor() string { return lineOf("/proc/cpuinfo", "model name") }

func memory() string {
	kibibytes, err := strconv.ParseFloat(strings.TrimSuffix(lineOf("/proc/meminfo", "MemTotal"), " kB"), 64)
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f", kibibytes*1024/1e9)
}

func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	release, _, _ := strings.Cut(strings.TrimSpace(string(data)), "-")
	return release
}
