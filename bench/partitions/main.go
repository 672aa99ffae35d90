// Command partitions measures what very many partitions cost a broker: time until all are led, memory, and the time of a clean stop,
// of a start after it and of a start after kill -9. It prints one line per step.
//
//	go build -o leat ./cmd/leat
//	go run ./bench/partitions -binary ./leat -partitions 19000 -write
//	go run ./bench/partitions -kind kafka -partitions 1000
//
// A partition counts as led once the broker answers a request for its end offset; that it stands in the metadata is not enough.
// Client and broker share the machine.
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
	kind       string
	binary     string
	dir        string
	partitions int
	perTopic   int
	write      bool
	idle       time.Duration
	patience   time.Duration
	settings   settings
}

func main() {
	o := options{settings: settings{}}
	flag.StringVar(&o.kind, "kind", "leat", "leat or kafka")
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.dir, "dir", "", "directory for the broker's files; empty: a temporary one, removed at the end")
	flag.IntVar(&o.partitions, "partitions", 1000, "number of partitions")
	flag.IntVar(&o.perTopic, "per-topic", 1000, "partitions of one topic")
	flag.BoolVar(&o.write, "write", false, "write one record to each partition, before each stop")
	flag.DurationVar(&o.idle, "idle", 0, "how long the idle broker is watched for the processor time it takes")
	flag.DurationVar(&o.patience, "patience", 5*time.Minute, "how long one step may take")
	flag.Var(o.settings, "set", "key=value for the broker's properties; may be given again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "partitions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "partitions-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	node, err := target.New(target.Config{Kind: target.Kind(o.kind), Dir: o.dir, Binary: o.binary, Settings: o.settings, Patience: o.patience})
	if err != nil {
		return err
	}
	defer node.Kill()
	r := &runner{options: o, broker: node, out: os.Stdout}
	return r.all(ctx)
}
