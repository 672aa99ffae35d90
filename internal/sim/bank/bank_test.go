package bank

import (
	"flag"
	"fmt"
	"testing"
)

var (
	seed   = flag.Int64("seed", -1, "run the simulation with this seed only")
	seeds  = flag.Uint64("seeds", 0, "how many seeds; 0: the test's own choice")
	from   = flag.Uint64("seed-from", 0, "first seed of a range")
	rounds = flag.Int("rounds", 200, "how many times the coordinator crashes in each seed")
)

// TestSimBank moves money while coordinators and producers crash; no reader may ever see it half moved.
func TestSimBank(t *testing.T) {
	first, n := *from, uint64(10)
	if *seeds > 0 {
		n = *seeds
	}
	if *seed >= 0 {
		first, n = uint64(*seed), 1
	}
	var sum Outcome
	for s := first; s < first+n; s++ {
		o := Run(Options{Seed: s, Rounds: *rounds})
		if o.Violation != "" {
			t.Fatalf("-seed %d: %s", s, o.Violation)
		}
		sum.Steps += o.Steps
		sum.Committed += o.Committed
		sum.Aborted += o.Aborted
		sum.Fenced += o.Fenced
		sum.TimedOut += o.TimedOut
		sum.Rotated += o.Rotated
	}
	t.Logf("%d seeds of %d crashes: %+v", n, *rounds, sum)
	if sum.Committed < int(n) || sum.Aborted == 0 || sum.Fenced == 0 || sum.TimedOut == 0 || n > 3 && sum.Rotated == 0 {
		t.Errorf("too little happened: %+v", sum)
	}
}

// TestSimReplays runs a seed twice.
func TestSimReplays(t *testing.T) {
	for _, s := range []uint64{1, 3} {
		if a, b := Run(Options{Seed: s, Rounds: 50}), Run(Options{Seed: s, Rounds: 50}); a != b {
			t.Errorf("seed %d: %+v, and once more %+v", s, a, b)
		}
	}
}

// TestSimFindsFaults puts mistakes in, each of which some seed must find.
func TestSimFindsFaults(t *testing.T) {
	for fault := NoFault + 1; fault < faultCount; fault++ {
		t.Run(fmt.Sprint("fault ", fault), func(t *testing.T) {
			for s := range uint64(300) {
				if o := Run(Options{Seed: s, Rounds: *rounds, Fault: fault}); o.Violation != "" {
					t.Logf("-seed %d: %s", s, o.Violation)
					return
				}
			}
			t.Error("300 seeds did not find it")
		})
	}
}
