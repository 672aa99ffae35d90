// Command groups measures how fast groups rebalance, leat's beside Apache Kafka's, on the same machine in one run: members join at once, then one
// leaves and later another, and each time it counts until every partition is read by its owner and everybody has a share.
//
// Both brokers are single nodes with the same settings. The members are the same for both, hundreds in one process, and keep the times of Kafka's own client:
// a classic member is heard every 3 s, a member of a consumer group as often as its coordinator says.
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
	"leat/bench/table"
)

// options are the flags of a run.
type options struct {
	beside.Flags
	parts  []part
	counts []int
	warm   int
	leaves int
	pause  time.Duration
	spread time.Duration
	seed   int
}

// part is a kind of group, and the initial rebalance delay, which only classic groups know.
type part struct {
	protocol string
	delay    time.Duration
}

func (p part) name() string { return fmt.Sprintf("%s-%d", p.protocol, p.delay.Milliseconds()) }

var protocols = map[string]protocol{"classic": classic, "consumer": consumer}

// everything is all parts.
var everything = []part{{"classic", 0}, {"classic", 3 * time.Second}, {"consumer", 0}}

var sizes = []int{1, 10, 100, 500}

// rows are the figures in the order of the table.
func rows() []table.Row {
	var all []table.Row
	for _, p := range everything {
		label := p.protocol
		if p.protocol == "classic" {
			label += fmt.Sprintf(", initial delay %d s", int(p.delay.Seconds()))
		}
		for _, count := range sizes {
			for _, event := range []struct{ id, label string }{{"join", "join at once"}, {"leave", "one leaves"}} {
				members := fmt.Sprintf("%d members, ", count)
				if count == 1 {
					members = "1 member, "
				}
				id := fmt.Sprintf("%s/%d/%d/%s", p.protocol, p.delay.Milliseconds(), count, event.id)
				goal := 0.5
				if p.delay > 0 && event.id == "join" {
					goal = 0 // the delay is most of it, and the same for both
				}
				all = append(all, table.Row{ID: id + "/time", Label: label + ": " + members + event.label + ", s", Ratio: goal},
					table.Row{ID: id + "/cpu", Label: "the same: CPU of the broker until then, s"},
					table.Row{ID: id + "/members", Label: "the same: CPU of the members until then, s"})
			}
		}
	}
	return all
}

func main() { beside.Main("groups", run) }

func run(ctx context.Context) error {
	var o options
	var names, counts string
	o.Add()
	flag.StringVar(&names, "parts", "classic-0,classic-3000,consumer-0", "kinds of groups, with group.initial.rebalance.delay.ms")
	flag.StringVar(&counts, "counts", "1,10,100,500", "how many members")
	flag.IntVar(&o.warm, "warm", 1, "how often ten members join and leave before anything is measured")
	flag.IntVar(&o.leaves, "leaves", 3, "how many members leave, one after the other; the table has the medians")
	flag.DurationVar(&o.pause, "pause", 4*time.Second, "from a settled group to the leave, at least")
	flag.DurationVar(&o.spread, "spread", 5*time.Second, "how much later the leave may come")
	flag.IntVar(&o.seed, "seed", 1, "of the times of leaves")
	o.Parse()
	if err := o.choose(names, counts); err != nil {
		return err
	}
	return o.Run(ctx, rows(), o.measure)
}

// choose reads which parts, and how many members.
func (o *options) choose(names, counts string) error {
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(everything, func(p part) bool { return p.name() == name })
		if i < 0 {
			return fmt.Errorf("-parts: %q is none of classic-0,classic-3000,consumer-0", name)
		}
		o.parts = append(o.parts, everything[i])
	}
	for text := range strings.SplitSeq(counts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-counts: %q is no number of members", text)
		}
		o.counts = append(o.counts, n)
	}
	return nil
}

func (o *options) measure(ctx context.Context, all *table.Table) error {
	for round := range o.Rounds {
		for _, p := range o.parts {
			if err := o.Each(round, func(kind string) error {
				s := &session{options: o, kind: kind, part: p, round: round + o.seed, add: func(id string, value float64) { all.Add(kind, id, value) }}
				return s.run(ctx)
			}); err != nil {
				return fmt.Errorf("%s: %w", p.name(), err)
			}
		}
	}
	return nil
}
