package cluster

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"leat/internal/config"
)

var (
	long  = flag.Bool("long", false, "run the simulation with 100,000 steps for many seeds")
	only  = flag.Int64("seed", -1, "run the simulation with this seed only, and print its trace")
	from  = flag.Int("seed-from", 0, "first seed of a range")
	seeds = flag.Int("seeds", 0, "how many seeds; 0: the test's own choice")
	steps = flag.Int("steps", 0, "how many steps of each seed; 0: the test's own choice")
)

// brokerConfig is the configuration that controllers run with: shorter times than usual, so that more happens in as many steps.
func brokerConfig(t testing.TB) *config.Values {
	t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"node.id": "1", "process.roles": "broker,controller", "controller.quorum.voters": "1@127.0.0.1:9093",
		"listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093", "controller.listener.names": "CONTROLLER",
		"broker.session.timeout.ms": "2500", "broker.heartbeat.interval.ms": "350", "leader.imbalance.check.interval.seconds": "7",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// run runs one seed. The raft library's own chance is set by it, too.
func run(t *testing.T, o Options) Outcome {
	t.Helper()
	cryptotest.SetGlobalRandom(t, o.Seed)
	return Run(o)
}

func TestSimCluster(t *testing.T) {
	n, length := 24, 20_000
	if *long {
		n, length = 60, 100_000
	}
	first := *from
	if *seeds > 0 {
		n = *seeds
	}
	if *steps > 0 {
		length = *steps
	}
	keep := 0
	if *only >= 0 {
		first, n, keep = int(*only), 1, 3000
	}
	cfg := brokerConfig(t)
	var sum Stats
	began, total := time.Now(), 0
	for seed := first; seed < first+n; seed++ {
		o := Options{Seed: uint64(seed), Steps: length, Config: cfg, Keep: keep}
		out := run(t, o)
		total += out.Steps
		if out.Err != nil {
			if o.Keep == 0 {
				o.Keep = 300
				out = run(t, o)
			}
			t.Fatalf("%s\n-seed %d -steps %d: %v", strings.Join(out.Trace, "\n"), seed, length, out.Err)
		}
		if *only >= 0 {
			t.Logf("%s", strings.Join(out.Trace, "\n"))
		}
		sum.add(out.Stats)
	}
	t.Logf("%d seeds, %d steps, %.0f a second: %+v", n, total, float64(total)/time.Since(began).Seconds(), sum)
}

// add sums two counts up.
func (s *Stats) add(o Stats) {
	for _, x := range []struct {
		to *int
		by int
	}{{&s.Acked, o.Acked}, {&s.Consumed, o.Consumed}, {&s.Metadata, o.Metadata}, {&s.Elections, o.Elections}, {&s.Unclean, o.Unclean},
		{&s.LossExcused, o.LossExcused}, {&s.Kills, o.Kills}, {&s.PowerLosses, o.PowerLosses}, {&s.Shutdowns, o.Shutdowns}, {&s.Cuts, o.Cuts},
		{&s.Pauses, o.Pauses}, {&s.Jumps, o.Jumps}, {&s.Reassigned, o.Reassigned}, {&s.Truncations, o.Truncations}, {&s.QuorumLeaders, o.QuorumLeaders},
		{&s.Snapshots, o.Snapshots}, {&s.Shrinks, o.Shrinks}, {&s.Expansions, o.Expansions}, {&s.Duplicates, o.Duplicates}, {&s.Mistakes, o.Mistakes}} {
		*x.to += x.by
	}
	s.Virtual += o.Virtual
}

func TestSimReplaysExactly(t *testing.T) {
	cfg := brokerConfig(t)
	for seed := range uint64(4) {
		o := Options{Seed: seed, Steps: 8000, Config: cfg, Keep: 500}
		one, two := run(t, o), run(t, o)
		if one.Digest != two.Digest || !slices.Equal(one.Trace, two.Trace) || one.Stats != two.Stats || fmt.Sprint(one.Err) != fmt.Sprint(two.Err) {
			t.Fatalf("seed %d went two ways: %x %x, %+v %+v, %v %v", seed, one.Digest, two.Digest, one.Stats, two.Stats, one.Err, two.Err)
		}
		o.Seed += 100
		if other := run(t, o); other.Digest == one.Digest {
			t.Errorf("seeds %d and %d went the same way", seed, o.Seed)
		}
	}
}

// mutations are bugs put in by hand, which the simulation has to find. Where one was found before is tried first; with -long all seeds are, until five have found it.
var mutations = []struct {
	name   string
	bug    Mutation
	before uint64
}{
	{"followers truncate to the high watermark", TruncateToHighWatermark, 3},
	{"an in-sync set shrinks without waiting for the controller", ShrinkWithoutController, 0},
	{"a vote is persisted after the reply", VoteBeforePersist, 885},
	{"a broker obeys an image of the process before it", ObeyBeforeRegistered, 9},
}

func TestSimFindsMutations(t *testing.T) {
	cfg := brokerConfig(t)
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			began, total, found := time.Now(), 0, 0
			try := func(seed uint64) bool {
				out := run(t, Options{Seed: seed, Steps: 20_000, Config: cfg, Mutation: m.bug})
				if total += out.Steps; out.Err != nil {
					found++
					t.Logf("found after %d steps, %v: %v", total, time.Since(began).Round(time.Millisecond), out.Err)
				}
				return out.Err != nil
			}
			if !*long && try(m.before) {
				return
			}
			began, total = time.Now(), 0
			for seed := range uint64(1000) {
				if try(seed) && (!*long || found >= 5) {
					return
				}
			}
			if found == 0 {
				t.Error("not found in 1000 seeds")
			}
		})
	}
}
