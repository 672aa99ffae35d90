package storage

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
)

var (
	long     = flag.Bool("long", false, "run the model tests with 10,000 seeds")
	onlySeed = flag.Uint64("model.seed", 0, "run the model tests with this seed only")
	seeds    = flag.String("model.seeds", "", "run the model tests with these seeds only, as 1-1000")
)

const (
	seedsShort = 150
	seedsLong  = 10000
	stepsOfRun = 110
)

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// overSeeds runs a property with many seeds, on all processors, and reports the first ones that fail in different ways.
func overSeeds(t *testing.T, run func(seed uint64) error) {
	t.Helper()
	overSeedsUpTo(t, seedsShort, seedsLong, run)
}

func overSeedsUpTo(t *testing.T, last, lastLong uint64, run func(seed uint64) error) {
	t.Helper()
	first := uint64(1)
	if *long {
		last = lastLong
	}
	if *onlySeed > 0 {
		first, last = *onlySeed, *onlySeed
	}
	if *seeds != "" {
		if _, err := fmt.Sscanf(*seeds, "%d-%d", &first, &last); err != nil {
			t.Fatalf("-model.seeds=%s: %v: give the first and the last, as 1-1000", *seeds, err)
		}
	}
	var next atomic.Uint64
	next.Store(first)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				seed := next.Add(1) - 1
				mu.Lock()
				enough := len(seen) >= 4
				mu.Unlock()
				if seed > last || enough {
					return
				}
				err := run(seed)
				mu.Lock()
				known := err == nil || seen[likeness(err)]
				if !known {
					seen[likeness(err)] = true
				}
				mu.Unlock()
				if !known {
					t.Errorf("seed %d (again with: go test ./internal/storage -run '^%s$' -model.seed=%d)\n%v", seed, t.Name(), seed, err)
				}
			}
		})
	}
	wg.Wait()
}

// likeness is what two failures must have in common to be taken for the same.
func likeness(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "step "); i >= 0 {
		text = text[i:]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, text)
	return text[:min(len(text), 40)]
}

// shrunk takes steps away as long as the run still fails, and tells what is left.
func shrunk(steps []step, err error, run func([]step) error) error {
	deadline := time.Now().Add(20 * time.Second)
	for size := len(steps) / 2; size > 0; {
		removed := false
		for at := 0; at+size <= len(steps) && time.Now().Before(deadline); {
			fewer := slices.Delete(slices.Clone(steps), at, at+size)
			if again := run(fewer); again != nil && likeness(again) == likeness(err) {
				steps, err, removed = fewer, again, true
			} else {
				at += size
			}
		}
		if !removed || size > len(steps) {
			size /= 2
		}
	}
	var text strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&text, "\n%3d %s", i, s)
	}
	return fmt.Errorf("%w\nshrunk to:%s", err, text.String())
}

// TestPropertyLogBehavesAsASlice runs random operations, restarts, kills and losses of power on two logs of a store, and compares them with
// slices in memory. -long runs 10,000 seeds. What it holds a log to: records are read as they were appended, whole and in order; what was synced
// is there after any loss of power, and what else is there was appended one behind the other; producers, open transactions and leader epochs are
// those of the batches, also of deleted ones; a start offset that was checkpointed does not come back down, except with a truncation.
// Nothing is promised of a log while it is being emptied, nor of one that is empty and begins at offset 0.
func TestPropertyLogBehavesAsASlice(t *testing.T) {
	overSeeds(t, func(seed uint64) error {
		rng := rand.New(rand.NewPCG(seed, 4))
		gaps := rng.IntN(3) == 0
		v, steps := newStory(rng, stepsOfRun, seed%2 == 0)
		run := func(steps []step) error { return newWorld(v, gaps).run(steps) }
		if err := run(steps); err != nil {
			return shrunk(steps, fmt.Errorf("%+v: %w", v, err), run)
		}
		return nil
	})
}
