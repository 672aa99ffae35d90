package server

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/sim"
)

// Balancing, in a bubble: a node that is broker and controller, and brokers that come, are drained and go.

// quick makes the waits of balancing short: brokers talk all the time, and virtual time is not free.
var quick = map[string]string{"leat.balance.delay.ms": "30000", "leat.balance.interval.ms": "20000"}

// fleet is node 1, which controls, and brokers from 2 on.
type fleet struct {
	t       *testing.T
	network *sim.Network
	hosts   []*sim.Host
	files   []*fs.Mem
	nodes   []*bubbleNode
	client  *sim.Host
	open    func() *kgo.Client // a client that finds the cluster
}

func startFleet(t *testing.T, brokers int, set map[string]string) *fleet {
	t.Helper()
	network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
	f := &fleet{t: t, network: network, client: network.Host("client")}
	f.hosts, f.files = []*sim.Host{network.Host("node-1")}, []*fs.Mem{fs.NewMem()}
	f.nodes = []*bubbleNode{bubbleStart(t, f.hosts[0], f.files[0], set)}
	f.open = func() *kgo.Client { return bubbleClient(t, f.client, f.nodes[0]) }
	for range brokers - 1 {
		f.add()
	}
	return f
}

// add lets one more broker join.
func (f *fleet) add() {
	f.t.Helper()
	id := len(f.nodes) + 1
	f.hosts, f.files, f.nodes = append(f.hosts, f.network.Host(fmt.Sprint("node-", id))), append(f.files, fs.NewMem()), append(f.nodes, nil)
	f.start(id)
}

func (f *fleet) start(id int) {
	f.t.Helper()
	f.nodes[id-1] = bubbleStart(f.t, f.hosts[id-1], f.files[id-1], follows(f.hosts[id-1], f.hosts[0], id))
}

func (f *fleet) stop() {
	for i := len(f.nodes) - 1; i >= 0; i-- {
		f.nodes[i].shutDown(f.t)
	}
}

func (f *fleet) admin() *kadm.Client { return kadm.NewClient(f.open()) }

// create makes a topic with its replicas in turn on brokers 1 to n.
func (f *fleet) create(topic string, partitions, factor int) {
	f.t.Helper()
	adm := f.admin()
	defer adm.Close()
	if _, err := adm.CreateTopic(f.t.Context(), int32(partitions), int16(factor), nil, topic); err != nil {
		f.t.Fatal(err)
	}
}

// set changes a key of all brokers.
func (f *fleet) set(op kadm.IncrementalOp, key, value string) {
	f.t.Helper()
	adm := f.admin()
	defer adm.Close()
	answers, err := adm.AlterBrokerConfigs(f.t.Context(), []kadm.AlterConfig{{Op: op, Name: key, Value: &value}})
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// placed is where the replicas and leaders of a topic are, and whether all are in sync and nothing moves.
type placed struct {
	replicas, leaders map[int32]int
	settled           bool
	all               string
}

func (f *fleet) placed(topic string) placed {
	f.t.Helper()
	cl := f.open()
	defer cl.Close()
	adm := kadm.NewClient(cl)
	p := placed{replicas: map[int32]int{}, leaders: map[int32]int{}, settled: true}
	topics, err := adm.ListTopics(f.t.Context(), topic)
	if err != nil {
		f.t.Fatal(err)
	}
	ongoing, err := kmsg.NewPtrListPartitionReassignmentsRequest().RequestWith(f.t.Context(), cl)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := kerr.ErrorForCode(ongoing.ErrorCode); err != nil {
		f.t.Fatalf("what is being reassigned is not known: %v", err)
	}
	p.settled = len(ongoing.Topics) == 0
	for _, part := range topics[topic].Partitions.Sorted() {
		p.leaders[part.Leader]++
		p.all += fmt.Sprintln(part.Partition, part.Replicas)
		for _, id := range part.Replicas {
			p.replicas[id]++
			p.settled = p.settled && slices.Contains(part.ISR, id)
		}
	}
	return p
}

// await waits until the placement of a topic is as wanted.
func (f *fleet) await(topic string, within time.Duration, wanted func(placed) bool) {
	f.t.Helper()
	var last placed
	for range int(within / time.Second) {
		if last = f.placed(topic); last.settled && wanted(last) {
			return
		}
		time.Sleep(time.Second)
	}
	f.t.Fatalf("after %v: %v replicas, %v leaders, settled %v; %+v", within, last.replicas, last.leaders, last.settled, f.placed(topic))
}

// unmarked waits until a topic has no note of moves any more.
func (f *fleet) unmarked(topic string) {
	f.t.Helper()
	adm := f.admin()
	defer adm.Close()
	left := ""
	for range 20 {
		all, err := adm.DescribeTopicConfigs(f.t.Context(), topic)
		if err != nil {
			f.t.Fatal(err)
		}
		left = ""
		for _, c := range all[0].Configs {
			if c.Key == "leat.balance.moving" {
				left = c.MaybeValue()
			}
		}
		if left == "" {
			return
		}
		time.Sleep(time.Second)
	}
	f.t.Errorf("%s: leat.balance.moving is still %s", topic, left)
}

func TestClusterABrokerThatJoinsGetsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t, 3, quick)
		defer f.stop()
		f.create("orders", 24, 2)
		producer := bubbleClient(t, f.client, f.nodes[0], kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
		defer producer.Close()
		if n, err := produceMany(t.Context(), producer, "orders", 0, 200); err != nil {
			t.Fatal(n, err)
		}
		f.add()
		time.Sleep(25 * time.Second) // leat.balance.delay.ms is 30
		if p := f.placed("orders"); p.replicas[4] != 0 {
			t.Errorf("replicas were moved before the brokers were there for as long as they have to: %v", p.replicas)
		}
		f.await("orders", time.Minute, func(p placed) bool { return p.replicas[4] >= 10 && p.leaders[4] >= 5 })
		f.unmarked("orders")
		if n, err := produceMany(t.Context(), producer, "orders", 200, 50); err != nil {
			t.Fatal(n, err)
		}
		if got := len(readAll(t, f.client, f.nodes[0], "orders", 250)); got != 250 {
			t.Errorf("%d records, want 250", got)
		}
		before := f.placed("orders")
		time.Sleep(90 * time.Second)
		if after := f.placed("orders"); after.all != before.all {
			t.Errorf("moved again without a reason:\n%s\nthen\n%s", before.all, after.all)
		}
	})
}

func TestClusterDrainingEmptiesABrokerUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t, 4, quick)
		defer f.stop()
		f.create("orders", 12, 3)
		producer := bubbleClient(t, f.client, f.nodes[0], kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
		defer producer.Close()
		ctx, cancel := context.WithCancel(t.Context())
		acknowledged := make(chan int)
		go func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				if err := producer.ProduceSync(context.Background(), &kgo.Record{Topic: "orders", Value: fmt.Appendf(nil, "record %d", n)}).FirstErr(); err != nil {
					t.Errorf("record %d: %v", n, err)
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			acknowledged <- n
		}()
		f.set(kadm.AppendConfig, "leat.balance.drain", "3")
		f.await("orders", time.Minute, func(p placed) bool { return p.replicas[3] == 0 && p.leaders[3] == 0 })
		cancel()
		count := <-acknowledged
		f.nodes[2].shutDown(t) // nothing needs it any more
		values := readAll(t, f.client, f.nodes[0], "orders", count)
		slices.Sort(values)
		if got := len(slices.Compact(values)); got != count {
			t.Errorf("%d different records of %d that were acknowledged", got, count)
		}
		f.create("later", 6, 2)
		if p := f.placed("later"); p.replicas[3] != 0 {
			t.Errorf("new partitions were placed on a broker that is drained: %v", p.replicas)
		}
		f.start(3)
	})
}

func TestClusterBalancingIsPausedAndResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t, 2, quick)
		defer f.stop()
		f.create("orders", 12, 2)
		f.set(kadm.SetConfig, "leat.balance.mode", "off")
		f.add()
		f.set(kadm.AppendConfig, "leat.balance.drain", "2")
		before := f.placed("orders")
		time.Sleep(90 * time.Second)
		if after := f.placed("orders"); after.all != before.all {
			t.Errorf("moved although paused:\n%s\nthen\n%s", before.all, after.all)
		}
		f.set(kadm.SetConfig, "leat.balance.mode", "drain-only")
		f.await("orders", time.Minute, func(p placed) bool { return p.replicas[2] == 0 && p.replicas[3] == 12 })
		f.set(kadm.SubtractConfig, "leat.balance.drain", "2")
		time.Sleep(90 * time.Second)
		if p := f.placed("orders"); p.replicas[2] != 0 {
			t.Errorf("evened out although leat.balance.mode=drain-only: %v", p.replicas)
		}
		f.set(kadm.DeleteConfig, "leat.balance.mode", "")
		f.await("orders", time.Minute, func(p placed) bool { return p.replicas[2] >= 7 })
	})
}

// A broker that restarts, also for long, comes back to what it had.
func TestClusterARestartMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t, 4, quick)
		defer f.stop()
		f.create("orders", 12, 2)
		time.Sleep(time.Minute)
		before := f.placed("orders")
		f.nodes[3].shutDown(t)
		time.Sleep(time.Minute)
		f.start(4)
		time.Sleep(time.Minute)
		if after := f.placed("orders"); after.all != before.all {
			t.Errorf("a restart moved replicas:\n%s\nthen\n%s", before.all, after.all)
		}
	})
}

// What an administrator moves stays as he asked for it, and while it is on its way nothing else begins.
func TestClusterBalancingLeavesOthersReassignmentsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t, 3, quick)
		defer f.stop()
		f.create("orders", 24, 1) // no replica of it falls behind by what is cut below
		if err := (&pair{t: t, client: f.client}).createOn(f.nodes[0], "slow", 2); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if at := f.placed("slow"); at.leaders[2] != 1 || at.replicas[2] != 1 || len(at.replicas) != 1 {
			t.Fatalf("slow is moved away from broker 2 before anything is cut: %sorders has %v replicas", at.all, f.placed("orders").replicas)
		}
		f.network.Cut(f.hosts[1], f.hosts[2])
		adm := f.admin()
		defer adm.Close()
		var rq kadm.AlterPartitionAssignmentsReq
		rq.Assign("slow", 0, []int32{3})
		answers, err := adm.AlterPartitionAssignments(t.Context(), rq)
		if err == nil {
			err = answers.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
		f.add()
		before := f.placed("orders")
		if before.settled {
			t.Fatalf("the reassignment is done at once, so nothing is shown: slow is at %+v", f.placed("slow"))
		}
		time.Sleep(90 * time.Second)
		if after := f.placed("orders"); after.all != before.all {
			t.Errorf("moved beside another's reassignment:\n%s\nthen\n%s", before.all, after.all)
		}
		f.network.Heal(f.hosts[1], f.hosts[2])
		f.await("orders", 3*time.Minute, func(p placed) bool { return p.replicas[4] >= 5 })
	})
}

// The wish to drain is the cluster's: the next controller goes on with it.
func TestClusterDrainingOutlivesTheActiveController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, quick)
		c.start(0, 1, 2)
		defer c.stop()
		c.create("orders", 12, 2)
		c.write("orders", 0, 20)
		active := c.active()
		drained := int32((active+1)%3 + 1)
		f := &fleet{t: t, client: c.client, open: func() *kgo.Client { return c.cl() }}
		f.set(kadm.AppendConfig, "leat.balance.drain", fmt.Sprint(drained))
		c.kill(active)
		time.Sleep(20 * time.Second)
		if p := f.placed("orders"); p.replicas[drained] == 8 {
			t.Errorf("the next controller does nothing: %v", p.replicas)
		}
		c.start(active)
		f.await("orders", 2*time.Minute, func(p placed) bool { return p.replicas[drained] == 0 })
		f.unmarked("orders")
		c.read("orders", 20)
	})
}
