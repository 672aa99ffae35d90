// Package beside is what programs share that measure leat beside Apache Kafka: the flags, a broker at a time on an empty directory, rounds in which each of them comes
// first in turn, and a table of what came out.
//
// It knows nothing of what is measured. Both brokers run on this machine, in the same run, one after the other.
package beside

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"leat/bench/load"
	"leat/bench/table"
	"leat/interop/target"
)

// Flags are what such a program is asked for.
type Flags struct {
	Binary     string // leat's program
	Dir        string // for all data; while it is measured, one that is removed at the end
	Operations string // address of leat's operations listener
	Kinds      []string
	Rounds     int
	Profiles   string // directory for processor profiles of leat; these three only after AddLoads
	Window     time.Duration
	Warm       time.Duration

	json, docs  string
	kinds, from string
}

// Main runs a program until it is done or somebody interrupts it.
func Main(name string, run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Add gives the program these flags.
func (f *Flags) Add() {
	flag.StringVar(&f.Binary, "binary", "leat", "leat's program")
	flag.StringVar(&f.Dir, "dir", "", "directory for all data, removed at the end; a new temporary one if empty")
	flag.StringVar(&f.Operations, "operations", "", "address for leat's operations listener; none if empty")
	flag.StringVar(&f.kinds, "kinds", "leat,kafka", "what to measure")
	flag.IntVar(&f.Rounds, "rounds", 1, "rounds; the table has the medians")
	flag.StringVar(&f.json, "o", "", "file to write the raw results to")
	flag.StringVar(&f.docs, "docs", "", "page whose table is replaced")
	flag.StringVar(&f.from, "from", "", "measure nothing: put the raw results of earlier runs together, files with commas between them")
}

// AddLoads gives it those of programs that run a load for a while.
func (f *Flags) AddLoads(window, warm time.Duration, warmed string) {
	flag.StringVar(&f.Profiles, "profiles", "", "directory for processor profiles of leat, which needs -operations; the loads become slower by it")
	flag.DurationVar(&f.Window, "window", window, "how long each load is measured")
	flag.DurationVar(&f.Warm, "warm", warm, warmed)
}

// Parse reads the command line.
func (f *Flags) Parse() {
	flag.Parse()
	f.Kinds = strings.Split(f.kinds, ",")
}

// Run measures, unless there are results of earlier runs to put together, and shows the table and writes it where it is wanted.
func (f *Flags) Run(ctx context.Context, rows []table.Row, measure func(context.Context, *table.Table) error) error {
	all := table.New(rows)
	if f.from != "" {
		if err := all.Read(strings.Split(f.from, ",")); err != nil {
			return err
		}
	} else if err := f.inside(func() error { return measure(ctx, all) }); err != nil {
		return err
	}
	fmt.Print(all)
	if f.json != "" {
		if err := all.Write(f.json); err != nil {
			return err
		}
	}
	if f.docs != "" {
		return all.Fill(f.docs)
	}
	return nil
}

// inside does something while Dir is a directory of its own.
func (f *Flags) inside(do func() error) error {
	dir, err := os.MkdirTemp(f.Dir, "leat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f.Dir = dir
	return do()
}

// Each does something with each implementation in a round, each first in some round.
func (f *Flags) Each(round int, do func(kind string) error) error {
	for i := range f.Kinds {
		kind := f.Kinds[(i+round)%len(f.Kinds)]
		if err := do(kind); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// Start starts a broker on an empty directory below Dir. What it returns with the broker ends that, if it still runs, and removes what it has written.
func (f *Flags) Start(ctx context.Context, kind, name string, cfg target.Config) (*target.Node, func(), error) {
	cfg.Kind, cfg.Binary, cfg.Dir, cfg.Operations = target.Kind(kind), f.Binary, filepath.Join(f.Dir, name), f.Operations
	if err := os.RemoveAll(cfg.Dir); err != nil {
		return nil, nil, err
	}
	node, err := target.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	end := func() {
		node.Kill()
		_ = os.RemoveAll(cfg.Dir) // the next one looks whether it is there
	}
	if _, err := node.Start(ctx); err != nil {
		end()
		return nil, nil, err
	}
	return node, end, nil
}

// Profile saves what leat's processors do during a load, if that is wanted. What it returns waits for it.
func (f *Flags) Profile(ctx context.Context, node *target.Node, kind, name string) func() error {
	if f.Profiles == "" || kind != table.Leat {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- load.SaveProfile(ctx, node.Operations(), fmt.Sprintf("profile?seconds=%d", max(int(f.Window.Seconds()), 1)), filepath.Join(f.Profiles, name+".pprof"))
	}()
	return func() error { return <-done }
}
