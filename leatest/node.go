package leatest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"

	"leat/internal/config"
	"leat/internal/fs"
	"leat/internal/server"
	"leat/internal/sim"
)

// Ports of a node on the network in memory.
const (
	clientsPort    = 9092
	controllerPort = 9093
	nodesPort      = 9094
)

// errKilled is what a process that was killed meets wherever it tries to reach the world.
var errKilled = errors.New("this process was killed")

// Node is one node of a cluster.
type Node struct {
	c    *Cluster
	id   int32
	host *sim.Host
	gate *gate // of connections of the machine's own network; nil in a bubble

	mu    sync.Mutex // guards what follows
	disk  *fs.Mem
	alive *process // nil: not running
	past  []*process
}

// process is one life of a node.
type process struct {
	n    *Node
	stop context.CancelFunc
	done chan struct{} // closed when it has ended
	err  error         // how; read it after done
	mu   sync.Mutex    // guards dead
	dead bool          // it was killed: what it still does, nobody sees
}

func (c *Cluster) newNode(id int32) *Node {
	n := &Node{c: c, id: id, host: c.network.Host("node-" + strconv.Itoa(int(id))), disk: fs.NewMem()}
	if !c.virtual {
		n.gate = newGate()
	}
	return n
}

// ID is the node's id.
func (n *Node) ID() int32 { return n.id }

// Address is where clients reach the node: host and port. It stays the same when the node is started again.
func (n *Node) Address() string {
	if n.gate != nil {
		return n.gate.address()
	}
	return n.inside(clientsPort)
}

// Running reports whether the node has been started and neither stopped nor killed since.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alive != nil
}

// inside is an address of the node on the network in memory.
func (n *Node) inside(port int) string {
	return net.JoinHostPort(n.host.IP().String(), strconv.Itoa(port))
}

func (n *Node) listeners(roles string) string {
	var all []string
	if strings.Contains(roles, "broker") {
		all = append(all, "CLIENTS://"+n.Address(), "NODES://"+n.inside(nodesPort))
	}
	if strings.Contains(roles, "controller") {
		all = append(all, "CONTROLLER://"+n.inside(controllerPort))
	}
	return strings.Join(all, ",")
}

// start runs the node and waits until it serves.
func (n *Node) start() error {
	if n.gate != nil {
		if err := n.gate.open(); err != nil {
			return fmt.Errorf("node %d: %w", n.id, err)
		}
	}
	values, warnings, err := config.ParseBroker(n.c.settings(n))
	if err == nil && len(warnings) > 0 {
		err = errors.New(strings.Join(warnings, "; "))
	}
	if err != nil {
		return fmt.Errorf("node %d: %w", n.id, err)
	}
	ctx, stop := context.WithTimeout(context.Background(), startTimeout)
	defer stop()
	life, end := context.WithCancel(context.Background())
	p := &process{n: n, stop: end, done: make(chan struct{})}
	n.mu.Lock()
	n.alive = p
	disk := n.disk
	n.mu.Unlock()
	ready := make(chan struct{})
	go func() {
		p.err = server.Run(life, server.Config{
			Values: values, Logger: slog.New(n.c.logs.of(n.id)), Ready: func(server.Addresses) { close(ready) },
			FS: disk, Listen: p.listen, Dial: p.dial,
		})
		close(p.done)
	}()
	select {
	case <-ready:
		return nil
	case <-p.done:
		return fmt.Errorf("node %d: %w", n.id, p.err)
	case <-ctx.Done():
		return fmt.Errorf("node %d: does not serve after %s", n.id, startTimeout)
	}
}

// listen is net.Listen of one process.
func (p *process) listen(network, address string) (net.Listener, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return nil, errKilled
	}
	if g := p.n.gate; g != nil && address == g.address() {
		return g.listener(), nil
	}
	return p.n.host.Listen(network, address)
}

// dial is the network of one process: a killed one has none, although its machine has.
func (p *process) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if p.killed() {
		return nil, errKilled
	}
	nc, err := p.n.host.DialContext(ctx, network, address)
	if err == nil && p.killed() {
		_ = nc.Close()
		return nil, errKilled
	}
	return nc, err
}

func (p *process) killed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// take marks the running process as gone, and returns it; nil if there is none.
func (n *Node) take() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.alive
	if n.alive = nil; p != nil {
		n.past = append(n.past, p)
	}
	return p
}

// end stops the node, waits for all that ever ran as it, and reports what went wrong with any of them that was not killed.
func (n *Node) end() {
	n.Rejoin()
	n.room()
	if p := n.take(); p != nil {
		p.stop()
	}
	for _, p := range n.past {
		<-p.done
		if p.err != nil && !p.killed() {
			n.c.t.Errorf("leatest: node %d: %v", n.id, p.err)
		}
	}
	if n.gate != nil {
		n.gate.close()
	}
}
