package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"leat/interop/fleet"
)

// limitFiles keeps how many files node 1 may have open at a little more than it has: clients come and go.
func (r *run) limitFiles() error {
	if err := unix.Prlimit(r.nodes[0].PID(), unix.RLIMIT_NOFILE, nil, &r.files); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(r.load.ctx)
	done := make(chan error, 1)
	r.limiting = func() error { stop(); return <-done }
	go func() {
		var err error
		for err == nil && ctx.Err() == nil {
			err = r.tighten()
			pause(ctx, 100*time.Millisecond)
		}
		done <- err
	}()
	return nil
}

// tighten leaves an eighth more than is open.
func (r *run) tighten() error {
	pid := r.nodes[0].PID()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(open) + len(open)/8), Max: r.files.Max}, nil)
}

func (r *run) unlimitFiles() error {
	return errors.Join(r.limiting(), unix.Prlimit(r.nodes[0].PID(), unix.RLIMIT_NOFILE, &r.files, nil))
}

// startStray starts another cluster, which Prometheus takes for a part of this one: two controllers are active, as if the network let none of the two reach the
// other and both had a majority. That cannot happen within a quorum, or not for longer than a controller takes to notice that it is alone.
func (r *run) startStray() error {
	_, err := r.stray.Start(r.ctx)
	return err
}

func (r *run) stopStray() error { return r.stray.Stop() }

// raiseMark has the nodes hold their disks for nearly full.
func (r *run) raiseMark(key string) error {
	mark := "4611686018427387904"
	results, err := r.load.admin.AlterBrokerConfigs(r.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &mark}})
	for _, one := range results {
		err = errors.Join(err, one.Err)
	}
	return err
}

// fillUp writes to a disk until there is little room, and begins anew when somebody has made some: on a slow machine one time may be over before anybody looks.
func (r *run) fillUp() error {
	ctx, stop := context.WithCancel(r.load.ctx)
	done := make(chan error, 1)
	r.filling = func() error { stop(); return <-done }
	go func() {
		var err error
		const most = int64(diskBytes * 3 / 4)
		for free := most; err == nil && ctx.Err() == nil; free -= 10 << 20 {
			if free <= 2*softMark {
				free = most
			}
			err = r.disk.leave(free)
			pause(ctx, 250*time.Millisecond)
		}
		done <- err
	}()
	return nil
}

func (r *run) stopFilling() error { return errors.Join(r.filling(), r.disk.leave(diskBytes*3/4)) }

// killLastInSync freezes a node until it has left the in-sync sets, kills another that is the last in sync for one topic, and lets the first go on: it is the only
// replica left, and may lead although it lacks records.
func (r *run) killLastInSync() error {
	active := 0
	err := r.eventually("a controller is active", func() (err error) {
		active, err = r.active()
		return err
	})
	if err != nil {
		return err
	}
	// The node with the disk is needed later, and the active controller keeps the majority together.
	killed, frozen := 0, diskNode
	for id := nodes; id > 0; id-- {
		if id != active && id != diskNode && killed == 0 {
			killed = id
		}
	}
	if active == diskNode {
		frozen = 6 - active - killed
	}
	r.left = frozen
	unclean := map[string]string{"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}
	err = errors.Join(r.placeOn(single, map[string]string{"min.insync.replicas": "1"}, killed), r.placeOn(reckless, unclean, killed, frozen))
	if err != nil {
		return err
	}
	if err := r.signal(frozen, syscall.SIGSTOP); err != nil {
		return err
	}
	err = r.eventually("the frozen node left the in-sync set", func() error {
		for _, id := range []int{active, killed} { // both must know: one elects, the other accepts records
			if inSync, err := r.inSync(id, reckless); err != nil || !slices.Equal(inSync, []int32{int32(killed)}) {
				return errors.Join(err, fmt.Errorf("in sync are %v", inSync))
			}
		}
		return nil
	})
	r.nodes[killed-1].Kill()
	return errors.Join(err, r.signal(frozen, syscall.SIGCONT))
}

// killMajority kills one more: the node that is left cannot lead a quorum of three.
func (r *run) killMajority() error {
	r.nodes[r.left-1].Kill()
	return nil
}

func (r *run) signal(node int, s syscall.Signal) error { return syscall.Kill(r.nodes[node-1].PID(), s) }

// active is the node whose controller is active.
func (r *run) active() (int, error) {
	series, err := r.prometheus.query(r.ctx, `kafka_controller_kafkacontroller_activecontrollercount{job="leat"} == 1`)
	if err != nil {
		return 0, err
	}
	for i, n := range r.nodes {
		if len(series) == 1 && series[0]["instance"] == n.Operations() {
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("%d nodes say that their controller is active", len(series))
}

// inSync asks one node for the in-sync replicas of a topic's partition.
func (r *run) inSync(node int, topic string) ([]int32, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(r.nodes[node-1].Bootstrap()))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, end := context.WithTimeout(r.ctx, 5*time.Second)
	defer end()
	rq := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	rq.Topics = append(rq.Topics, t)
	resp, err := c.SeedBrokers()[0].Request(ctx, rq)
	if err != nil {
		return nil, err
	}
	for _, p := range resp.(*kmsg.MetadataResponse).Topics[0].Partitions {
		return p.ISR, nil
	}
	return nil, errors.New("no partition")
}

// placeOn makes a topic with one partition on some nodes, the leader first, and writes a record to it.
func (r *run) placeOn(topic string, configs map[string]string, brokers ...int) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	for _, id := range brokers {
		a.Replicas = append(a.Replicas, int32(id))
	}
	t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	for name, value := range configs {
		one := kmsg.NewCreateTopicsRequestTopicConfig()
		one.Name, one.Value = name, &value
		t.Configs = append(t.Configs, one)
	}
	c, err := r.load.client()
	if err != nil {
		return err
	}
	defer c.Close()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Topics, rq.TimeoutMillis = append(rq.Topics, t), 60_000
	resp, err := rq.RequestWith(r.ctx, c)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err == nil {
		err = (&fleet.Admin{Client: r.load.admin, Raw: c}).Known(r.ctx, topic)
	}
	if err != nil {
		return fmt.Errorf("topic %s: %w", topic, err)
	}
	return c.ProduceSync(r.ctx, &kgo.Record{Topic: topic, Value: []byte("one")}).FirstErr()
}
