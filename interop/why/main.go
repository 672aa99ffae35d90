// Command why hurts a cluster of three leat nodes in one way after the other, asks `leat why` each time, and demands that the cause of the hurt is told
// first, within a second while the machine has time; and that nothing is told any more once it has been mended.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type options struct {
	binary string
	dir    string
	only   string
	short  bool
	part   string
	window time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.dir, "dir", "", "directory of the nodes; else a new one, removed at the end")
	flag.StringVar(&o.only, "only", "", "faults to inject, by name, separated by commas")
	flag.BoolVar(&o.short, "short", false, "the faults that show soon only: for the gate")
	flag.StringVar(&o.part, "part", "1/1", "which part of the faults to inject: 1/2 and 2/2 together are all")
	flag.DurationVar(&o.window, "window", 3*time.Second, "leat.why.window.ms of the nodes; 1m is the default of leat, and makes faults of groups and the silence after each slow")
	flag.Parse()
	patience += 3 * o.window
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "why:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "leat-why-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	o.binary = binary
	s, err := newSuite(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	if err := errors.Join(s.silence(ctx, "before the first fault"), s.healthy(ctx)); err != nil {
		return errors.Join(err, s.fleet.Tails(10))
	}
	var failed []string
	tried := 0
	began := time.Now()
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	for _, f := range chosen {
		tried++
		if err := s.one(ctx, f); err != nil {
			fmt.Printf("  FAILED: %v\n", err)
			failed = append(failed, f.name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	fmt.Printf("%d of %d faults explained, the right cause first, in %.0f s; answers took %d ms at the median, %d ms at most (%d asked); first tellings that named another cause: %d\n",
		tried-len(failed), tried, time.Since(began).Seconds(), s.median().Milliseconds(), slices.Max(s.took).Milliseconds(), len(s.took), s.otherFirst)
	if n := s.tooSlow(); n > 0 || s.median() > time.Second {
		failed = append(failed, fmt.Sprintf("%d answers took longer than a second while the machine had time, half of all at least %v", n, s.median()))
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// chosen are the faults to inject.
func (o *options) chosen() ([]fault, error) {
	var part, of int
	if _, err := fmt.Sscanf(o.part, "%d/%d", &part, &of); err != nil || part < 1 || part > of {
		return nil, fmt.Errorf("-part %s: not like 1/2", o.part)
	}
	var list []fault
	for i, f := range faults {
		switch {
		case o.only != "" && !strings.Contains(","+o.only+",", ","+f.name+","):
		case o.only == "" && o.short && !f.short:
		case i%of == part-1:
			list = append(list, f)
		}
	}
	return list, nil
}

// fault is one way to hurt the cluster.
type fault struct {
	name  string
	about string // what is asked about: words of `leat why`
	cause string // that must be told first
	short bool   // it belongs to the short form
	// inject does it, and returns how to mend it.
	inject func(ctx context.Context, s *suite) (mend func(ctx context.Context) error, err error)
}

var faults []fault

func register(more ...fault) { faults = append(faults, more...) }
