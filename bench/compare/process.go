package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"leat/interop/target"
)

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuSeconds is the processor time that a process has used so far, in user and kernel mode.
func cpuSeconds(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name may hold blanks; what follows its closing bracket starts with field 3.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, err1 := strconv.ParseFloat(fields[11], 64)
	kernel, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %q has no times", pid, data)
	}
	return (user + kernel) / ticksPerSecond, nil
}

// usage is memory in megabytes.
type usage struct{ resident, highest float64 }

func memory(pid int) (usage, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, err
	}
	return usage{status(data, "VmRSS"), status(data, "VmHWM")}, nil
}

func status(data []byte, name string) float64 {
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kilobytes / 1000
		}
	}
	return 0
}

var perfLine = regexp.MustCompile(`(?m)^\d+ records sent, ([\d.]+) records/sec \(([\d.]+) MB/sec\)`)

// perfTool is Kafka's own producer benchmark, so that one row does not depend on our client.
func perfTool(ctx context.Context, o options, node *target.Node, add func(name string, value float64)) error {
	cmd, err := target.Tool("kafka-producer-perf-test", "--topic", "perf-tool", "--num-records", strconv.Itoa(int(o.window.Seconds()*50_000)),
		"--record-size", "1000", "--throughput", "-1", "--bootstrap-server", node.Bootstrap(), "--command-property", "acks=all")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, cmd.Args[0], cmd.Args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kafka-producer-perf-test: %w: %s", err, out)
	}
	found := perfLine.FindAllSubmatch(out, -1)
	if len(found) == 0 {
		return fmt.Errorf("kafka-producer-perf-test says no rate: %s", out)
	}
	// The tool's MB are 2^20 bytes.
	mebibytes, err := strconv.ParseFloat(string(found[len(found)-1][2]), 64)
	add("kafka-producer-perf-test, 1000 B, acks all, MB/s", mebibytes*1.048576)
	return err
}
