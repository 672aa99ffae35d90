package cli

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory tells the Go runtime the memory limit of the process's control group, less a tenth for what the runtime does not count, and
// returns it; 0 if there is none. GOMEMLIMIT, if set, counts instead.
func limitMemory() (int64, error) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return 0, nil
	}
	limit, err := groupLimit(os.DirFS("/"))
	if err != nil || limit == 0 {
		return 0, err
	}
	limit -= limit / 10
	debug.SetMemoryLimit(limit)
	return limit, nil
}

// groupLimit is the least memory limit of the process's control group and of those above it (cgroup v2), or the one of version 1; 0 if
// there is none.
func groupLimit(root fs.FS) (int64, error) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	least := int64(math.MaxInt64)
	for _, line := range strings.Split(strings.TrimSpace(string(groups)), "\n") {
		// A line is number:controllers:path; version 2 has the number 0 and no controllers.
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, name := "sys/fs/cgroup", "memory.max"
		if fields[1] == "memory" {
			base, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if fields[1] != "" {
			continue
		}
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			if n, ok := readLimit(root, path.Join(base, dir, name)); ok {
				least = min(least, n)
			}
			if dir == "/" {
				break
			}
		}
	}
	if least > 1<<60 { // "max", or version 1's way to say it
		return 0, nil
	}
	return least, nil
}

func readLimit(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false // a group that cannot be seen from here sets no limit that could be told
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil && n > 0
}
