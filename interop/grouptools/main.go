// Command grouptools runs Apache Kafka's tools for groups and transactions, and the programs of its system tests, against one node of leat, or of Kafka.
//
// What the tools say is compared with what they said of Apache Kafka 4.4.0: stories/ holds their calls with the output under each, written by
// `-target kafka -update`. What cannot be the same twice (ids of members and producers, ports, times) is masked in both. At the end
// kafka-dump-log decodes every record of the internal topics that all this left behind.
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
	"time"

	"leat/interop/kafkatools"
	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	kind := flag.String("target", string(target.Leat), "leat or kafka")
	only := flag.String("only", "", "run the parts whose name contains this")
	update := flag.Bool("update", false, "write down what the tools say; for -target kafka")
	keep := flag.Bool("keep", false, "keep the directory")
	verbose := flag.Bool("v", false, "print what the tools say")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-group-tools-")
	if err == nil {
		r := &run{ctx: ctx, dir: dir, only: *only, update: *update, verbose: *verbose}
		err = r.all(target.Kind(*kind), *binary)
		if *keep {
			fmt.Println("group-tools  kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "group-tools:", err)
		os.Exit(1)
	}
}

// run is one run of everything against one node.
type run struct {
	ctx             context.Context
	dir, only       string
	update, verbose bool

	node   *target.Node
	box    *kafkatools.Toolbox
	world  *world
	failed []string
}

func (r *run) all(kind target.Kind, binary string) (err error) {
	r.node, err = target.New(target.Config{Kind: kind, Dir: filepath.Join(r.dir, "node"), Binary: binary, Settings: map[string]string{
		"offsets.topic.num.partitions": "3", "transaction.state.log.num.partitions": "2", "share.coordinator.state.topic.num.partitions": "2",
		"group.share.min.record.lock.duration.ms": "1000", "group.streams.initial.rebalance.delay.ms": "0",
		// Records are of long ago: they would be deleted half a minute after the start, in the middle of a story.
		"log.initial.task.delay.ms": "3600000", "log.retention.check.interval.ms": "3600000",
		// Members hear soon what others did.
		"group.share.min.heartbeat.interval.ms": "300", "group.share.heartbeat.interval.ms": "300", "group.consumer.min.heartbeat.interval.ms": "300",
		"group.consumer.heartbeat.interval.ms": "300",
	}})
	if err != nil {
		return err
	}
	defer r.node.Kill()
	if _, err := r.node.Start(r.ctx); err != nil {
		return err
	}
	if r.box, err = kafkatools.New(r.ctx, r.dir); err != nil {
		return err
	}
	defer r.box.Close()
	if r.world, err = newWorld(r.ctx, r.node.Bootstrap(), r.dir); err != nil {
		return err
	}
	stories, err := r.stories()
	if err != nil {
		return err
	}
	for _, path := range stories {
		r.part("story "+strings.TrimSuffix(filepath.Base(path), ".txt"), func() (int, error) { return r.story(path) })
	}
	for _, p := range r.verifiable() {
		r.part(p.name, p.do)
	}
	r.world.close()
	if r.only == "" || strings.Contains("dump-log", r.only) {
		if err := r.node.Stop(); err != nil {
			return err
		}
		r.part("kafka-dump-log of internal topics", r.dump)
	}
	if len(r.failed) > 0 {
		return errors.New("failed: " + strings.Join(r.failed, ", ") + "\n" + r.node.LogTail(10))
	}
	return nil
}

// part does one thing, which counts what it checked, and says how it went.
func (r *run) part(name string, do func() (int, error)) {
	if !strings.Contains(name, r.only) {
		return
	}
	began := time.Now()
	checks, err := do()
	verdict := "ok"
	if err != nil {
		verdict = "FAILED: " + err.Error()
		r.failed = append(r.failed, name)
	}
	fmt.Printf("%s  %-36s  %3d checks  %5.1fs  %s\n", r.node.Kind(), name, checks, time.Since(began).Seconds(), verdict)
}
