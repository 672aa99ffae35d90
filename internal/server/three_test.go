package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/sim"
)

// Three nodes that are broker and controller at once, in a bubble: nobody formats them, and each can be taken away.

// three is three such nodes and a machine for clients.
type three struct {
	t       *testing.T
	network *sim.Network
	hosts   [3]*sim.Host
	client  *sim.Host
	files   [3]*fs.Mem
	nodes   [3]*bubbleNode
	set     map[string]string
	how     func(i int) map[string]string // the settings of a node
	clients []*sim.Host                   // whom clients ask first
}

// newThree makes the machines. Nothing runs on them yet.
func newThree(t *testing.T, set map[string]string) *three {
	t.Helper()
	network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
	c := &three{t: t, network: network, client: network.Host("client"), set: set}
	c.how = c.settings
	for i := range c.hosts {
		c.hosts[i], c.files[i] = network.Host(fmt.Sprint("node-", i+1)), fs.NewMem()
	}
	c.clients = c.hosts[:]
	return c
}

// settings are those of one node: it votes with the others.
func (c *three) settings(i int) map[string]string {
	var voters []string
	for j, h := range c.hosts {
		voters = append(voters, fmt.Sprintf("%d@%s:9093", j+1, h.IP()))
	}
	all := map[string]string{"node.id": fmt.Sprint(i + 1), "controller.quorum.voters": strings.Join(voters, ",")}
	for k, v := range c.set {
		all[k] = v
	}
	return all
}

// start runs nodes at the same time, and waits until they are ready.
func (c *three) start(which ...int) {
	c.t.Helper()
	errs := make(chan error, len(which))
	for _, i := range which {
		go func() {
			n, err := bubbleTry(c.t, c.hosts[i], c.files[i], c.how(i), threeLogs(i))
			c.nodes[i] = n
			errs <- err
		}()
	}
	for range which {
		if err := <-errs; err != nil {
			c.t.Fatalf("node did not start: %v", err)
		}
	}
}

func (c *three) kill(i int) {
	c.files[i] = c.nodes[i].kill(c.files[i])
	c.nodes[i] = nil
}

// crash takes a node away as a power failure would: what was not synced is gone.
func (c *three) crash(i int) {
	left := c.files[i].Crash(nil)
	c.kill(i)
	c.files[i] = left
}

func (c *three) stop() {
	for _, n := range c.nodes {
		if n != nil {
			n.shutDown(c.t)
		}
	}
}

// cl is a client that knows all nodes.
func (c *three) cl(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	var seeds []string
	for _, h := range c.clients {
		seeds = append(seeds, h.IP().String()+":9092")
	}
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.Dialer(c.client.DialContext), kgo.MetadataMinAge(100 * time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	return cl
}

func (c *three) create(topic string, partitions int32, replicas int16) {
	c.t.Helper()
	cl := c.cl()
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, replicas, map[string]*string{"min.insync.replicas": new("2")}, topic); err != nil {
		c.t.Fatalf("create %s: %v", topic, err)
	}
}

// write produces records with acks=all, one after the other.
func (c *three) write(topic string, from, count int) {
	c.t.Helper()
	cl := c.cl()
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	if n, err := produceMany(ctx, cl, topic, from, count); err != nil {
		c.t.Fatalf("%s: record %d: %v", topic, from+n, err)
	}
}

// read checks that a topic holds the records 0 to count, each once.
func (c *three) read(topic string, count int) {
	c.t.Helper()
	cl := c.cl(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	seen := map[string]int{}
	for len(seen) < count {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			c.t.Fatalf("after %d of %d records: %v", len(seen), count, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
	}
	for i := range count {
		if n := seen[fmt.Sprintf("record %d", i)]; n != 1 {
			c.t.Errorf("%s: record %d is there %d times", topic, i, n)
		}
	}
}

// inSync waits until all partitions of a topic have all their replicas in sync.
func (c *three) inSync(topic string, replicas int) {
	c.t.Helper()
	cl := c.cl()
	defer cl.Close()
	var last string
	for range 600 {
		topics, err := kadm.NewClient(cl).ListTopics(c.t.Context(), topic)
		last = fmt.Sprint(err)
		full := err == nil && len(topics[topic].Partitions) > 0
		for _, p := range topics[topic].Partitions {
			full = full && len(p.ISR) == replicas && p.Leader >= 0
			last += fmt.Sprintf(" %d: led by %d, isr %v", p.Partition, p.Leader, p.ISR)
		}
		if full {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Errorf("%s is not in sync: %s", topic, last)
}

// active is the index of the active controller.
func (c *three) active() int {
	c.t.Helper()
	cl := c.cl()
	defer cl.Close()
	rq := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	rq.Topics = append(rq.Topics, topic)
	resp, err := rq.RequestWith(c.t.Context(), cl)
	if err != nil {
		c.t.Fatal(err)
	}
	return int(resp.Topics[0].Partitions[0].LeaderID) - 1
}

func TestClusterOfThreeFormsAndOutlivesItsActiveController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 50)
		c.inSync("orders", 3)
		lost := c.active()
		c.crash(lost)
		c.create("later", 1, 2)
		c.write("orders", 50, 50)
		c.start(lost)
		c.inSync("orders", 3)
		c.write("orders", 100, 10)
		c.read("orders", 110)
		c.stop()
	})
}

func TestClusterOfThreeRestartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 50)
		for i := range c.nodes {
			c.kill(i)
		}
		c.start(0, 1, 2)
		c.inSync("orders", 3)
		c.write("orders", 50, 20)
		c.read("orders", 70)
		c.stop()
		c.start(0, 1, 2)
		c.read("orders", 70)
		c.stop()
	})
}

func TestClusterOfThreeRestartsOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		for i := range c.nodes {
			c.write("orders", 20*i, 10)
			c.nodes[i].shutDown(t)
			c.write("orders", 20*i+10, 10)
			c.start(i)
			c.inSync("orders", 3)
		}
		c.read("orders", 60)
		c.stop()
	})
}

// threeLogs writes what a node says if the environment asks for it.
func threeLogs(i int) slog.Handler {
	if os.Getenv("LEAT_TEST_LOGS") == "" {
		return slog.DiscardHandler
	}
	return slog.NewTextHandler(os.Stderr, nil).WithAttrs([]slog.Attr{slog.Int("on", i+1)})
}

// separate are the settings of a node that is a controller only (0 to 2) or a broker only.
func (c *three) separate(voters func(i int) string) func(i int) map[string]string {
	return func(i int) map[string]string {
		set := c.settings(i)
		delete(set, "controller.quorum.voters")
		set["process.roles"], set["listeners"] = "controller", fmt.Sprintf("CONTROLLER://%s:9093", c.hosts[i].IP())
		key, value, _ := strings.Cut(voters(i), "=")
		set[key] = value
		return set
	}
}

func (c *three) addresses() string {
	var all []string
	for _, h := range c.hosts {
		all = append(all, h.IP().String()+":9093")
	}
	return strings.Join(all, ",")
}

func TestClusterOfControllersOnlyServesBrokers(t *testing.T) {
	for name, key := range map[string]func(c *three) string{
		"static":  func(c *three) string { return "controller.quorum.voters=" + c.settings(0)["controller.quorum.voters"] },
		"dynamic": func(c *three) string { return "controller.quorum.bootstrap.servers=" + c.addresses() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newThree(t, nil)
				c.how = c.separate(func(int) string { return key(c) })
				c.start(0, 1, 2)
				var brokers [2]*bubbleNode
				var hosts [2]*sim.Host
				for i := range brokers {
					hosts[i] = c.network.Host(fmt.Sprint("broker-", i+4))
					set := follows(hosts[i], c.hosts[0], i+4)
					set["controller.quorum.bootstrap.servers"] = c.addresses()
					brokers[i] = bubbleStart(t, hosts[i], fs.NewMem(), set)
				}
				c.clients = hosts[:]
				c.create("orders", 2, 2)
				c.write("orders", 0, 20)
				for i := range c.nodes {
					c.kill(i)
					c.create(fmt.Sprint("without-", i), 1, 2)
					c.write("orders", 20*(i+1), 20)
					c.start(i)
					time.Sleep(5 * time.Second)
				}
				c.inSync("orders", 2)
				c.read("orders", 80)
				for _, b := range brokers {
					b.shutDown(t)
				}
				c.stop()
			})
		})
	}
}

func TestClusterOfThreeFormsAmongAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.how = func(i int) map[string]string {
			set := c.settings(i)
			delete(set, "controller.quorum.voters")
			set["controller.quorum.bootstrap.servers"] = c.addresses()
			return set
		}
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 20)
		for i := range c.nodes {
			c.kill(i)
		}
		c.start(2, 1, 0)
		c.inSync("orders", 3)
		c.read("orders", 20)
		c.stop()
	})
}

// A voter whose disk is new has nothing, and gets all of it from the others.
func TestClusterOfThreeTakesBackANodeThatLostItsDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 20)
		for i := range c.nodes {
			c.kill(i)
			c.files[i] = fs.NewMem()
			c.write("orders", 20*(i+1), 20)
			c.start(i)
			c.inSync("orders", 3)
			time.Sleep(10 * time.Second)
		}
		c.read("orders", 80)
		c.stop()
	})
}

// With directories named, a voter that lost its disk is another one: it asks for its place, and the old one's vote is gone.
func TestClusterControllersJoinByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"controller.quorum.auto.join.enable": "true"})
		c.how = func(i int) map[string]string {
			set := c.settings(i)
			delete(set, "controller.quorum.voters")
			set["controller.quorum.bootstrap.servers"] = c.addresses()
			return set
		}
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 20)
		lost := c.active()
		c.kill(lost)
		c.files[lost] = fs.NewMem()
		c.write("orders", 20, 20)
		c.start(lost)
		c.inSync("orders", 3)
		other := c.active()
		c.kill(other)
		c.write("orders", 40, 20)
		c.create("later", 1, 2)
		c.start(other)
		c.inSync("orders", 3)
		c.read("orders", 60)
		c.stop()
	})
}
