package main

import (
	"errors"
	"fmt"
	"time"

	"leat/interop/fleet"
)

// begin starts the earlier build with features of an earlier release.
func (c *cluster) begin() (err error) {
	if err := all(c.Nodes, func(n *fleet.Node) error { return n.Format(c.ctx, "--release-version", release) }); err != nil {
		return err
	}
	if err := all(c.Nodes, func(n *fleet.Node) error { return n.Start(c.ctx) }); err != nil {
		return err
	}
	if c.admin, err = fleet.NewAdmin(c.Nodes...); err != nil {
		return err
	}
	var replicas [][]int32
	for p := range int32(partitions) {
		replicas = append(replicas, led(p, 0))
	}
	if err := c.admin.CreateOn(c.ctx, topic, replicas); err != nil {
		return err
	}
	if err := errors.Join(c.admin.InSync(c.ctx, topic), c.admin.Known(c.ctx, topic)); err != nil {
		return err
	}
	if c.began, err = c.features(c.Nodes[0]); err != nil {
		return err
	}
	if c.load, err = fleet.StartLoad(c.ctx, c.Addresses(), topic, partitions, 5*time.Millisecond); err != nil {
		return err
	}
	return c.load.Progress(c.ctx, 100)
}

// led are the replicas of a partition, the leader first: all nodes, in an order that puts another one first for every shift.
func led(p, shift int32) []int32 {
	var out []int32
	for i := range int32(3) {
		out = append(out, (p+shift+i)%3+1)
	}
	return out
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

// turn stops a node in order, starts it as another build, and checks that the cluster is whole with it.
func (c *cluster) turn(id int32, binary string) error {
	n := c.Node(id)
	c.load.Worst()
	at := time.Now()
	if err := n.Stop(); err != nil {
		return err
	}
	n.Binary = binary
	if err := n.Start(c.ctx); err != nil {
		return err
	}
	up := time.Since(at)
	if err := c.works(); err != nil {
		return err
	}
	fmt.Printf("upgrade    %s: up after %.1f s, longest wait for an acknowledgement %.2f s\n", c.builds(), up.Seconds(), c.load.Worst().Seconds())
	return nil
}

// works checks what a cluster must be able to do whatever builds its nodes are of.
func (c *cluster) works() error {
	if err := errors.Join(c.admin.InSync(c.ctx, topic), c.admin.InSync(c.ctx, "__consumer_offsets")); err != nil {
		return err
	}
	if err := c.load.Progress(c.ctx, 50); err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if err := c.createAt(n); err != nil {
			return err
		}
	}
	c.shift++
	for p := range int32(partitions) {
		if err := c.admin.Lead(c.ctx, topic, p, led(p, c.shift)...); err != nil {
			return err
		}
	}
	if err := c.load.Progress(c.ctx, 50); err != nil {
		return err
	}
	return c.unraised()
}

// createAt has one node take the order for a topic, and sees all nodes know it.
func (c *cluster) createAt(n *fleet.Node) error {
	one, err := fleet.NewAdmin(n)
	if err != nil {
		return err
	}
	defer one.Raw.Close()
	c.topics++
	name := fmt.Sprintf("made-%d-at-%d", c.topics, n.ID)
	if err := createBy(c.ctx, one, name); err != nil {
		return fmt.Errorf("node %d (%s): %w", n.ID, c.builds(), err)
	}
	for _, other := range c.Nodes {
		if err := c.sees(other, name); err != nil {
			return err
		}
	}
	return nil
}

// finish ends the load and compares the replicas.
func (c *cluster) finish() error {
	count, err := c.load.Stop(c.ctx)
	if err != nil {
		return err
	}
	if err := c.admin.InSync(c.ctx, topic); err != nil {
		return err
	}
	batches := 0
	for p := range partitions {
		for _, other := range c.Nodes[1:] {
			n, err := fleet.Same(c.Nodes[0], other, fmt.Sprintf("%s-%d", topic, p))
			if err != nil {
				return err
			}
			batches += n
		}
	}
	fmt.Printf("upgrade    %d records acknowledged and read once each, %d batches compared, %d topics made\n", count, batches, c.topics)
	return all(c.Nodes, (*fleet.Node).Stop)
}
