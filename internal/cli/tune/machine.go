package tune

import (
	"os"
	"path/filepath"
	"strings"
)

// machine is what the checks know of one.
type machine struct {
	system      string
	openFiles   uint64 // of this process, soft
	memoryLimit int64  // of its control group; 0: none
	neverSwaps  bool   // its control group has no swap
	unsynced    bool   // the kernel says that its clock is not synchronised
	knowsTime   bool
	read        func(file string) (string, bool)
	disk        func(dir string) (disk, error)
}

// disk is the file system of a directory.
type disk struct {
	kind      string // as in /proc/mounts
	options   string
	total     int64
	available int64
}

// readTrimmed is the text of a file of the kernel's.
func readTrimmed(file string) (string, bool) {
	text, err := os.ReadFile(file) //nolint:gosec // names are the checks' own
	return strings.TrimSpace(string(text)), err == nil
}

// mounted finds the file system that a directory is on: the longest mount point above it, the last one of those. mounts is /proc/mounts.
func mounted(mounts, dir string) (kind, options string) {
	longest := -1
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		at := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(fields[1])
		if !within(dir, at) || len(at) < longest {
			continue
		}
		longest, kind, options = len(at), fields[2], fields[3]
	}
	return kind, options
}

func within(dir, at string) bool {
	return dir == at || at == "/" || strings.HasPrefix(dir, strings.TrimSuffix(at, "/")+"/")
}

// existing is the directory, or the next one above that is there: data directories are made by the node.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		whole, err := filepath.EvalSymlinks(dir)
		if err == nil || dir == filepath.Dir(dir) {
			return whole, err
		}
		dir = filepath.Dir(dir)
	}
}
