package leatest

import (
	"time"

	"leat/internal/sim"
)

// Stop ends the node in order: it hands over what it leads, and closes its files. It returns when that is done. A node that does not run stays as it is.
func (n *Node) Stop() {
	n.c.t.Helper()
	p := n.take()
	if p == nil {
		return
	}
	p.stop()
	<-p.done
	if n.gate != nil {
		n.gate.close()
	}
	if p.err != nil {
		n.c.t.Errorf("leatest: node %d, while it was stopped: %v", n.id, p.err)
	}
}

// Kill ends the node as kill -9 does: its connections break, and its next life finds what it has written, synced or not.
func (n *Node) Kill() { n.away(false) }

// Crash ends the node as a loss of power does: its next life finds only what was synced.
func (n *Node) Crash() { n.away(true) }

func (n *Node) away(power bool) {
	p := n.take()
	if p == nil {
		return
	}
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	n.mu.Lock()
	if power {
		n.disk = n.disk.Crash(nil)
	} else {
		n.disk = n.disk.Kill()
	}
	n.mu.Unlock()
	n.host.Stop()
	if n.gate != nil {
		n.gate.close()
	}
	p.stop() // what it still does nobody sees
}

// Restart runs a node again that was stopped or killed, and returns when it serves. One that runs is stopped first.
func (n *Node) Restart() {
	n.c.t.Helper()
	n.Stop()
	if err := n.start(); err != nil {
		n.c.t.Fatalf("leatest: %v", err)
	}
}

// Isolate cuts the node off from all others and from clients. Nothing is lost on the way: connections stall, and go on after [Node.Rejoin].
func (n *Node) Isolate() {
	n.c.network.Isolate(n.host)
	if n.gate != nil {
		n.gate.set(true, 0)
	}
}

// Rejoin undoes Isolate, Cut, CutClients and Slow.
func (n *Node) Rejoin() {
	n.c.network.Rejoin(n.host)
	n.slow(0)
}

// Cut stops what travels between two nodes until one of them rejoins. Clients reach both, and so does the controller.
func (n *Node) Cut(other *Node) { n.c.network.Cut(n.host, other.host) }

// CutController stops what travels between the node and the controller of a cluster of several nodes.
func (n *Node) CutController() {
	if n.c.control != nil {
		n.c.network.Cut(n.host, n.c.control.host)
	}
}

// CutClients stops what travels between the node and clients; nodes go on among themselves.
func (n *Node) CutClients() {
	if n.gate != nil {
		n.gate.set(true, 0)
		return
	}
	n.c.network.Cut(n.host, n.c.clients)
}

// Slow makes everything that travels to and from the node take that much longer, one way.
func (n *Node) Slow(delay time.Duration) { n.slow(delay) }

func (n *Node) slow(delay time.Duration) {
	others := []*sim.Host{n.c.clients}
	if n.c.control != nil {
		others = append(others, n.c.control.host)
	}
	for _, o := range n.c.nodes {
		if o != n {
			others = append(others, o.host)
		}
	}
	for _, o := range others {
		n.c.network.SetDelay(n.host, o, delay)
	}
	if n.gate != nil {
		n.gate.set(false, delay)
	}
}

// FillDisk leaves no room on the node's disk, until [Node.FreeDisk]: what it writes from now on fails as on a full one.
func (n *Node) FillDisk() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.disk.SetCapacity(1)
}

// FreeDisk undoes FillDisk.
func (n *Node) FreeDisk() { n.room() }

func (n *Node) room() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.disk.SetCapacity(0)
}
