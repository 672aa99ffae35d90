// Command stream runs those of Kafka's tools that move records, and leat's of the same names, on one node of leat, and compares what they print, what they say of
// errors, how they end, and what they have written. What cannot be the same twice (times, speeds, names of groups) is masked on both sides.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	tools := flag.String("tools", "", "the program that stands in for the tools, if not that of the node")
	only := flag.String("only", "", "comparisons whose name contains this")
	short := flag.Bool("short", false, "the most important ones only")
	verbose := flag.Bool("v", false, "print what the tools say")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-stream-tools-")
	if err == nil {
		r := &run{ctx: ctx, dir: dir, tools: *tools, only: *only, short: *short, verbose: *verbose}
		if r.tools == "" {
			r.tools = *binary
		}
		err = r.all(*binary)
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stream-tools:", err)
		os.Exit(1)
	}
}

// run is one run of all comparisons.
type run struct {
	ctx              context.Context
	dir, tools, only string
	verbose, short   bool
	node             *target.Node

	mu     sync.Mutex
	done   int
	failed []string
}

func (r *run) all(binary string) error {
	began := time.Now()
	var err error
	r.node, err = target.New(target.Config{Kind: target.Leat, Dir: filepath.Join(r.dir, "node"), Binary: binary, Settings: map[string]string{
		"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "2", "share.coordinator.state.topic.num.partitions": "2",
		"transaction.state.log.num.partitions":  "1", // or what is read of it first depends on what else is done
		"group.share.min.heartbeat.interval.ms": "300", "group.share.heartbeat.interval.ms": "300",
	}})
	if err != nil {
		return err
	}
	defer r.node.Kill()
	if _, err := r.node.Start(r.ctx); err != nil {
		return err
	}
	if err := prepare(r.ctx, r.node.Bootstrap()); err != nil {
		return err
	}
	slots := make(chan struct{}, 2)
	var all sync.WaitGroup
	for _, c := range comparisons(r.dir) {
		if !strings.Contains(c.name, r.only) || r.short && c.long {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := r.compare(c); err != nil {
				r.mu.Lock()
				r.failed = append(r.failed, c.name)
				fmt.Printf("stream-tools   %s: %v\n", c.name, err)
				r.mu.Unlock()
			}
		})
	}
	all.Wait()
	fmt.Printf("stream-tools   %d command lines compared, %d differ, %s\n", r.done, len(r.failed), time.Since(began).Round(100*time.Millisecond))
	if len(r.failed) > 0 {
		return fmt.Errorf("other than Kafka's: %s", strings.Join(r.failed, ", "))
	}
	return r.ctx.Err()
}

// compare runs both tools, and looks at what they wrote.
func (r *run) compare(c comparison) error {
	want, err := r.call("k", c)
	if err != nil {
		return fmt.Errorf("of Kafka: %w", err)
	}
	got, err := r.call("l", c)
	if err != nil {
		return fmt.Errorf("of leat: %w", err)
	}
	r.mu.Lock()
	r.done++
	r.mu.Unlock()
	if r.verbose {
		fmt.Printf("--- %s [%d]\n%s(err) %s\n", c.name, got.status, got.out, got.err)
	}
	if want != got {
		return fmt.Errorf("\n--- Kafka's [%d]\n%s(err) %s\n--- leat's [%d]\n%s(err) %s", want.status, want.out, want.err, got.status, got.out, got.err)
	}
	if c.wrote == "" {
		return nil
	}
	a, err1 := contents(r.ctx, r.node.Bootstrap(), "k-"+c.wrote)
	b, err2 := contents(r.ctx, r.node.Bootstrap(), "l-"+c.wrote)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if a != b || a == "" {
		return fmt.Errorf("written by Kafka's\n%sby leat's\n%s", a, b)
	}
	return nil
}
