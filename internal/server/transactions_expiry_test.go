package server

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/sim"
)

// Transactional ids and producers that nobody uses are forgotten after their times, not before, and their owners go on with new ones.
func TestTransactionalIDsAndProducersExpire(t *testing.T) {
	set := map[string]string{"transactional.id.expiration.ms": "7200000", "transaction.remove.expired.transaction.cleanup.interval.ms": "600000",
		"producer.id.expiration.ms": "86400000"}
	solo(t, set, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		cl := bubbleClient(t, client, n, producer("mover")...)
		defer cl.Close()
		adm := kadm.NewClient(cl)
		if _, err := adm.CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		if err := transact(ctx, cl, "orders", "first", true, 0); err != nil {
			t.Fatal(err)
		}
		known := func() bool {
			list, err := adm.DescribeTransactions(ctx, "mover")
			if err != nil {
				t.Fatal(err)
			}
			return !errors.Is(list["mover"].Err, kerr.TransactionalIDNotFound)
		}
		time.Sleep(119 * time.Minute)
		if !known() || producersOf(ctx, t, cl) != 1 {
			t.Error("forgotten before its time")
		}
		time.Sleep(12 * time.Minute)
		if known() {
			t.Error("the transactional id is still known")
		}
		if n := producersOf(ctx, t, cl); n != 1 {
			t.Errorf("%d producers after 2 hours", n)
		}
		shorter := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "producer.id.expiration.ms", Value: new("3600000")}}
		if resp, err := adm.AlterBrokerConfigs(ctx, shorter); err != nil || resp[0].Err != nil {
			t.Fatal(err, resp)
		}
		time.Sleep(11 * time.Minute) // they are looked for every 10
		if n := producersOf(ctx, t, cl); n != 0 {
			t.Errorf("%d producers, although they expire after an hour by now", n)
		}
		if err := transact(ctx, cl, "orders", "lost", true, 0); err == nil {
			t.Error("a producer goes on whose transactional id was forgotten")
		}
		again := bubbleClient(t, client, n, producer("mover")...)
		defer again.Close()
		if err := transact(ctx, again, "orders", "second", true, 0); err != nil {
			t.Error(err)
		}
		reading := bubbleClient(t, client, n, reader(true, "orders")...)
		defer reading.Close()
		if got := valuesIn(t, reading, "orders", true); !slices.Equal(got, []string{"first", "second"}) {
			t.Errorf("committed are %v", got)
		}
	})
}

// producersOf counts the producers that orders-0 knows.
func producersOf(ctx context.Context, t *testing.T, cl *kgo.Client) int {
	t.Helper()
	rq := kmsg.NewPtrDescribeProducersRequest()
	rq.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
	resp, err := rq.RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(err)
	}
	return len(resp.Topics[0].Partitions[0].ActiveProducers)
}

// A coordinator that is lost after it wrote some of the markers of a transaction is followed by one that writes the others, as soon as their
// partition has a leader again.
func TestClusterACoordinatorIsLostBetweenMarkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"transaction.state.log.num.partitions": "5"})
		c.start(0, 1, 2)
		defer c.stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		admin := c.cl()
		defer admin.Close()
		cl, id, coordinator := c.moverElsewhere(ctx, t, 0)
		defer cl.Close()
		c.createOn(ctx, t, admin, "money", [][]int32{{1}, {int32(3 - coordinator + 1)}})
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range int32(2) {
			cl.Produce(ctx, &kgo.Record{Topic: "money", Partition: p, Value: []byte("paid")}, nil)
		}
		if err := cl.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		c.kill(0) // partition 0 has no leader
		time.Sleep(20 * time.Second)
		if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := c.stable(ctx, t, admin, 1); got != 2 { // its record and its marker
			t.Errorf("last stable offset of partition 1 is %d", got)
		}
		c.kill(coordinator)
		c.start(0)
		c.start(coordinator)
		for range 60 {
			if c.stable(ctx, t, admin, 0) == 2 {
				break
			}
			time.Sleep(time.Second)
		}
		reading := c.cl(reader(true, "money")...)
		defer reading.Close()
		if got := valuesIn(t, reading, "money", true); !slices.Equal(got, []string{"paid", "paid"}) {
			t.Errorf("committed are %v", got)
		}
		var last error
		var state string
		for range 60 { // the end is written after the last marker, and a connection to the node that was killed may still be asked
			var list kadm.DescribedTransactions
			if list, last = kadm.NewClient(admin).DescribeTransactions(ctx, id); last == nil {
				state, last = list[id].State, list[id].Err
			}
			if last == nil && state == "CompleteCommit" {
				return
			}
			time.Sleep(time.Second)
		}
		t.Errorf("a minute after the last marker the transaction is in state %q, %v", state, last)
	})
}

// moverElsewhere is a producer whose transactions are not coordinated by a node, and the node that does.
func (c *three) moverElsewhere(ctx context.Context, t *testing.T, node int) (cl *kgo.Client, id string, coordinator int) {
	t.Helper()
	for _, id = range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		cl = c.cl(producer(id, kgo.TransactionTimeout(10*time.Minute))...)
		if _, _, err := cl.ProducerID(ctx); err != nil {
			t.Fatal(err)
		}
		found := kadm.NewClient(cl).FindTxnCoordinators(ctx, id)[id]
		if found.Err != nil {
			t.Fatal(found.Err)
		}
		if coordinator = int(found.NodeID) - 1; coordinator != node {
			return cl, id, coordinator
		}
		cl.Close()
	}
	t.Fatal("every transaction is coordinated by the node")
	return nil, "", 0
}

// createOn makes a topic on given nodes.
func (c *three) createOn(ctx context.Context, t *testing.T, cl *kgo.Client, topic string, replicas [][]int32) {
	t.Helper()
	rq := kmsg.NewPtrCreateTopicsRequest()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = topic, -1, -1
	for p, on := range replicas {
		one.ReplicaAssignment = append(one.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(p), Replicas: on})
	}
	rq.Topics = append(rq.Topics, one)
	resp, err := rq.RequestWith(ctx, cl)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatal(err, resp)
	}
}

// stable is the last stable offset of a partition of money, -1 if nobody tells.
func (c *three) stable(ctx context.Context, t *testing.T, cl *kgo.Client, partition int32) int64 {
	t.Helper()
	offsets, _ := kadm.NewClient(cl).ListCommittedOffsets(ctx, "money") // the other partition may have no leader
	if o, ok := offsets.Lookup("money", partition); ok && o.Err == nil {
		return o.Offset
	}
	return -1
}
