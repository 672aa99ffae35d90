package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"leat/interop/target"
)

// cluster is the brokers.
type cluster struct {
	nodes []*target.Node
	kills int
}

func (c *cluster) bootstrap() string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.Bootstrap())
	}
	return strings.Join(all, ",")
}

// start starts all nodes side by side.
func (c *cluster) start(ctx context.Context) error {
	errs := make([]error, len(c.nodes))
	var wait sync.WaitGroup
	for i, n := range c.nodes {
		wait.Go(func() { _, errs[i] = n.Start(ctx) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (c *cluster) stop() {
	for _, n := range c.nodes {
		n.Kill()
	}
}

// killOneByOne kills a node every so often, the next one each time, and starts it again.
func (c *cluster) killOneByOne(ctx context.Context, every time.Duration) <-chan error {
	done := make(chan error, 1)
	if every == 0 {
		done <- nil
		return done
	}
	go func() {
		for i := 0; ; i++ {
			if !pause(ctx, every) {
				done <- nil
				return
			}
			n := c.nodes[i%len(c.nodes)]
			n.Kill()
			c.kills++
			fmt.Println("killed a broker:", n.Bootstrap())
			pause(ctx, 2*time.Second)
			if _, err := n.Start(context.WithoutCancel(ctx)); err != nil {
				done <- fmt.Errorf("broker does not start again: %w", err)
				return
			}
		}
	}()
	return done
}

// pause waits, and reports false if it was cut short.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
