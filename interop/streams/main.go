// Command streams runs a real Kafka Streams application (an aggregation behind a repartition topic, a join, a windowed count, with state
// stores and changelogs) against leat, while instances join and leave and, if asked to, brokers are killed one by one. What it wrote must
// be what an oracle says: the same sums over the records that were sent.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"leat/interop/target"
)

type options struct {
	kind, binary, dir, protocol, guarantee string
	nodes, rate, standbys                  int
	duration, kill                         time.Duration
	static                                 bool
	own                                    bool // the directory is made here
}

func main() {
	var o options
	flag.StringVar(&o.kind, "target", "leat", "leat or kafka")
	flag.StringVar(&o.binary, "binary", "./leat", "leat's program")
	flag.StringVar(&o.dir, "dir", "", "where everything is kept; a temporary directory unless told")
	flag.StringVar(&o.protocol, "protocol", "streams", "group protocol of the application: streams or classic")
	flag.StringVar(&o.guarantee, "guarantee", "exactly_once_v2", "processing guarantee; with kills only exactly_once_v2 can be exact")
	flag.IntVar(&o.nodes, "nodes", 1, "brokers, each a controller, too")
	flag.IntVar(&o.rate, "rate", 500, "orders per second")
	flag.IntVar(&o.standbys, "standbys", 0, "standby replicas of each task")
	flag.BoolVar(&o.static, "static", false, "static members; Kafka Streams has them with the classic protocol only")
	flag.DurationVar(&o.duration, "duration", time.Minute, "how long orders are sent")
	flag.DurationVar(&o.kill, "kill", 0, "time between kills of brokers, one after the other; 0: none")
	flag.Parse()
	if o.static && o.protocol != "classic" {
		fmt.Fprintln(os.Stderr, "streams: -static: Kafka Streams has static members with -protocol classic only")
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "streams:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "leat-streams-")
		if err != nil {
			return err
		}
		o.dir, o.own = dir, true
		fmt.Println("everything is kept in", dir, "until all is well")
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	o.dir = dir
	ctx, cancel := context.WithTimeout(context.Background(), o.duration+20*time.Minute)
	defer cancel()
	nodes, err := target.NewCluster(target.ClusterConfig{Kind: target.Kind(o.kind), Binary: o.binary, Dir: o.dir, Nodes: o.nodes, Settings: map[string]string{
		"group.initial.rebalance.delay.ms": "500", "group.streams.initial.rebalance.delay.ms": "500",
	}})
	if err != nil {
		return err
	}
	c := &cluster{nodes: nodes}
	if err := c.start(ctx); err != nil {
		return err
	}
	defer c.stop()
	if err := play(ctx, o, c); err != nil {
		return err
	}
	c.stop()
	if o.own {
		return os.RemoveAll(o.dir)
	}
	return nil
}

// play sends orders while instances come and go, and compares what came out.
func play(ctx context.Context, o options, c *cluster) error {
	l, err := newLoad(ctx, strings.Split(c.bootstrap(), ","), min(o.nodes, 3))
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.standbys(ctx, o.standbys); err != nil {
		return err
	}
	first, err := newInstance(o, c.bootstrap(), "a")
	if err != nil {
		return err
	}
	defer first.kill()
	if err := first.awaitRunning(ctx, 5*time.Minute); err != nil {
		return err
	}
	fmt.Println("the first instance runs")
	var second *instance
	quarter := o.duration / 4
	steps := []func() error{
		func() error { return nil },
		func() (err error) {
			fmt.Println("a second instance joins")
			second, err = newInstance(o, c.bootstrap(), "b")
			return err
		},
		func() error {
			fmt.Println("the first instance leaves")
			return first.stop()
		},
		func() (err error) {
			fmt.Println("it comes back")
			first, err = newInstance(o, c.bootstrap(), "a")
			return err
		},
	}
	defer func() {
		if second != nil {
			second.kill()
		}
		first.kill()
	}()
	murders, end := context.WithCancel(ctx)
	defer end()
	killed := c.killOneByOne(murders, o.kill)
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if err := l.send(ctx, quarter, o.rate); err != nil {
			return err
		}
	}
	end()
	if err := <-killed; err != nil {
		return err
	}
	began := time.Now()
	if err := l.check(ctx, 5*time.Minute, o.guarantee == "exactly_once_v2"); err != nil {
		return fmt.Errorf("%w\n%s", err, first.tail())
	}
	fmt.Printf("%d orders sent, %d kills: totals, names and windows equal the oracle's %v after the last order\n", l.sent, c.kills, time.Since(began).Round(time.Millisecond))
	for _, i := range []*instance{first, second} {
		if err := i.stop(); err != nil {
			return err
		}
	}
	return nil
}
