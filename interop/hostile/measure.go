package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/bench/load"
)

// rate and size of what the well-behaved client offers.
const (
	rate       = 1000
	recordSize = 200
)

// window is what the well-behaved client noticed in one stretch of time.
type window struct {
	p99, worst time.Duration
	processors float64 // that the broker used, in seconds a second
}

// serve lets the well-behaved client work for a while.
func (b *broker) serve(ctx context.Context) (window, error) {
	b.topics++
	topic := "orders-" + strconv.Itoa(b.topics)
	if err := load.Create(b.node.Bootstrap(), topic, 2, nil); err != nil {
		return window{}, err
	}
	l, err := load.MeasureLatency(ctx, load.LatencySpec{Address: b.node.Bootstrap(), Topic: topic, Partitions: 2, Acks: -1, RecordSize: recordSize, Rate: rate,
		Duration: b.options.window, PID: b.node.PID()})
	if err != nil {
		return window{}, err
	}
	quantile := func(all []time.Duration) time.Duration { return all[len(all)*99/100] }
	return window{max(quantile(l.Ack), quantile(l.EndToEnd)), l.EndToEnd[len(l.EndToEnd)-1], l.CPU / l.Seconds}, nil
}

// comparison is what one attack came to: windows without and with it in turns, so that what else the machine does falls on both.
type comparison struct {
	quiet, attacked []window
	memory          float64
	files           int
	attackers       float64 // processors that they used themselves
	happened        string
}

// median is that of the p99 of windows, and the worst of all.
func median(all []window) (p99, worst time.Duration) {
	var sorted []time.Duration
	for _, w := range all {
		sorted = append(sorted, w.p99)
		worst = max(worst, w.worst)
	}
	slices.Sort(sorted)
	return sorted[len(sorted)/2], worst
}

func processors(all []window) float64 {
	sum := 0.0
	for _, w := range all {
		sum += w.processors
	}
	return sum / float64(len(all))
}

// moreRounds are added while the medians are too far apart: in few windows a machine that does other things too shows those.
const moreRounds = 4

// slow reports whether the attack shows in the latency of the well-behaved client.
func (b *broker) slow(c *comparison) bool {
	quiet, _ := median(c.quiet)
	attacked, _ := median(c.attacked)
	return attacked > time.Duration(b.options.times*float64(quiet))+b.options.slack
}

// under measures one attack. What is wrong is told in words; an error ends the whole run.
func (b *broker) under(ctx context.Context, a attack) (wrong string, err error) {
	var c comparison
	for i := 0; i < b.options.rounds || b.options.short && i < b.options.rounds+moreRounds && b.slow(&c); i++ {
		if err := b.round(ctx, a, &c); err != nil {
			return "", err
		}
	}
	quiet, _ := median(c.quiet)
	attacked, worst := median(c.attacked)
	fmt.Printf("%-12s %8s %8s %5.1f %8s %5.2f %5.2f %5.2f %4.0f of %4.0f MB %5d  %s\n", a.name, tenths(quiet), tenths(attacked), float64(attacked)/float64(quiet), tenths(worst),
		processors(c.quiet), processors(c.attacked), c.attackers, c.memory, memoryBound(c.files), c.files, c.happened)
	if b.options.verbose {
		fmt.Printf("  quiet %v\n  attacked %v\n", c.quiet, c.attacked)
	}
	if b.slow(&c) {
		wrong = fmt.Sprintf("p99 was %s, without the attack %s", attacked, quiet)
	}
	if bound := memoryBound(c.files); c.memory > bound {
		wrong += fmt.Sprintf(" %.0f MB were resident, the limits allow %.0f", c.memory, bound)
	}
	if a.check != nil {
		wrong += a.check(c.happened)
	}
	return wrong, nil
}

func tenths(d time.Duration) string { return fmt.Sprintf("%.1fms", d.Seconds()*1000) }

// round is a window without and one with the attackers.
func (b *broker) round(ctx context.Context, a attack, c *comparison) error {
	quiet, err := b.serve(ctx)
	if err != nil {
		return err
	}
	gang, err := b.call(ctx, a)
	if err != nil {
		return err
	}
	if b.options.profiles != "" {
		go func() { // what goes wrong with it shows in that it is not there
			_ = load.SaveProfile(ctx, b.node.Operations(), fmt.Sprintf("profile?seconds=%d", int(max(1, b.options.window.Seconds()))), b.options.profiles+"/"+a.name+".pprof")
		}()
	}
	watch := b.watch()
	attacked, err := b.serve(ctx)
	memory, files := watch.end()
	happened, used, gangErr := gang.dismiss()
	if err == nil {
		err = gangErr
	}
	if err != nil {
		return err
	}
	c.quiet, c.attacked = append(c.quiet, quiet), append(c.attacked, attacked)
	c.memory, c.files = max(c.memory, memory), max(c.files, files)
	c.attackers = max(c.attackers, used)
	if c.happened == "" { // in later rounds a user owes what was taken in this one
		c.happened = happened
	}
	return b.awaitCalm()
}

// patience is how long the broker may take to come to rest.
const patience = 3 * time.Minute

// awaitCalm waits until the broker has done what the attackers left behind: what follows is to be a quiet window.
func (b *broker) awaitCalm() error {
	for until := time.Now().Add(patience); ; {
		before, err := load.CPUSeconds(b.node.PID())
		if err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		after, err := load.CPUSeconds(b.node.PID())
		if err != nil {
			return err
		}
		files, err := openFiles(b.node.PID())
		if err != nil || after-before <= 0.06 && files <= b.files+200 {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("long after the attack the broker uses %.0f%% of a processor and has %d files open", (after-before)*500, files)
		}
	}
}

// watcher notes what a process holds at most.
type watcher struct {
	over, done chan struct{}
	memory     float64
	files      int
}

func (b *broker) watch() *watcher {
	w := &watcher{over: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			if m, err := load.MemoryOf(b.node.PID()); err == nil {
				w.memory = max(w.memory, m.Resident)
			}
			if n, err := openFiles(b.node.PID()); err == nil {
				w.files = max(w.files, n)
			}
			select {
			case <-w.over:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	return w
}

func (w *watcher) end() (memory float64, files int) {
	close(w.over)
	<-w.done
	return w.memory, w.files
}

func openFiles(pid int) (int, error) {
	d, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, err
	}
	defer d.Close()
	all, err := d.Readdirnames(0)
	return len(all), err
}

// logLines counts what the broker has said.
func (b *broker) logLines() (int, error) {
	data, err := os.ReadFile(b.node.LogFile())
	return strings.Count(string(data), "\n"), err
}
