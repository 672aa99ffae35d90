package tune

import (
	"errors"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// GroupMemory is the least memory limit of this process's control group and of those above it (cgroup v2), or the one of version 1; 0 if there is none.
func GroupMemory(root fs.FS) (int64, error) {
	least := int64(math.MaxInt64)
	err := eachGroup(root, func(v1 bool, dir string) {
		name := "memory.max"
		if v1 {
			name = "memory.limit_in_bytes"
		}
		if n, ok := readLimit(root, path.Join(dir, name)); ok && n > 0 {
			least = min(least, n)
		}
	})
	if err != nil || least > 1<<60 { // "max", or version 1's way to say it
		return 0, err
	}
	return least, nil
}

// neverSwaps reports whether the control group keeps this process out of swap, whatever the machine has.
func neverSwaps(root fs.FS) bool {
	never := false
	_ = eachGroup(root, func(v1 bool, dir string) { // without groups there is no such limit
		n, ok := readLimit(root, path.Join(dir, "memory.swap.max"))
		never = never || !v1 && ok && n == 0
	})
	return never
}

// eachGroup tells the directories of this process's control groups that bound memory, and of those above them.
func eachGroup(root fs.FS, tell func(v1 bool, dir string)) error {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(groups)), "\n") {
		// A line is number:controllers:path; version 2 has the number 0 and no controllers.
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 || fields[1] != "memory" && fields[1] != "" {
			continue
		}
		v1, base := fields[1] == "memory", "sys/fs/cgroup"
		if v1 {
			base = "sys/fs/cgroup/memory"
		}
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			tell(v1, path.Join(base, dir))
			if dir == "/" {
				break
			}
		}
	}
	return nil
}

// readLimit reads a number; a group that cannot be seen from here sets no limit that could be told.
func readLimit(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil && n >= 0
}
