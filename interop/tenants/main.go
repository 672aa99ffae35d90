// Command tenants runs a broker that two tenants share under equal names, and shows that tools and clients of one see nothing of the other, and what
// a quiet tenant notices of a noisy one that is at all of its limits.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"leat/interop/target"
)

type options struct {
	binary string
	short  bool
	nodes  int
	rounds int
	window time.Duration
	factor float64
	noise  string
	bare   bool
	// ballast is a file that stays from run to run; empty: one of the run's own.
	ballast string
	// For who looks at what the broker does meanwhile.
	operations string
}

// redConnections is how many connections the noisy tenant may have.
const redConnections = 40

// place is where the tenants' clients go.
type place struct {
	red, blue, operator, dir string
	brokers                  []int // processes
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.BoolVar(&o.short, "short", false, "what clients see only, without measuring: for the gate")
	flag.IntVar(&o.nodes, "nodes", 1, "how many nodes the cluster has")
	flag.BoolVar(&o.bare, "bare", false, "without Kafka's tools")
	flag.StringVar(&o.ballast, "ballast", "", "file that fills free memory and is kept, so that the next run need not fill all of it again; one of this run's own if empty")
	flag.IntVar(&o.rounds, "rounds", 6, "how often the quiet tenant is measured, alone and beside the noisy one")
	flag.DurationVar(&o.window, "window", 2700*time.Millisecond, "how long each time")
	flag.Float64Var(&o.factor, "factor", 1.5, "how many times as long the quiet tenant's requests may take beside the noisy one: median of the rounds, of p50 and of p99")
	flag.StringVar(&o.noise, "noise", "", "be the noisy tenant at this address (for this program's own use)")
	flag.StringVar(&o.operations, "operations", "", "address for leat's operations listener; none if empty")
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
	nodes, err := start(ctx, o, dir)
	defer func() {
		for _, n := range nodes {
			n.Kill() // it has served
		}
	}()
	if err != nil {
		return err
	}
	p := place{red: addresses(nodes, "RED"), blue: addresses(nodes, "BLUE"), operator: nodes[0].Bootstrap(), dir: dir}
	for _, n := range nodes {
		p.brokers = append(p.brokers, n.PID())
	}
	if err := see(ctx, p, o); err != nil {
		return err
	}
	if o.short {
		return nil
	}
	return beside(ctx, p, o)
}

// start starts one node, or a cluster, that has a listener for each tenant.
func start(ctx context.Context, o options, dir string) ([]*target.Node, error) {
	listeners := map[string]string{"RED": "PLAINTEXT", "BLUE": "PLAINTEXT"}
	settings := map[string]string{
		"listener.name.red.leat.tenant": "red", "listener.name.blue.leat.tenant": "blue", "inter.broker.listener.name": "PLAINTEXT",
		"leat.tenant.red.produce.rate": "4000000", "leat.tenant.red.consume.rate": "4000000", "leat.tenant.red.max.connections": strconv.Itoa(redConnections),
		"leat.tenant.red.max.partitions": "20", "leat.tenant.red.request.percentage": "10",
		"default.replication.factor": strconv.Itoa(min(o.nodes, 3)),
	}
	if o.nodes == 1 {
		n, err := target.New(target.Config{Kind: target.Leat, Binary: o.binary, Dir: filepath.Join(dir, "node"), Operations: o.operations, Listeners: listeners,
			Settings: settings})
		if err != nil {
			return nil, err
		}
		_, err = n.Start(ctx)
		return []*target.Node{n}, err
	}
	nodes, err := target.NewCluster(target.ClusterConfig{Kind: target.Leat, Binary: o.binary, Dir: dir, Nodes: o.nodes, Listeners: listeners, Settings: settings})
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { _, errs[i] = n.Start(ctx) })
	}
	all.Wait()
	return nodes, errors.Join(errs...)
}

// addresses are those of a listener on all nodes, as --bootstrap-server takes them.
func addresses(nodes []*target.Node, listener string) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Address(listener))
	}
	return strings.Join(all, ",")
}
