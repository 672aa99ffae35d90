package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster is the three nodes.
type cluster struct {
	opts   options
	ground ground
	dir    string
	node   map[int]*node

	mu      sync.Mutex
	history *os.File
	began   time.Time
}

// short are timeouts with which a fault and its healing take seconds. What they lead to is the same as with the defaults.
var short = map[string]string{
	"broker.heartbeat.interval.ms":            "300",
	"broker.session.timeout.ms":               "1500",
	"replica.lag.time.max.ms":                 "1500",
	"replica.fetch.wait.max.ms":               "200",
	"replica.socket.timeout.ms":               "1500",
	"controller.quorum.election.timeout.ms":   "400",
	"controller.quorum.fetch.timeout.ms":      "800",
	"controller.quorum.request.timeout.ms":    "800",
	"controller.socket.timeout.ms":            "1500",
	"leader.imbalance.check.interval.seconds": "2",
}

// common are the settings of every node: three replicas, two of which have to have a record; small segments and snapshots of the metadata
// log, so that faults also meet the moments when they are rolled and taken.
var common = map[string]string{
	"controller.listener.names":                       "CONTROLLER",
	"listener.security.protocol.map":                  "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
	"default.replication.factor":                      "3",
	"min.insync.replicas":                             "2",
	"num.partitions":                                  "4",
	"log.segment.bytes":                               "1048576",
	"offsets.topic.num.partitions":                    "3",
	"offsets.topic.replication.factor":                "3",
	"group.initial.rebalance.delay.ms":                "0",
	"auto.create.topics.enable":                       "false",
	"leat.http.listener":                              "",
	"metadata.log.max.record.bytes.between.snapshots": "100000",
	"metadata.log.max.snapshot.interval.ms":           "60000",
}

func newCluster(o options, g ground, dir string) (*cluster, error) {
	history, err := os.Create(filepath.Join(dir, "history.log"))
	if err != nil {
		return nil, err
	}
	c := &cluster{opts: o, ground: g, dir: dir, node: map[int]*node{}, history: history, began: time.Now()}
	for id := 1; id <= nodes; id++ {
		c.node[id] = &node{id: id, ground: g, binary: o.binary, dir: dir, settings: c.settings(id)}
	}
	return c, nil
}

func (c *cluster) settings(id int) map[string]string {
	data, control := c.ground.listens(id)
	tellData, tellControl := c.ground.advertises(id)
	s := maps.Clone(common)
	if !c.opts.defaults {
		maps.Copy(s, short)
	}
	var voters, bootstrap []string
	for v := 1; v <= c.opts.controllers; v++ {
		_, addr := c.ground.advertises(v)
		voters, bootstrap = append(voters, fmt.Sprintf("%d@%s", v, addr)), append(bootstrap, addr)
	}
	if c.opts.static {
		s["controller.quorum.voters"] = strings.Join(voters, ",")
	} else {
		s["controller.quorum.bootstrap.servers"] = strings.Join(bootstrap, ",")
	}
	if c.opts.controllers == 1 {
		s["min.insync.replicas"], s["default.replication.factor"] = "1", "1"
	}
	s["node.id"] = strconv.Itoa(id)
	s["log.dirs"] = filepath.Join(c.ground.disk(id), "data")
	if id <= c.opts.controllers {
		s["process.roles"] = "broker,controller"
		s["listeners"] = "PLAINTEXT://" + data + ",CONTROLLER://" + control
		s["advertised.listeners"] = "PLAINTEXT://" + tellData + ",CONTROLLER://" + tellControl
	} else {
		s["process.roles"] = "broker"
		s["listeners"] = "PLAINTEXT://" + data
		s["advertised.listeners"] = "PLAINTEXT://" + tellData
	}
	return s
}

// note writes a line of history.
func (c *cluster) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := fmt.Sprintf("%s %8.3f  %s\n", time.Now().UTC().Format("15:04:05.000"), time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
	_, _ = c.history.WriteString(line) // a line that is missing is no reason to stop
	if c.opts.verbose {
		fmt.Print("  ", line)
	}
}

func (c *cluster) each(do func(n *node) error) error {
	var errs []error
	for id := 1; id <= nodes; id++ {
		errs = append(errs, do(c.node[id]))
	}
	return errors.Join(errs...)
}

func (c *cluster) startAll() error { return c.each((*node).start) }

func (c *cluster) killAll() error { return c.each((*node).kill) }

// close ends all that runs.
func (c *cluster) close() {
	_ = c.killAll() // those that are gone are gone
	c.history.Close()
}

// holders are the nodes that have replicas of the topic: all, or only those that are no controllers where there is one controller, which is then
// not hurt by what is done to the disks of replicas.
func (c *cluster) holders() []int {
	if c.opts.controllers == 1 {
		return []int{2, 3}
	}
	return []int{1, 2, 3}
}

func (c *cluster) bootstrap() []string {
	var all []string
	for id := 1; id <= nodes; id++ {
		all = append(all, c.ground.reach(id))
	}
	return all
}

// ask sends one request to one node and waits no longer than given.
func (c *cluster) ask(ctx context.Context, id int, patience time.Duration, rq kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ground.reach(id)), kgo.DialTimeout(patience), kgo.RequestRetries(0), kgo.RetryTimeout(patience))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return cl.SeedBrokers()[0].Request(ctx, rq)
}

// metadata is what one node says about all topics.
func (c *cluster) metadata(ctx context.Context, id int) (*kmsg.MetadataResponse, error) {
	rq := kmsg.NewPtrMetadataRequest()
	rq.Topics = nil
	answer, err := c.ask(ctx, id, 5*time.Second, rq)
	if err != nil {
		return nil, err
	}
	return answer.(*kmsg.MetadataResponse), nil
}

// healthy says what is missing until a node sees all brokers, and all replicas in sync.
func (c *cluster) healthy(ctx context.Context, id int) error {
	m, err := c.metadata(ctx, id)
	if err != nil {
		return fmt.Errorf("node %d: metadata: %w", id, err)
	}
	if len(m.Brokers) != nodes {
		return fmt.Errorf("node %d sees %d brokers", id, len(m.Brokers))
	}
	for _, t := range m.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("node %d: topic %s: %w", id, *t.Topic, err)
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 || len(p.ISR) != len(p.Replicas) || len(p.OfflineReplicas) != 0 {
				return fmt.Errorf("node %d: %s-%d: leader %d at epoch %d, replicas %v, in sync %v, offline %v", id, *t.Topic, p.Partition, p.Leader,
					p.LeaderEpoch, p.Replicas, p.ISR, p.OfflineReplicas)
			}
		}
	}
	return nil
}

// await waits until all nodes agree that all is well.
func (c *cluster) await(ctx context.Context, patience time.Duration) error {
	for end := time.Now().Add(patience); ; time.Sleep(30 * time.Millisecond) {
		err := c.each((*node).fellOver)
		if err != nil {
			return err
		}
		for id := 1; id <= nodes && err == nil; id++ {
			err = c.healthy(ctx, id)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("not healed after %s: %w", patience, err)
		}
	}
}

// leader is the node that leads a random partition; 0 if nobody tells.
func (c *cluster) leader(ctx context.Context, rng *rand.Rand, topic string) int {
	pick := rng.IntN(1 << 30)
	for id := 1; id <= nodes; id++ {
		m, err := c.metadata(ctx, id)
		if err != nil {
			continue
		}
		for _, t := range m.Topics {
			if *t.Topic == topic && len(t.Partitions) > 0 {
				return int(max(0, t.Partitions[pick%len(t.Partitions)].Leader))
			}
		}
	}
	return 0
}

// controller is the active controller; 0 if nobody tells.
func (c *cluster) controller(ctx context.Context) int {
	rq := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	rq.Topics = append(rq.Topics, t)
	for id := 1; id <= nodes; id++ {
		answer, err := c.ask(ctx, id, 5*time.Second, rq)
		if err != nil {
			continue
		}
		r := answer.(*kmsg.DescribeQuorumResponse)
		if r.ErrorCode == 0 && len(r.Topics) == 1 && len(r.Topics[0].Partitions) == 1 && r.Topics[0].Partitions[0].LeaderID > 0 {
			return int(r.Topics[0].Partitions[0].LeaderID)
		}
	}
	return 0
}
