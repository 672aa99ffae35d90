//go:build unix

package telemetry

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// processorTime is how long the processors have worked for this process.
func processorTime() (time.Duration, bool) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, false
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), true
}

// diskBytes is what the kernel counted of this process's reads from disks and writes to them.
func diskBytes() (read, written int64, ok bool) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, 0, false
	}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			continue
		}
		switch string(name) {
		case "read_bytes":
			read, ok = n, true
		case "write_bytes":
			written, ok = n, true
		}
	}
	return read, written, ok
}
