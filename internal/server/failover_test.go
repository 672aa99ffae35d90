package server

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/sim"
)

// How long it takes until a partition can be written again whose leader is gone, with leat's defaults, in virtual time.

// trio is a node that is broker and controller, and two that are brokers only.
type trio struct {
	t       *testing.T
	network *sim.Network
	set     map[string]string // of the controller, more than usual
	client  *sim.Host
	hosts   [4]*sim.Host // by node id, as the others
	files   [4]*fs.Mem
	nodes   [4]*bubbleNode
}

func startTrio(t *testing.T, set map[string]string) *trio {
	t.Helper()
	network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
	c := &trio{t: t, network: network, set: set, client: network.Host("client")}
	for id := 1; id <= 3; id++ {
		c.hosts[id], c.files[id] = network.Host(fmt.Sprint("node", id)), fs.NewMem()
		c.start(id)
	}
	return c
}

func (c *trio) start(id int) {
	c.t.Helper()
	set := c.set
	if id > 1 {
		set = follows(c.hosts[id], c.hosts[1], id)
	}
	c.nodes[id] = bubbleStart(c.t, c.hosts[id], c.files[id], set)
}

func (c *trio) kill(id int) { c.files[id] = c.nodes[id].kill(c.files[id]) }

// stop shuts down what runs, the controller last.
func (c *trio) stop(running ...int) {
	c.t.Helper()
	for _, id := range running {
		c.nodes[id].shutDown(c.t)
	}
}

// create makes a topic of one partition with the replicas given, the leader first.
func (c *trio) create(topic string, replicas ...int32) {
	c.t.Helper()
	cl := bubbleClient(c.t, c.client, c.nodes[1])
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = 10_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	a.Replicas = replicas
	t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	rq.Topics = append(rq.Topics, t)
	resp, err := rq.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		c.t.Fatalf("create %s: %v", topic, err)
	}
}

// partition is what a node answers about the one partition of a topic.
func (c *trio) partition(via int, topic string) kmsg.MetadataResponseTopicPartition {
	c.t.Helper()
	cl := bubbleClient(c.t, c.client, c.nodes[via])
	defer cl.Close()
	rq := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	rq.Topics = append(rq.Topics, t)
	resp, err := rq.RequestWith(c.t.Context(), cl)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.Topics[0].Partitions[0]
}

// load is a producer that writes one record after the other, with acks=all and idempotent.
type load struct {
	cl    *kgo.Client
	stop  context.CancelFunc
	done  sync.WaitGroup
	acked atomic.Int64
	last  atomic.Int64 // when the newest was acknowledged, in ns
}

func (c *trio) load(via int, topic string) *load {
	return newLoad(c.t, bubbleClient(c.t, c.client, c.nodes[via], kgo.RecordPartitioner(kgo.ManualPartitioner())), topic, 0)
}

// newLoad writes to one partition.
func newLoad(t *testing.T, cl *kgo.Client, topic string, partition int32) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cl: cl, stop: cancel}
	l.done.Go(func() {
		for ctx.Err() == nil {
			if err := l.cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: []byte("x")}).FirstErr(); err == nil {
				l.acked.Add(1)
				l.last.Store(time.Now().UnixNano())
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return l
}

func (l *load) close() {
	l.stop()
	l.done.Wait()
	l.cl.Close()
}

// writable waits until a record is acknowledged that was written from now on, and returns how long that took.
func (l *load) writable(t *testing.T, patience time.Duration) time.Duration {
	t.Helper()
	began, acked := time.Now(), l.acked.Load()
	for l.acked.Load() <= acked+1 { // one may be on its way
		if time.Since(began) > patience {
			t.Fatalf("no record was acknowledged for %v", patience)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

func TestClusterAKilledLeaderIsReplacedWithinThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startTrio(t, nil)
		c.create("orders", 2, 3, 1)
		l := c.load(1, "orders")
		l.writable(t, time.Minute)
		c.kill(2)
		took := l.writable(t, time.Minute)
		t.Logf("writable again after %v", took)
		if took > time.Second {
			t.Errorf("it took %v until the next record was acknowledged", took)
		}
		l.close()
		c.stop(3, 1)
	})
}

// Without suspicion it is as with Kafka.
func TestClusterAKilledLeaderIsReplacedAfterItsSessionIfNobodyIsSuspected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startTrio(t, map[string]string{"leat.suspicion.enable": "false"})
		c.create("orders", 2, 3, 1)
		l := c.load(1, "orders")
		l.writable(t, time.Minute)
		c.kill(2)
		if took := l.writable(t, time.Minute); took < 6*time.Second || took > 12*time.Second {
			t.Errorf("it took %v until the next record was acknowledged", took)
		}
		l.close()
		c.stop(3, 1)
	})
}

// A node that is the active controller and leads partitions is the worst to lose: another controller must be elected, and it never heard of
// the broker that is gone.
func TestClusterOfThreeAKilledActiveControllersPartitionsAreWritableWithinThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		for range 3 {
			lost := c.active()
			l := newLoad(t, c.cl(kgo.RecordPartitioner(kgo.ManualPartitioner())), "orders", c.ledBy("orders", int32(lost+1)))
			l.writable(t, time.Minute)
			c.kill(lost)
			took := l.writable(t, time.Minute)
			t.Logf("writable again after %v", took)
			if took > 3*time.Second {
				t.Errorf("it took %v until the next record was acknowledged", took)
			}
			l.close()
			c.start(lost)
			c.inSync("orders", 3)
			time.Sleep(3 * time.Second) // leadership goes back
		}
		c.stop()
	})
}

// ledBy finds a partition that a node leads.
func (c *three) ledBy(topic string, leader int32) int32 {
	c.t.Helper()
	cl := c.cl()
	defer cl.Close()
	rq := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = &topic
	rq.Topics = append(rq.Topics, rt)
	resp, err := rq.RequestWith(c.t.Context(), cl)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range resp.Topics[0].Partitions {
		if p.Leader == leader {
			return p.Partition
		}
	}
	c.t.Fatalf("node %d leads none of %s: %+v", leader, topic, resp.Topics[0].Partitions)
	return -1
}

// A broker whose machine is cut off, and one whose connections broke while it lives, keep their partitions until their session ends.
func TestClusterASlowBrokerIsNotFencedBeforeItsSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startTrio(t, nil)
		c.create("orders", 2, 3, 1)
		before := c.partition(1, "orders")
		c.network.Isolate(c.hosts[2])
		time.Sleep(6 * time.Second) // its heartbeats fail, and it hangs up
		if p := c.partition(1, "orders"); p.Leader != 2 || p.LeaderEpoch != before.LeaderEpoch {
			t.Errorf("broker 2 was taken for dead within its session: %+v", p)
		}
		c.network.Rejoin(c.hosts[2])
		time.Sleep(20 * time.Second)
		if p := c.partition(1, "orders"); p.Leader != 2 || p.LeaderEpoch != before.LeaderEpoch {
			t.Errorf("broker 2 was taken for dead although it came back in time: %+v", p)
		}
		c.network.Isolate(c.hosts[2])
		time.Sleep(12 * time.Second)
		if p := c.partition(1, "orders"); p.Leader == 2 {
			t.Errorf("broker 2 leads after its session: %+v", p)
		}
		c.network.Rejoin(c.hosts[2])
		time.Sleep(20 * time.Second)
		if p := c.partition(1, "orders"); p.Leader != 2 || len(p.ISR) != 3 {
			t.Errorf("leadership did not go back to broker 2: %+v", p)
		}
		c.stop(2, 3, 1)
	})
}

// A broker that was killed, or stopped in order, is back as fast as it starts.
func TestClusterABrokerIsBackAtOnceAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startTrio(t, nil)
		c.create("orders", 2, 3, 1)
		for _, how := range []string{"kill", "stop", "kill"} {
			time.Sleep(5 * time.Second)
			began := time.Now()
			if how == "kill" {
				c.kill(2)
			} else {
				c.nodes[2].shutDown(t)
			}
			ended := time.Now()
			c.start(2)
			back := time.Now()
			for c.partition(1, "orders").Leader != 2 {
				if time.Since(back) > time.Minute {
					t.Fatalf("after %s: leadership did not go back: %+v", how, c.partition(1, "orders"))
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("%s: ended after %v, a member again after %v, leads after %v", how, ended.Sub(began), back.Sub(ended), time.Since(back))
			if ended.Sub(began) > 500*time.Millisecond || back.Sub(ended) > time.Second || time.Since(back) > 3*time.Second {
				t.Errorf("%s: ended after %v, a member again after %v, leads after %v", how, ended.Sub(began), back.Sub(ended), time.Since(back))
			}
		}
		c.stop(2, 3, 1)
	})
}
