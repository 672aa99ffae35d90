package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// CPUSeconds is the processor time that a process has used so far, in user and kernel mode; 0 for process 0.
func CPUSeconds(pid int) (float64, error) {
	if pid == 0 {
		return 0, nil
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(data)
}

func parseStat(data []byte) (float64, error) {
	// The name may hold blanks and brackets; what follows its closing bracket starts with field 3.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat of a process: %q has no times", data)
	}
	user, err1 := strconv.ParseFloat(fields[11], 64)
	kernel, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("stat of a process: %q has no times", data)
	}
	return (user + kernel) / ticksPerSecond, nil
}

// Memory is what a process holds, in megabytes.
type Memory struct{ Resident, Highest float64 }

// MemoryOf reads the memory of a process.
func MemoryOf(pid int) (Memory, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	return Memory{megabytes(data, "VmRSS"), megabytes(data, "VmHWM")}, nil
}

// megabytes finds a line like "VmRSS:  1234 kB".
func megabytes(data []byte, name string) float64 {
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kibibytes, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kibibytes * 1024 / 1e6
		}
	}
	return 0
}
