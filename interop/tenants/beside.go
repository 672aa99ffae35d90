package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"

	"leat/bench/load"
	"leat/bench/pages"
	"leat/bench/table"
)

// beside measures the quiet tenant alone and beside the noisy one, in turn, over some rounds. What counts is the median of the rounds' ratios: on a machine
// that does other things too, a single window tells more of those.
func beside(ctx context.Context, p place, o options) error {
	release, err := warmMemory(cmp.Or(o.ballast, filepath.Join(p.dir, "ballast")))
	if err != nil {
		return err
	}
	defer release()
	if _, err := p.quiet(ctx, 2*time.Second); err != nil { // to warm up
		return err
	}
	loud, err := begin(ctx, p.red)
	if err != nil {
		return err
	}
	defer loud.stop()
	prefer()                                         // behind begin: the noisy process must not inherit it
	if err := wait(ctx, 3*time.Second); err != nil { // until it has used up what it may take at once
		return err
	}
	ratios := map[int][]float64{}
	var all did
	for round := range o.rounds {
		loud.pause()
		if err := wait(ctx, 300*time.Millisecond); err != nil {
			return err
		}
		alone, err := p.quiet(ctx, o.window)
		if err != nil {
			return err
		}
		loud.resume()
		if err := wait(ctx, 1500*time.Millisecond); err != nil { // what it saved up meanwhile
			return err
		}
		before, used := loud.counts(), processors(loud.cmd.Process.Pid)
		crowded, err := p.quiet(ctx, o.window)
		if err != nil {
			return err
		}
		now := loud.counts().minus(before)
		used = (processors(loud.cmd.Process.Pid) - used) / o.window.Seconds()
		all = all.plus(now)
		fmt.Printf("round %d: blue alone: p50 %v, p99 %v of %d; beside red: p50 %v, p99 %v of %d; red %s\n", round+1, at(alone.took, 50), at(alone.took, 99), len(alone.took),
			at(crowded.took, 50), at(crowded.took, 99), len(crowded.took), now.each(o.window))
		fmt.Printf("  processors: brokers %.2f alone, %.2f beside; red's clients %.2f, while nobody else wants them\n", alone.processors, crowded.processors, used)
		for _, percent := range []int{50, 99} {
			ratios[percent] = append(ratios[percent], float64(at(crowded.took, percent))/float64(at(alone.took, percent)))
		}
	}
	return judge(o, ratios, all)
}

// warmMemory fills free memory where its first use is slow (see package pages): the broker would pay for it with every page that the noisy tenant writes.
func warmMemory(file string) (release func(), err error) {
	ballast, err := pages.Open(file)
	if err != nil {
		return nil, err
	}
	release = func() { _ = ballast.Close() }
	cold, err := ballast.Cold()
	if err == nil && cold {
		err = ballast.Fill()
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// prefer has this process run as soon as it wants to, where the system lets it. The quiet client would be on a machine of its own: what counts is how long the
// broker takes, and not how long an answer waits until the client, which shares the processors with it here, gets one.
func prefer() {
	const schedFIFO = 1
	schedule(unix.SchedAttr{Policy: schedFIFO, Priority: 1})
}

// judge compares medians with the bounds, and looks whether the noisy tenant was noisy at all.
func judge(o options, ratios map[int][]float64, red did) error {
	for _, percent := range []int{50, 99} {
		fmt.Printf("p%d beside : alone = %s\n", percent, table.Cell(ratios[percent]))
	}
	for _, percent := range []int{50, 99} {
		if m := table.Median(ratios[percent]); m > o.factor {
			return fmt.Errorf("p%d of blue is %.2f times as long beside red as alone, more than %.2f", percent, m, o.factor)
		}
	}
	seconds := o.window.Seconds() * float64(o.rounds)
	if wrote := float64(red.Written) / 1e6 / seconds / float64(o.nodes); wrote < 2 || wrote > 5 {
		return fmt.Errorf("red is not at its limit of 4 MB/s for each node: it writes %.1f MB/s", wrote)
	}
	if read := float64(red.Read) / 1e6 / seconds / float64(o.nodes); read < 2 || read > 5 {
		return fmt.Errorf("red is not at its limit of 4 MB/s for each node: it reads %.1f MB/s", read)
	}
	if red.Refused == 0 {
		return fmt.Errorf("red is not at its limit of %d connections: none was refused", redConnections)
	}
	return nil
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Round(time.Microsecond)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// calm is what the quiet tenant noticed in a window.
type calm struct {
	took       []time.Duration // sorted
	processors float64         // that the brokers used, in seconds a second
}

// quiet writes 800 records a second, one at a time, and says how long each took.
func (p place) quiet(ctx context.Context, window time.Duration) (calm, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(p.blue, ",")...), kgo.ProducerLinger(0))
	if err != nil {
		return calm{}, err
	}
	defer cl.Close()
	var c calm
	pace := time.NewTicker(1250 * time.Microsecond)
	defer pace.Stop()
	// The first requests of a client are about other things.
	for range 20 {
		if err := cl.ProduceSync(ctx, record()).FirstErr(); err != nil {
			return c, err
		}
	}
	used := processors(p.brokers...)
	for end := time.Now().Add(window); time.Now().Before(end); <-pace.C {
		began := time.Now()
		if err := cl.ProduceSync(ctx, record()).FirstErr(); err != nil {
			return c, err
		}
		c.took = append(c.took, time.Since(began))
	}
	c.processors = (processors(p.brokers...) - used) / window.Seconds()
	slices.Sort(c.took)
	return c, nil
}

// processors is the time of processors that processes have used, in seconds. Of one that cannot be asked it is none: the figures are for who reads them.
func processors(pids ...int) (sum float64) {
	for _, pid := range pids {
		if used, err := load.CPUSeconds(pid); err == nil {
			sum += used
		}
	}
	return sum
}

func record() *kgo.Record { return &kgo.Record{Topic: "orders", Value: make([]byte, 1000)} }
