// Command replace makes a cluster of Apache Kafka one of leat and back, node by node, while a producer and a consumer work with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"leat/interop/fleet"
	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	keep := flag.Bool("keep", false, "keep the directories")
	short := flag.Bool("short", false, "one broker only, and the controllers there, back, and there again")
	dynamic := flag.Bool("dynamic", false, "the controllers' voters stand in the metadata log (kraft.version 1), not in controller.quorum.voters")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-replace-")
	if err == nil {
		err = replace(ctx, dir, *binary, !*dynamic, *short)
		if *keep {
			fmt.Println("replace  kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "replace:", err)
		os.Exit(1)
	}
}

const (
	topic      = "loaded"
	partitions = 6
)

// cluster is three brokers, 1 to 3, and three controllers, 11 to 13.
type cluster struct {
	*fleet.Fleet
	ctx   context.Context
	admin *fleet.Admin
	load  *fleet.Load

	cutovers int
}

func replace(ctx context.Context, dir, binary string, static, short bool) error {
	c := &cluster{ctx: ctx, Fleet: &fleet.Fleet{
		Dir: dir, Binary: binary, Heap: "256m", Quick: true, Static: static,
		Settings: map[string]string{"offsets.topic.replication.factor": "3", "min.insync.replicas": "2", "default.replication.factor": "3"},
	}}
	for _, id := range []int32{11, 12, 13} {
		c.Nodes = append(c.Nodes, &fleet.Node{ID: id, Kind: target.Kafka, Roles: "controller"})
	}
	for _, id := range []int32{1, 2, 3} {
		c.Nodes = append(c.Nodes, &fleet.Node{ID: id, Kind: target.Kafka, Roles: "broker"})
	}
	if err := fleet.New(c.Fleet); err != nil {
		return err
	}
	defer c.Close()
	for _, s := range []struct {
		name string
		long bool // not part of a short run
		step func() error
	}{
		{"three controllers and three brokers of Kafka start", false, c.begin},
		{"broker 1 becomes leat on its directory", false, func() error { return c.turn(1, target.Leat, false) }},
		{"broker 2 becomes leat on its directory", true, func() error { return c.turn(2, target.Leat, false) }},
		{"broker 3 becomes leat with an empty directory", true, func() error { return c.turn(3, target.Leat, true) }},
		{"the controllers become leat", false, func() error { return c.cutover(target.Leat) }},
		{"all brokers restart at the new controllers", true, c.rolling},
		{"the controllers become Kafka again", false, func() error { return c.cutover(target.Kafka) }},
		{"broker 1 becomes Kafka again", true, func() error { return c.turn(1, target.Kafka, false) }},
		{"broker 2 becomes Kafka again", true, func() error { return c.turn(2, target.Kafka, false) }},
		{"broker 3 becomes Kafka again, with an empty directory", true, func() error { return c.turn(3, target.Kafka, true) }},
		{"the controllers become leat once more", false, func() error { return c.cutover(target.Leat) }},
		{"nothing is lost, and all replicas hold the same batches", false, c.finish},
	} {
		if short && s.long {
			continue
		}
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
	fmt.Printf("replace  %-62s  %5.1fs  %s\n", name, time.Since(began).Seconds(), verdict)
	return err
}

func (c *cluster) begin() (err error) {
	if err := c.format(); err != nil {
		return err
	}
	if err := c.start(c.Controllers()...); err != nil { // six virtual machines at once are slow to start
		return err
	}
	if err := c.start(c.Brokers()...); err != nil {
		return err
	}
	if c.admin, err = fleet.NewAdmin(c.Brokers()...); err != nil {
		return err
	}
	var replicas [][]int32
	for i := range int32(partitions) {
		replicas = append(replicas, []int32{i%3 + 1, (i+1)%3 + 1, (i+2)%3 + 1})
	}
	if err := c.admin.CreateOn(c.ctx, topic, replicas); err != nil {
		return err
	}
	if err := c.admin.InSync(c.ctx, topic); err != nil {
		return err
	}
	if c.load, err = fleet.StartLoad(c.ctx, c.Addresses(), topic, partitions, 5*time.Millisecond); err != nil {
		return err
	}
	return c.load.Progress(c.ctx, 200)
}

// format makes the directories of all nodes.
func (c *cluster) format() error {
	var voters []string
	if !c.Static {
		for _, n := range c.Controllers() {
			voters = append(voters, fmt.Sprintf("%d@%s:%s", n.ID, n.Controller(), fleet.DirectoryID(n.ID)))
		}
	}
	return all(c.Nodes, func(n *fleet.Node) error { return n.Format(c.ctx, fleet.Voters(n, voters)...) })
}

// all does something with nodes side by side.
func all(nodes []*fleet.Node, do func(*fleet.Node) error) error {
	results := make(chan error)
	for _, n := range nodes {
		go func() { results <- do(n) }()
	}
	var errs []error
	for range nodes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

func (c *cluster) start(nodes ...*fleet.Node) error {
	return all(nodes, func(n *fleet.Node) error { return n.Start(c.ctx) })
}

// turn makes a broker the other implementation, on its data or without.
func (c *cluster) turn(id int32, kind target.Kind, empty bool) error {
	n := c.Node(id)
	c.load.Worst()
	at := time.Now()
	if err := n.Stop(); err != nil {
		return err
	}
	n.Kind = kind
	if empty {
		if err := n.Empty(); err != nil {
			return err
		}
		if kind == target.Kafka {
			if err := n.Format(c.ctx); err != nil {
				return err
			}
		}
	}
	stopped := time.Since(at)
	if err := n.Start(c.ctx); err != nil {
		return err
	}
	started := time.Since(at) - stopped
	if err := c.healthy(); err != nil {
		return err
	}
	fmt.Printf("replace    stopped in %.1f s, up in %.1f s, all in sync %.1f s after the stop began, longest wait for an acknowledgement %.2f s\n",
		stopped.Seconds(), started.Seconds(), time.Since(at).Seconds(), c.load.Worst().Seconds())
	return nil
}

// healthy waits until everything is in sync, moves leaders to where they belong, and sees records go through.
func (c *cluster) healthy() error {
	if err := c.admin.InSync(c.ctx, topic); err != nil {
		return err
	}
	for p := range int32(partitions) {
		if err := c.admin.Lead(c.ctx, topic, p, p%3+1, (p+1)%3+1, (p+2)%3+1); err != nil {
			return err
		}
	}
	if err := c.admin.InSync(c.ctx, "__consumer_offsets"); err != nil {
		return err
	}
	return c.load.Progress(c.ctx, 100)
}

// rolling restarts all brokers one after the other.
func (c *cluster) rolling() error {
	for _, n := range c.Brokers() {
		if err := c.turn(n.ID, n.Kind, false); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) finish() error {
	count, err := c.load.Stop(c.ctx)
	if err != nil {
		return err
	}
	batches := 0
	for p := range partitions {
		for _, other := range []int32{2, 3} {
			n, err := fleet.Same(c.Node(1), c.Node(other), fmt.Sprintf("%s-%d", topic, p))
			if err != nil {
				return err
			}
			batches += n
		}
	}
	fmt.Printf("replace    %d records, %d batches compared\n", count, batches)
	return all(c.Brokers(), (*fleet.Node).Stop)
}
