// Command kill kills a broker with SIGKILL at random moments while producers write to it, starts it again, and checks that
// every acknowledged record is still there, and that none of an idempotent producer is there twice.
//
// Now and then the end of a segment is torn as well, as it is when the machine stops; leat must say that it cut it.
//
// The producers live on over the kill: what was under way is sent again to the restarted broker, which must know from its
// own disk what it has already.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"

	"leat/interop/pressure"
	"leat/interop/target"
)

// partitions of each of the two topics.
const partitions = 4

// startBound is how long leat's start after a kill may take, while the machine has time for it. Apache Kafka is only run to prove this program.
const startBound = 5 * time.Second

func main() {
	kind := flag.String("target", "leat", "what to kill: leat or kafka")
	binary := flag.String("binary", "leat", "leat's program")
	rounds := flag.Int("rounds", 100, "how often")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano())%1e9, "seed of the moments and of the record sizes")
	keep := flag.Bool("keep", false, "keep the broker's directory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Printf("seed %d\n", *seed)
	dir, err := os.MkdirTemp("", "leat-kill-")
	if err == nil {
		err = run(ctx, target.Config{Kind: target.Kind(*kind), Binary: *binary, Dir: dir}, *rounds, *seed)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "kill: %v\nseed %d, the broker's directory is %s\n", err, *seed, dir)
		os.Exit(1)
	}
	if !*keep {
		os.RemoveAll(dir)
	}
}

func run(ctx context.Context, cfg target.Config, rounds int, seed uint64) error {
	// Small segments, so that kills also meet the moment when one is rolled.
	cfg.Settings = map[string]string{"log.segment.bytes": "1048576"}
	node, err := target.New(cfg)
	if err != nil {
		return err
	}
	if _, err := node.Start(ctx); err != nil {
		return err
	}
	defer node.Kill()
	g := &game{node: node, rng: rand.New(rand.NewPCG(seed, 9)), rounds: rounds}
	if err := g.open(ctx); err != nil {
		return err
	}
	defer g.close()
	for round := range rounds {
		if err := g.round(ctx, round); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	return g.end(ctx)
}

// game is the whole run.
type game struct {
	node   *target.Node
	rng    *rand.Rand
	rounds int

	idempotent, plain *producer
	sessions          int
	slowest           time.Duration
	torn              int
	notices           notices
}

// open makes the topics and the first producers.
func (g *game) open(ctx context.Context) error {
	var err error
	if g.idempotent, err = newProducer(ctx, g.node.Bootstrap(), "kill-idempotent", true); err != nil {
		return err
	}
	g.plain, err = newProducer(ctx, g.node.Bootstrap(), "kill-plain", false)
	g.sessions = 1
	return err
}

func (g *game) close() {
	g.idempotent.close()
	g.plain.close()
}

// round produces, kills, starts, and checks.
func (g *game) round(ctx context.Context, round int) error {
	if round > 0 && round%5 == 0 {
		// A new session now and then: its producer ids are new, those of the old one stay in the broker's memory.
		for _, p := range []*producer{g.idempotent, g.plain} {
			if err := p.reopen(); err != nil {
				return err
			}
			if err := p.prime(ctx, round); err != nil {
				return err
			}
		}
		g.sessions++
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	size := 50 + g.rng.IntN(2000)
	done := make(chan error, 2)
	for _, p := range []*producer{g.idempotent, g.plain} {
		go func() { done <- p.send(sending, round, size) }()
	}
	wait := time.Duration(20+g.rng.IntN(500)) * time.Millisecond
	time.Sleep(wait)
	g.node.Kill()
	torn := ""
	if g.rng.IntN(3) == 0 {
		var err error
		if torn, err = tear(g.rng, g.node, "kill-idempotent"); err != nil {
			return err
		}
	}
	start := pressure.Begin()
	took, err := g.node.Start(ctx)
	if err != nil {
		return err
	}
	g.slowest = max(g.slowest, took)
	if own := start.Own(); own > startBound && g.node.Kind() == target.Leat {
		return fmt.Errorf("started after %s, in %s of which the machine had time for it, allowed are %s", took, own, startBound)
	}
	stop()
	for range 2 {
		if err := <-done; err != nil {
			return err
		}
	}
	cut := g.notices.cut
	if err := g.notices.read(g.node.LogFile()); err != nil {
		return err
	}
	if torn != "" {
		g.torn++
		if g.node.Kind() == target.Leat && g.notices.cut == cut {
			return fmt.Errorf("%s had a torn end, and the log does not say that it was cut", torn)
		}
	}
	for _, p := range []*producer{g.idempotent, g.plain} {
		if err := p.verify(ctx, p.verified); err != nil {
			return err
		}
	}
	if (round+1)%10 == 0 || round+1 == g.rounds {
		fmt.Printf("%s  %d of %d kills  %d records acknowledged\n", g.node.Kind(), round+1, g.rounds,
			g.idempotent.acked()+g.plain.acked())
	}
	return nil
}

// end reads everything once more from the first offset on, and sums up.
func (g *game) end(ctx context.Context) error {
	for _, p := range []*producer{g.idempotent, g.plain} {
		if err := p.verify(ctx, map[int32]int64{}); err != nil {
			return fmt.Errorf("after all rounds: %w", err)
		}
	}
	if err := g.node.Stop(); err != nil {
		return err
	}
	fmt.Printf("%s  %d kills: %d records acknowledged, 0 lost; idempotent: 0 of %d twice, %d sessions; plain: %d of %d twice (allowed)\n",
		g.node.Kind(), g.rounds, g.idempotent.acked()+g.plain.acked(), g.idempotent.acked(), g.sessions, g.plain.repeated, g.plain.acked())
	fmt.Printf("%s  slowest start %d ms; %d ends torn on purpose, %d lines in the log about something cut\n",
		g.node.Kind(), g.slowest.Milliseconds(), g.torn, g.notices.cut)
	return nil
}
