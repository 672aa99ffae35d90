// Command tenants runs a broker that two tenants share under equal names, and shows that tools and clients of one see nothing of the other, and what
// a quiet tenant notices of a noisy one that is at all of its limits.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"leat/interop/target"
)

type options struct {
	binary string
	short  bool
	window time.Duration
	factor float64
	slack  time.Duration
	noise  string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.BoolVar(&o.short, "short", false, "what clients see only, without measuring: for the gate")
	flag.DurationVar(&o.window, "window", 8*time.Second, "how long the quiet tenant is measured alone, and beside the noisy one")
	flag.Float64Var(&o.factor, "factor", 1.5, "how many times as long the quiet tenant's requests may take beside the noisy one")
	flag.DurationVar(&o.slack, "slack", 0, "what they may take beyond that, on a machine that does other things too")
	flag.StringVar(&o.noise, "noise", "", "be the noisy tenant at this address (for this program's own use)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if o.noise != "" {
		noisy(ctx, o.noise)
		return
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "tenants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "leat-tenants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	n, err := target.New(target.Config{Kind: target.Leat, Binary: o.binary, Dir: filepath.Join(dir, "node"),
		Listeners: map[string]string{"RED": "PLAINTEXT", "BLUE": "PLAINTEXT"},
		Settings: map[string]string{
			"listener.name.red.leat.tenant": "red", "listener.name.blue.leat.tenant": "blue", "inter.broker.listener.name": "PLAINTEXT",
			"leat.tenant.red.produce.rate": "4000000", "leat.tenant.red.consume.rate": "4000000", "leat.tenant.red.max.connections": "40",
			"leat.tenant.red.max.partitions": "20",
		}})
	if err != nil {
		return err
	}
	if _, err := n.Start(ctx); err != nil {
		return err
	}
	defer n.Stop() //nolint:errcheck // the node has served
	if err := see(ctx, n); err != nil {
		return err
	}
	if o.short {
		return nil
	}
	return beside(ctx, n, o)
}
