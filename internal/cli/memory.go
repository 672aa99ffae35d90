package cli

import (
	"os"
	"runtime/debug"

	"leat/internal/cli/tune"
)

// limitMemory tells the Go runtime the memory limit of the process's control group, less a tenth for what the runtime does not count, and
// returns it; 0 if there is none. GOMEMLIMIT, if set, counts instead.
func limitMemory() (int64, error) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return 0, nil
	}
	limit, err := tune.GroupMemory(os.DirFS("/"))
	if err != nil || limit == 0 {
		return 0, err
	}
	limit -= limit / 10
	debug.SetMemoryLimit(limit)
	return limit, nil
}
