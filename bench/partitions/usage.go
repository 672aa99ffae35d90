package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// usage is what a process has used so far; pid 0: none runs.
type usage struct {
	pid               int
	cpu               float64 // seconds in user and kernel mode
	resident, highest float64 // megabytes
	files             int
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// usage looks at the broker's process. What cannot be read is 0: it is only shown.
func (r *runner) usage() usage {
	if !r.running {
		return usage{}
	}
	u := usage{pid: r.broker.PID()}
	root := fmt.Sprintf("/proc/%d/", u.pid)
	stat, _ := os.ReadFile(root + "stat")
	// The name may hold blanks; what follows its closing bracket starts with field 3.
	if fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])); len(fields) > 12 {
		user, _ := strconv.ParseFloat(fields[11], 64)
		kernel, _ := strconv.ParseFloat(fields[12], 64)
		u.cpu = (user + kernel) / ticksPerSecond
	}
	status, _ := os.ReadFile(root + "status")
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kilobytes, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "VmRSS:":
			u.resident = kilobytes / 1000
		case "VmHWM:":
			u.highest = kilobytes / 1000
		}
	}
	files, _ := os.ReadDir(root + "fd")
	u.files = len(files)
	return u
}
