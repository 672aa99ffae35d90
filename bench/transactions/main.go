// Command transactions measures small transactions, leat's beside Apache Kafka's, on the same machine in one run: producers that each begin, write a
// record to each of two partitions, and commit, over and over, by both commit protocols: version 2 (KIP-890), in which partitions are added by
// writing to them, and the one before, in which the client adds them.
//
// Both brokers are single nodes with the same settings. The producers are the same for both, a connection each, and pause as Kafka's own client does when the
// coordinator is not done with the transaction before.
package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/bench/beside"
	"leat/bench/load"
	"leat/bench/table"
	"leat/interop/target"
)

// options are the flags of a run.
type options struct {
	beside.Flags
	counts   []int
	versions []int
	loads    []string
}

const (
	partitions = 12
	topic      = "transactions"
)

// rows are the figures in the order of the table.
func rows() []table.Row {
	var all []table.Row
	for _, version := range []int{2, 1} {
		for _, producers := range []int{1, 16, 64} {
			id := fmt.Sprintf("v%d/%d/", version, producers)
			label := fmt.Sprintf("version %d, %d producers: ", version, producers)
			if producers == 1 {
				label = fmt.Sprintf("version %d, 1 producer: ", version)
			}
			all = append(all, table.Row{ID: id + "cpu", Label: label + "CPU of the broker, s per 1,000 transactions", Ratio: 0.5},
				table.Row{ID: id + "rate", Label: label + "transactions/s"},
				table.Row{ID: id + "p50", Label: label + "EndTxn p50, ms"}, table.Row{ID: id + "p99", Label: label + "EndTxn p99, ms"},
				table.Row{ID: id + "retries", Label: label + "retries per transaction"})
		}
	}
	for _, version := range []int{2, 1} {
		for _, producers := range []int{1, 16, 64} {
			id, label := fmt.Sprintf("v%d/%d/even/", version, producers), fmt.Sprintf("version %d, %d/s offered by %d: ", version, evenly[producers], producers)
			all = append(all, table.Row{ID: id + "cpu", Label: label + "CPU of the broker, s per 1,000 transactions", Ratio: 0.5},
				table.Row{ID: id + "rate", Label: label + "transactions/s"},
				table.Row{ID: id + "p50", Label: label + "EndTxn p50, ms", Ratio: 1}, table.Row{ID: id + "p99", Label: label + "EndTxn p99, ms", Ratio: 1})
		}
	}
	return all
}

// evenly is how many transactions per second so many producers begin when both brokers get the same load: what Kafka can take on two processors,
// about half of what it takes at most.
var evenly = map[int]int{1: 30, 16: 400, 64: 1000}

func main() { beside.Main("transactions", run) }

func run(ctx context.Context) error {
	var o options
	var counts, versions, loads string
	o.Add()
	o.AddLoads(4*time.Second, 4*time.Second, "how long 16 producers run with each protocol before anything is measured")
	flag.StringVar(&counts, "counts", "1,16,64", "how many producers")
	flag.StringVar(&versions, "versions", "2,1", "commit protocols")
	flag.StringVar(&loads, "loads", "full,even", "full: as many transactions as there is time for; even: the same number for both")
	o.Parse()
	o.loads = strings.Split(loads, ",")
	var err error
	if o.counts, err = numbers("-counts", counts, 1, 16, 64); err != nil {
		return err
	}
	if o.versions, err = numbers("-versions", versions, 1, 2); err != nil {
		return err
	}
	return o.Run(ctx, rows(), func(ctx context.Context, all *table.Table) error {
		for round := range o.Rounds {
			if err := o.Each(round, func(kind string) error { return measure(ctx, &o, kind, all) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func numbers(name, list string, known ...int) ([]int, error) {
	var all []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || !slices.Contains(known, n) {
			return nil, fmt.Errorf("%s: %q is none of %v", name, text, known)
		}
		all = append(all, n)
	}
	return all, nil
}

// measure starts a broker on an empty directory, warms it up and measures all loads.
func measure(ctx context.Context, o *options, kind string, all *table.Table) error {
	node, end, err := o.Start(ctx, kind, kind, target.Config{})
	if err != nil {
		return err
	}
	defer end()
	if err := load.Create(node.Bootstrap(), topic, partitions, nil); err != nil {
		return err
	}
	for _, version := range o.versions {
		if _, err := offer(ctx, node, demand{version: version, producers: 16}, o.Warm); err != nil {
			return fmt.Errorf("warm-up: %w\n%s", err, node.LogTail(20))
		}
	}
	for _, mode := range o.loads {
		for _, version := range o.versions {
			for _, producers := range o.counts {
				if err := one(ctx, o, node, kind, mode, demand{version: version, producers: producers}, all); err != nil {
					return err
				}
			}
		}
	}
	return node.Stop()
}

// one measures a load.
func one(ctx context.Context, o *options, node *target.Node, kind, mode string, d demand, all *table.Table) error {
	id := fmt.Sprintf("v%d/%d/", d.version, d.producers)
	if mode == "even" {
		id += "even/"
		d.rate = evenly[d.producers]
	}
	saved := o.Profile(ctx, node, kind, strings.ReplaceAll(strings.TrimSuffix(id, "/"), "/", "-"))
	got, err := offer(ctx, node, d, o.Window)
	if err == nil {
		err = saved()
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", id, err, node.LogTail(20))
	}
	n := float64(len(got.ends))
	all.Add(kind, id+"cpu", got.cpu/n*1000)
	all.Add(kind, id+"rate", n/got.seconds)
	all.Add(kind, id+"p50", load.Quantile(got.ends, 0.5))
	all.Add(kind, id+"p99", load.Quantile(got.ends, 0.99))
	if mode != "even" {
		all.Add(kind, id+"retries", float64(got.retries)/n)
	}
	return nil
}
