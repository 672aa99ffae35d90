package leatest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Misfortune says which things go wrong by chance. The zero value of a field leaves that thing alone.
type Misfortune struct {
	Seed   uint64        // of all choices; 0 takes one by chance. It is printed, so that a run can be tried again
	Pause  time.Duration // the longest time between two faults; 0: two seconds
	Length time.Duration // the longest time that one lasts; 0: five seconds

	Kill, Crash, Stop bool          // a node ends, and is started again
	Isolate           bool          // a node is cut off from everybody
	Drop              bool          // the connections between two nodes stall, both ways
	Delay             time.Duration // the longest delay that the links of a node get, one way
	FillDisk          bool          // a node's disk is full
}

// Misfortune makes things go wrong until the function that it returns is called, or the test ends: one thing at a time, at one node, and before the next it is
// put right. So in a cluster of three, topics with three replicas and min.insync.replicas=2 stay available as soon as the in-sync set has noticed.
//
// The same seed gives the same faults in the same order. When exactly they strike depends, outside a bubble, on the machine.
func (c *Cluster) Misfortune(m Misfortune) (end func()) {
	c.t.Helper()
	if m.Seed == 0 {
		m.Seed = rand.Uint64()
	}
	kinds := m.kinds(c)
	if len(kinds) == 0 {
		c.t.Fatalf("leatest: a misfortune of no kind: set Kill, Isolate or another field")
	}
	c.t.Logf("leatest: faults of seed %d", m.Seed)
	enough, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c.suffer(m, kinds, rand.New(rand.NewPCG(m.Seed, 0)), enough)
	}()
	end = sync.OnceFunc(func() {
		close(enough)
		<-done
	})
	c.t.Cleanup(end)
	return end
}

// fault is something that goes wrong at a node.
type fault struct {
	name   string
	strike func(n *Node, rng *rand.Rand)
	heal   func(n *Node)
}

func (m *Misfortune) kinds(c *Cluster) []fault {
	var all []fault
	add := func(wanted bool, f fault) {
		if wanted {
			all = append(all, f)
		}
	}
	back := func(n *Node) {
		if err := n.start(); err != nil {
			c.t.Errorf("leatest: after a fault: %v", err)
		}
	}
	add(m.Kill, fault{"kill", func(n *Node, _ *rand.Rand) { n.Kill() }, back})
	add(m.Crash, fault{"crash", func(n *Node, _ *rand.Rand) { n.Crash() }, back})
	add(m.Stop, fault{"stop", func(n *Node, _ *rand.Rand) { n.Stop() }, back})
	add(m.Isolate, fault{"isolate", func(n *Node, _ *rand.Rand) { n.Isolate() }, (*Node).Rejoin})
	add(m.Drop && len(c.nodes) > 1, fault{"drop", func(n *Node, rng *rand.Rand) {
		n.Cut(c.nodes[(int(n.id)+rng.IntN(len(c.nodes)-1))%len(c.nodes)])
	}, (*Node).Rejoin})
	add(m.Delay > 0, fault{"delay", func(n *Node, rng *rand.Rand) { n.Slow(span(rng, m.Delay)) }, (*Node).Rejoin})
	add(m.FillDisk, fault{"full disk", func(n *Node, _ *rand.Rand) { n.FillDisk() }, (*Node).FreeDisk})
	return all
}

// suffer does one thing after the other.
func (c *Cluster) suffer(m Misfortune, kinds []fault, rng *rand.Rand, enough <-chan struct{}) {
	pause, length := m.Pause, m.Length
	if pause == 0 {
		pause = 2 * time.Second
	}
	if length == 0 {
		length = 5 * time.Second
	}
	for {
		f, n := kinds[rng.IntN(len(kinds))], c.nodes[rng.IntN(len(c.nodes))]
		quiet, lasts := span(rng, pause), span(rng, length)
		if !wait(quiet, enough) || !n.Running() {
			return
		}
		c.logs.note(fmt.Sprintf("fault: %s at node %d for %s", f.name, n.id, lasts))
		f.strike(n, rng)
		more := wait(lasts, enough)
		f.heal(n)
		if !more {
			return
		}
	}
}

// wait reports whether the time has passed before it was enough.
func wait(d time.Duration, enough <-chan struct{}) bool {
	select {
	case <-time.After(d):
		return true
	case <-enough:
		return false
	}
}

// span is a time of at most longest.
func span(rng *rand.Rand, longest time.Duration) time.Duration {
	return 1 + time.Duration(rng.Int64N(int64(longest)))
}
