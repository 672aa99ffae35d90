// Command compare measures leat and Apache Kafka on the same machine, in one run, alternately, with the same client, the same
// settings and a fresh directory each time, and writes the medians as a table.
//
// Client and broker share the machine, as they do in a first try; so the figures compare two brokers, they do not say what
// either can do alone. Each broker is warmed up before it is measured, which matters to a JVM.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"leat/interop/target"
)

type options struct {
	binary string
	only   string
	docs   string
	runs   int
	window time.Duration
	rate   int
	load   string // what else the machine did before
}

func main() {
	var o options
	short := flag.Bool("short", false, "one run with short windows: a smoke test, not a measurement")
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.only, "only", "", "measure only leat or only kafka")
	flag.StringVar(&o.docs, "docs", "", "write the page with the table to this file")
	flag.IntVar(&o.runs, "runs", 3, "runs of each broker; the table has their medians")
	flag.DurationVar(&o.window, "window", 4*time.Second, "how long each load is measured")
	flag.IntVar(&o.rate, "rate", 2000, "records per second while latency is measured")
	flag.Parse()
	if *short {
		o.runs, o.window = 1, time.Second
	}
	o.load = loadAverage()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	began := time.Now()
	all := newResults()
	for i := range o.runs {
		kinds := []target.Kind{target.Leat, target.Kafka}
		if i%2 == 1 {
			kinds[0], kinds[1] = kinds[1], kinds[0]
		}
		for _, kind := range kinds {
			if o.only != "" && string(kind) != o.only {
				continue
			}
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", i+1, o.runs, kind)
			if err := measure(ctx, o, kind, all); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
		}
	}
	table := all.table()
	fmt.Print(table)
	if o.docs == "" {
		return nil
	}
	return os.WriteFile(o.docs, []byte(page(o, table, time.Since(began))), 0o644)
}

// measure runs all loads once against a fresh broker.
func measure(ctx context.Context, o options, kind target.Kind, all *results) error {
	dir, err := os.MkdirTemp("", "leat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	node, err := target.New(target.Config{Kind: kind, Binary: o.binary, Dir: dir})
	if err != nil {
		return err
	}
	took, err := node.Start(ctx)
	if err != nil {
		return err
	}
	defer node.Kill()
	time.Sleep(2 * time.Second) // let it become idle
	idle, err := memory(node.PID())
	if err != nil {
		return err
	}
	all.add(kind, "start until metadata is served, ms", float64(took.Milliseconds()))
	all.add(kind, "resident memory idle, MB", idle.resident)
	if err := loads(ctx, o, node, func(name string, value float64) { all.add(kind, name, value) }); err != nil {
		return err
	}
	after, err := memory(node.PID())
	if err != nil {
		return err
	}
	all.add(kind, "resident memory after the loads, MB", after.resident)
	all.add(kind, "resident memory at its highest, MB", after.highest)
	return node.Stop()
}
