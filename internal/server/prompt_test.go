package server

import (
	"testing"
	"testing/synctest"
	"time"
)

// How long a cluster of three takes to begin, to begin again and to end, in virtual time: nobody waits for a timeout.

// stopAtOnce shuts all nodes down at the same time, and returns how long that took.
func (c *three) stopAtOnce() time.Duration {
	began := time.Now()
	done := make(chan error, len(c.nodes))
	for _, n := range c.nodes {
		n.stop()
		go func() { done <- <-n.done }()
	}
	for range c.nodes {
		if err := <-done; err != nil {
			c.t.Errorf("shutdown: %v", err)
		}
	}
	return time.Since(began)
}

func TestClusterOfThreeIsPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		within := func(what string, most, took time.Duration) {
			t.Helper()
			if t.Logf("%s took %v", what, took); took > most {
				t.Errorf("%s took %v, want at most %v", what, took, most)
			}
		}
		timed := func(do func()) time.Duration {
			began := time.Now()
			do()
			return time.Since(began)
		}
		all := func() { c.start(0, 1, 2) }
		within("the first start", 600*time.Millisecond, timed(all))
		c.create("orders", 3, 3)
		c.write("orders", 0, 20)
		within("stopping all", 1500*time.Millisecond, c.stopAtOnce())
		within("the start after a stop", 500*time.Millisecond, timed(all))
		for i := range c.nodes {
			c.kill(i)
		}
		within("the start after a kill", 500*time.Millisecond, timed(all))
		c.write("orders", 20, 20)
		for range 3 { // one after the other, the active controller first: who is left last has no majority
			active := c.active()
			within("stopping the active controller", 500*time.Millisecond, timed(func() { c.nodes[active].shutDown(t) }))
			within("its return", 500*time.Millisecond, timed(func() { c.start(active) }))
			c.inSync("orders", 3)
		}
		for i := range c.nodes {
			within("stopping one after the other", 1500*time.Millisecond, timed(func() { c.nodes[i].shutDown(t) }))
		}
		all()
		c.read("orders", 40)
		c.stop()
	})
}
