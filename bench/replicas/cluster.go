package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
)

// nodes is how many there are: the first is controller, too.
const nodes = 3

// patience is how long the cluster may take for anything that is not measured.
const patience = 30 * time.Second

// cluster is the processes.
type cluster struct{ nodes []process }

type process struct {
	address, operations string
	cmd                 *exec.Cmd
}

// start starts the processes, and returns when all are members.
func start(ctx context.Context, o options) (*cluster, error) {
	ports, err := freePorts(2*nodes + 1)
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	controller := ports[2*nodes]
	for i := range nodes {
		p := process{address: ports[2*i], operations: ports[2*i+1]}
		set := []string{"node.id=" + strconv.Itoa(i+1), "log.dirs=" + filepath.Join(o.dir, strconv.Itoa(i+1)), "leat.http.listener=" + p.operations,
			"controller.listener.names=CONTROLLER", "controller.quorum.bootstrap.servers=" + controller, "log.segment.delete.delay.ms=100"}
		if i == 0 {
			set = append(set, "process.roles=broker,controller", "listeners=PLAINTEXT://"+p.address+",CONTROLLER://"+controller)
		} else {
			set = append(set, "process.roles=broker", "listeners=PLAINTEXT://"+p.address)
		}
		if o.set != "" {
			set = append(set, strings.Split(o.set, ",")...)
		}
		args := []string{"server"}
		for _, pair := range set {
			args = append(args, "--set", pair)
		}
		if err := p.start(ctx, o, i+1, args); err != nil {
			c.kill()
			return nil, err
		}
		c.nodes = append(c.nodes, p)
	}
	if err := c.await(); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

func (p *process) start(ctx context.Context, o options, number int, args []string) error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(o.dir, strconv.Itoa(number)+".log"))
	if err != nil {
		return err
	}
	defer out.Close()
	p.cmd = exec.CommandContext(ctx, o.binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return p.cmd.Start()
}

func (c *cluster) kill() {
	for _, p := range c.nodes {
		_ = p.cmd.Process.Kill() // gone already is as good
		_ = p.cmd.Wait()
	}
}

// await returns when all nodes are known to the first.
func (c *cluster) await() error {
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := c.members()
		if err == nil || time.Now().After(until) {
			return err
		}
	}
}

func (c *cluster) members() error {
	conn, err := load.Dial(c.nodes[0].address)
	if err != nil {
		return err
	}
	defer conn.Close()
	rq := kmsg.NewPtrMetadataRequest()
	rq.Version = 12
	rq.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := conn.Do(rq)
	if err != nil {
		return err
	}
	if n := len(resp.(*kmsg.MetadataResponse).Brokers); n != nodes {
		return fmt.Errorf("%d of %d nodes are members", n, nodes)
	}
	return nil
}

// create makes a topic with a replica on every node, led by one, and waits until all is in sync.
func (c *cluster) create(topic string, partitions, leader int) error {
	conn, err := load.Dial(c.nodes[0].address)
	if err != nil {
		return err
	}
	defer conn.Close()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version, rq.TimeoutMillis = 7, 30000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	for i := range partitions {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition = int32(i)
		for k := range nodes {
			a.Replicas = append(a.Replicas, int32((leader-1+k)%nodes+1))
		}
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	rq.Topics = append(rq.Topics, t)
	resp, err := conn.Do(rq)
	if err != nil {
		return err
	}
	for _, created := range resp.(*kmsg.CreateTopicsResponse).Topics {
		if err := kerr.ErrorForCode(created.ErrorCode); err != nil {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ends, err := load.Ends(c.nodes[leader-1].address, topic, partitions)
		if err == nil && len(ends) == partitions {
			return nil
		}
		if time.Now().After(until) {
			return errors.Join(err, fmt.Errorf("%s: not led by node %d", topic, leader))
		}
	}
}

// leaderOf is the address of the node that leads a topic, whose number its name ends with.
func (c *cluster) leaderOf(topic string) string {
	number, _ := strconv.Atoi(topic[strings.LastIndexByte(topic, '-')+1:])
	return c.nodes[number-1].address
}

// cpu is what each process has used so far, in seconds.
func (c *cluster) cpu() ([]float64, error) {
	var all []float64
	for _, p := range c.nodes {
		seconds, err := load.CPUSeconds(p.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		all = append(all, seconds)
	}
	return all, nil
}

// memory is what each process held at most, and all together.
func (c *cluster) memory() string {
	var text []string
	sum := 0.0
	for _, p := range c.nodes {
		m, err := load.MemoryOf(p.cmd.Process.Pid)
		if err != nil {
			return err.Error()
		}
		sum += m.Highest
		text = append(text, strconv.FormatFloat(m.Highest, 'f', 0, 64))
	}
	return fmt.Sprintf("%.0f (%s)", sum, strings.Join(text, " "))
}

// freePorts are addresses on which nobody listens.
func freePorts(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:gocritic // all stay taken until the last is found
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// gone waits until the files of a topic have gone from all nodes, so that writing them out is nobody's load.
func (c *cluster) gone(o options, topic string) error {
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(o.dir, "*", topic+"-*"))
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s: its files are still there after %v", topic, patience)
		}
	}
}
