package table

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// markers stand around the table in a page; what is between them is replaced, the words around it are a person's.
const (
	begin = "<!-- table: begin -->"
	end   = "<!-- table: end -->"
)

// Fill puts the table, and a line about this machine, in its place in a page.
func (t *Table) Fill(page string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(data), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s: no place for the table: write the lines %q and %q", page, begin, end)
	}
	text := head + begin + "\n" + t.String() + "\n" + machine() + "\n" + end + tail
	return os.WriteFile(page, []byte(text), 0o644)
}

// machine is where a run is made.
func machine() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // unknown elsewhere
	version, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	return fmt.Sprintf("Machine: %s, %d cores, Linux %s, %s; Apache Kafka 4.4.0.", processor(), runtime.NumCPU(), version, runtime.Version())
}

func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
