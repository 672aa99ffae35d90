// Command cluster measures clusters of three nodes, leat's and Apache Kafka's, on the same machine, in one run, round by round in turn: how much
// three replicas let through and what that costs, how long a failure or a restart is felt, and what many partitions cost.
//
// All nodes are broker and controller, listen on the loopback interface and share the processors with the client. Both implementations get the
// same settings and the same client. Kafka runs with the heap and collector options of its own start script.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"leat/bench/pages"
	"leat/interop/target"
)

// options are the flags of a run.
type options struct {
	binary     string
	dir        string
	kinds      []string
	parts      []string
	rounds     int
	window     time.Duration
	kills      int
	partitions int
	replicas   int
	restarts   int
	session    time.Duration
	json       string
	profiles   string
	from       []string
	ballast    *pages.Ballast
}

// part is a group of measurements on one fresh cluster.
type part struct {
	name     string
	run      func(ctx context.Context, o options, t *trio, add func(id string, value float64)) error
	settings func(o options) map[string]string
}

var parts = []part{
	{name: "produce", run: produce},
	{name: "latency", run: latency},
	{name: "failover", run: failover, settings: sessions},
	{name: "partitions", run: manyPartitions},
}

// sessions are settings for the failover part: none, or shorter sessions for both implementations.
func sessions(o options) map[string]string {
	if o.session == 0 {
		return nil
	}
	return map[string]string{"broker.session.timeout.ms": fmt.Sprint(o.session.Milliseconds()),
		"broker.heartbeat.interval.ms": fmt.Sprint(min(2*time.Second, o.session/3).Milliseconds())}
}

func main() {
	var o options
	var kinds, names, from string
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.dir, "dir", "", "directory for all data, removed at the end; a new temporary one if empty")
	flag.StringVar(&kinds, "kinds", "leat,kafka", "what to measure")
	flag.StringVar(&names, "parts", "produce,latency,failover", "parts to run, of produce, latency, failover, partitions")
	flag.IntVar(&o.rounds, "rounds", 1, "rounds; the table has the medians")
	flag.DurationVar(&o.window, "window", 4*time.Second, "how long each load is measured")
	flag.IntVar(&o.kills, "kills", 3, "how many leaders and controllers are killed in a round")
	flag.IntVar(&o.partitions, "partitions", 100_000, "partitions of the part partitions")
	flag.IntVar(&o.replicas, "replicas", 1, "replicas of each of them")
	flag.IntVar(&o.restarts, "restarts", 1, "how often the whole cluster is restarted with them")
	flag.DurationVar(&o.session, "session", 0, "broker.session.timeout.ms of the failover part; 0: the default of both")
	flag.StringVar(&o.json, "o", "", "file to write the raw results to")
	flag.StringVar(&o.profiles, "profiles", "", "directory for processor profiles of leat's nodes under the loads of produce; the loads become slower by it")
	flag.StringVar(&from, "from", "", "measure nothing: put the raw results of earlier runs together, files with commas between them")
	flag.Parse()
	o.kinds, o.parts = strings.Split(kinds, ","), strings.Split(names, ",")
	if from != "" {
		o.from = strings.Split(from, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	all := results{}
	if len(o.from) > 0 {
		if err := all.read(o.from); err != nil {
			return err
		}
		fmt.Print(all.table())
		return nil
	}
	dir, err := os.MkdirTemp(o.dir, "leat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.dir = dir
	release, err := o.keepWarm()
	if err != nil {
		return err
	}
	defer release()
	for round := range o.rounds {
		for i := range o.kinds {
			kind := o.kinds[(i+round)%len(o.kinds)] // each comes first in some round
			for _, p := range parts {
				if !slices.Contains(o.parts, p.name) {
					continue
				}
				if err := runPart(ctx, o, target.Kind(kind), p, all); err != nil {
					return fmt.Errorf("%s, %s: %w", kind, p.name, err)
				}
			}
		}
	}
	fmt.Print(all.table())
	if o.json == "" {
		return nil
	}
	return all.write(o.json)
}

func runPart(ctx context.Context, o options, kind target.Kind, p part, all results) error {
	var settings map[string]string
	if p.settings != nil {
		settings = p.settings(o)
	}
	o.settle()
	t, err := newTrio(ctx, o, kind, p.name, settings)
	if err != nil {
		return err
	}
	err = p.run(ctx, o, t, func(id string, value float64) { all.add(string(kind), id, value) })
	if err != nil {
		err = t.explain(err)
	}
	return errors.Join(err, t.discard())
}
