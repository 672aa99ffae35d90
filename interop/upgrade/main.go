// Command upgrade makes a cluster of an earlier build of leat one of this build, goes back, and there again, node by node, while a producer and a
// consumer work with it; then it raises the features.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"leat/interop/fleet"
	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program, of this build")
	previous := flag.String("previous", "", "the program of the earlier build, as interop/upgrade/previous.sh makes it")
	keep := flag.Bool("keep", false, "keep the directories")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-upgrade-")
	if err == nil {
		err = upgrade(ctx, dir, *previous, *binary)
		if *keep {
			fmt.Println("upgrade  kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "upgrade:", err)
		os.Exit(1)
	}
}

const (
	topic      = "loaded"
	partitions = 6
	// release is the one whose features the cluster begins with, below what either build supports.
	release = "4.2"
)

// cluster is three nodes, broker and controller each, of two builds.
type cluster struct {
	*fleet.Fleet
	ctx      context.Context
	previous string // programs
	current  string
	admin    *fleet.Admin
	load     *fleet.Load
	began    map[string]int16 // finalised features when the cluster began
	topics   int
	shift    int32 // how far leaders were moved on
}

func upgrade(ctx context.Context, dir, previous, current string) error {
	c := &cluster{ctx: ctx, previous: previous, current: current, Fleet: &fleet.Fleet{
		Dir: dir, Binary: current, Static: true,
		Settings: map[string]string{"offsets.topic.replication.factor": "3", "min.insync.replicas": "2", "default.replication.factor": "3",
			"transaction.state.log.replication.factor": "3", "transaction.state.log.min.isr": "2",
			"leat.key.of.a.later.build": "1"}, // a file that was written for a later build does not keep an earlier one from starting
	}}
	for id := range int32(3) {
		c.Nodes = append(c.Nodes, &fleet.Node{ID: id + 1, Kind: target.Leat, Roles: "broker,controller", Binary: previous})
	}
	if err := fleet.New(c.Fleet); err != nil {
		return err
	}
	defer c.Close()
	for _, s := range []struct {
		name string
		step func() error
	}{
		{"three nodes of the earlier build form a cluster", c.begin},
		{"node 1 becomes this build", func() error { return c.turn(1, current) }},
		{"one of two builds: controller of the earlier build, then of this one", func() error { return c.bothControl(previous, current) }},
		{"node 2 becomes this build", func() error { return c.turn(2, current) }},
		{"two of two builds: controller of this build, then of the earlier one", func() error { return c.bothControl(current, previous) }},
		{"node 3 becomes this build", func() error { return c.turn(3, current) }},
		{"the way back: node 1 becomes the earlier build", func() error { return c.turn(1, previous) }},
		{"node 2 becomes the earlier build", func() error { return c.turn(2, previous) }},
		{"node 3 becomes the earlier build", func() error { return c.turn(3, previous) }},
		{"forward again: node 3 becomes this build", func() error { return c.turn(3, current) }},
		{"node 1 becomes this build", func() error { return c.turn(1, current) }},
		{"features are not raised by a dry run, nor beyond what nodes support", c.notYet},
		{"node 2 becomes this build", func() error { return c.turn(2, current) }},
		{"the features are raised", c.finalise},
		{"nothing is lost, and all replicas hold the same batches", c.finish},
	} {
		if err := check(s.name, s.step); err != nil {
			return errors.Join(err, c.Tails(15))
		}
	}
	return nil
}

func check(name string, step func() error) error {
	began := time.Now()
	err := step()
	verdict := "ok"
	if err != nil {
		verdict = "FAILED: " + err.Error()
	}
	fmt.Printf("upgrade  %-70s  %5.1fs  %s\n", name, time.Since(began).Seconds(), verdict)
	return err
}

// builds tells which build each node is of, for instance "new old old".
func (c *cluster) builds() string {
	var out []string
	for _, n := range c.Nodes {
		out = append(out, map[bool]string{true: "new", false: "old"}[n.Binary == c.current])
	}
	return strings.Join(out, " ")
}
