package leatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/sim"
)

// ControllerID is the node id of the controller of a cluster of several nodes.
const ControllerID = 1000

// startTimeout is for the start of all nodes and the making of topics. It is long, because a test machine may be busy.
const startTimeout = 2 * time.Minute

// Cluster is a running cluster. Its methods may be called from several goroutines, those that take nodes away or bring them back from one at a time.
type Cluster struct {
	t       testing.TB
	plan    *plan
	virtual bool // in a bubble: clients, too, are on the network in memory
	network *sim.Network
	clients *sim.Host // where clients are, in a bubble
	logs    *journal

	control *Node // nil: the one node is its own controller
	nodes   []*Node
}

// Start starts a cluster and returns when it serves. It stops with the test. A cluster that cannot start ends the test.
//
// Called within a bubble of testing/synctest, the cluster runs on its virtual time; see the package's description.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	p := &plan{nodes: 1, set: map[string]string{}}
	for _, o := range opts {
		o(p)
	}
	if p.nodes < 1 || p.nodes >= ControllerID {
		t.Fatalf("leatest: %d nodes: there can be 1 to %d", p.nodes, ControllerID-1)
	}
	c := &Cluster{t: t, plan: p, virtual: inBubble(), network: sim.NewNetwork(sim.Config{})}
	c.clients = c.network.Host("clients")
	c.logs = newJournal(p.logs)
	t.Cleanup(c.end)
	if err := c.start(); err != nil {
		t.Fatalf("leatest: %v", err)
	}
	return c
}

// inBubble reports whether the caller is in a bubble of testing/synctest, which has no other way to be asked.
func inBubble() (in bool) {
	defer func() {
		if recover() != nil {
			in = false
		}
	}()
	synctest.Wait()
	return true
}

func (c *Cluster) start() error {
	if c.plan.nodes > 1 {
		c.control = c.newNode(ControllerID)
	}
	for i := range c.plan.nodes {
		c.nodes = append(c.nodes, c.newNode(int32(i+1)))
	}
	if c.control != nil { // first: who asks a controller that is not there yet asks again only later
		if err := c.control.start(); err != nil {
			return err
		}
	}
	errs := make(chan error, len(c.nodes))
	for _, n := range c.nodes {
		go func() { errs <- n.start() }()
	}
	var failed []error
	for range c.nodes {
		failed = append(failed, <-errs)
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return c.createTopics()
}

func (c *Cluster) createTopics() error {
	if len(c.plan.topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), startTimeout)
	defer cancel()
	cl, err := c.dialClient()
	if err != nil {
		return err
	}
	defer cl.Close()
	for _, topic := range c.plan.topics {
		configs := map[string]*string{}
		for k, v := range topic.configs {
			configs[k] = &v
		}
		if _, err := kadm.NewClient(cl).CreateTopic(ctx, topic.partitions, int16(min(3, c.plan.nodes)), configs, topic.name); err != nil {
			return fmt.Errorf("topic %s: %w", topic.name, err)
		}
	}
	return nil
}

// end stops everything.
func (c *Cluster) end() {
	var stopping sync.WaitGroup
	for _, n := range c.nodes {
		stopping.Go(n.end) // the controller is still there: brokers that leave in order hand over to others
	}
	stopping.Wait()
	if c.control != nil {
		c.control.end()
	}
	if c.t.Failed() {
		c.logs.tell(c.t)
	}
}

// Addresses are host and port of each node that was not taken away, for clients.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, n := range c.nodes {
		if n.Running() {
			all = append(all, n.Address())
		}
	}
	return all
}

// BootstrapServers is what clients call bootstrap.servers: the addresses, separated by commas.
func (c *Cluster) BootstrapServers() string { return strings.Join(c.Addresses(), ",") }

// Dial connects to a node, as net.Dialer.DialContext does. Only within a bubble does it matter: there it is the one way to the nodes.
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.virtual {
		return c.clients.DialContext(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// Client is a client by franz-go, which is closed with the test.
func (c *Cluster) Client(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	cl, err := c.dialClient(opts...)
	if err != nil {
		c.t.Fatalf("leatest: client: %v", err)
	}
	c.t.Cleanup(cl.Close)
	return cl
}

func (c *Cluster) dialClient(opts ...kgo.Opt) (*kgo.Client, error) {
	all := []kgo.Opt{kgo.SeedBrokers(c.Addresses()...), kgo.Dialer(c.Dial)}
	if c.virtual {
		all = append(all, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	return kgo.NewClient(append(all, opts...)...)
}

// Node is the broker with a node id: 1 for the first.
func (c *Cluster) Node(id int) *Node {
	c.t.Helper()
	if id < 1 || id > len(c.nodes) {
		c.t.Fatalf("leatest: node %d: there are nodes 1 to %d", id, len(c.nodes))
	}
	return c.nodes[id-1]
}

// settings are those of one node: what a test wants, over what a test cluster has.
func (c *Cluster) settings(n *Node) map[string]string {
	replicas := strconv.Itoa(min(3, c.plan.nodes))
	set := map[string]string{
		"node.id": strconv.Itoa(int(n.id)), "log.dirs": "data", "leat.http.listener": "", "group.initial.rebalance.delay.ms": "0",
		"offsets.topic.replication.factor": replicas, "transaction.state.log.replication.factor": replicas,
		"share.coordinator.state.topic.replication.factor": replicas, "default.replication.factor": replicas,
		"listener.security.protocol.map": "CLIENTS:PLAINTEXT,NODES:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.listener.names":      "CONTROLLER",
	}
	control := n
	switch {
	case c.control == nil:
		set["process.roles"] = "broker,controller"
	case n == c.control:
		set["process.roles"] = "controller"
	default:
		set["process.roles"], control = "broker", c.control
	}
	set["controller.quorum.voters"] = fmt.Sprintf("%d@%s", control.id, control.inside(controllerPort))
	set["listeners"] = n.listeners(set["process.roles"])
	if n != c.control {
		set["inter.broker.listener.name"] = "NODES"
	}
	for k, v := range c.plan.set {
		set[k] = v
	}
	return set
}
