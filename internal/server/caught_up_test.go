package server

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// Those who restart node after node are told when the next one may go.

func TestReplicasBehindAreThoseThatCanCatchUp(t *testing.T) {
	delta := metadata.NewDelta(metadata.Empty)
	topic := record.UUID{7}
	for i, r := range []metadata.PartitionRecord{
		{Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: 1},                               // in sync
		{Replicas: []int32{1, 3}, ISR: []int32{1}, Leader: 1},                                  // not of node 2
		{Replicas: []int32{1, 2}, ISR: []int32{1}, Leader: 1},                                  // behind
		{Replicas: []int32{2, 1}, ISR: []int32{1}, Leader: -1},                                 // with nobody
		{Replicas: []int32{1, 2}, ISR: []int32{1}, Leader: 1, AddingReplicas: []int32{2}},      // a copy that is being made
		{Replicas: []int32{1, 2, 3}, ISR: []int32{1}, Leader: 1, RemovingReplicas: []int32{3}}, // behind
	} {
		if i == 0 {
			replay(t, delta, &metadata.TopicRecord{Name: "orders", TopicID: topic})
		}
		r.TopicID, r.PartitionID = topic, int32(i)
		replay(t, delta, &r)
	}
	im := delta.Image(7, 1, 0)
	if n, first := replicasBehind(im, 2); n != 2 || first != "orders-2" {
		t.Errorf("%d replicas are behind, the first is %q; want 2, orders-2", n, first)
	}
	var c catchingUp
	if err := c.problem(im, 2); err == nil || !strings.Contains(err.Error(), "orders-2") {
		t.Errorf("a node whose replicas are behind has caught up: %v", err)
	}
	if err := c.problem(metadata.Empty, 2); err != nil {
		t.Error(err)
	}
	if err := c.problem(im, 2); err != nil {
		t.Errorf("a node that had caught up has to do it again: %v", err)
	}
}

func replay(t *testing.T, delta *metadata.Delta, r metadata.Record) {
	t.Helper()
	if err := delta.Replay(r); err != nil {
		t.Fatal(err)
	}
}

func TestClusterOfThreeIsTakenRoundByReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.how = func(i int) map[string]string {
			set := c.settings(i)
			set["leat.http.listener"] = net.JoinHostPort(c.hosts[i].IP().String(), "9644")
			return set
		}
		c.start(0, 1, 2)
		c.create("orders", 5, 3)
		for i := range c.nodes {
			c.nodes[i].shutDown(t)
			c.write("orders", 200*i, 200)
			c.start(i)
			c.caughtUp(i)
			c.shows(i, "orders", 3)
		}
		c.read("orders", 600)
		c.stop()
	})
}

// caughtUp waits until a node says that the next one may be restarted.
func (c *three) caughtUp(i int) {
	c.t.Helper()
	web := http.Client{Transport: &http.Transport{DialContext: c.client.DialContext, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for range 600 {
		resp, err := web.Get("http://" + net.JoinHostPort(c.hosts[i].IP().String(), "9644") + "/readyz?in-sync")
		if err != nil {
			c.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(time.Millisecond)
	}
	c.t.Errorf("node %d does not catch up", i+1)
}

// shows checks what one node tells of a topic, now.
func (c *three) shows(i int, topic string, replicas int) {
	c.t.Helper()
	cl := bubbleClient(c.t, c.client, c.nodes[i])
	defer cl.Close()
	req := kmsg.NewPtrMetadataRequest()
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = &topic
	req.Topics = append(req.Topics, one)
	resp, err := req.RequestWith(c.t.Context(), cl.SeedBrokers()[0])
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range resp.Topics[0].Partitions {
		if len(p.ISR) != replicas {
			c.t.Errorf("node %d has caught up, and %s-%d has %v in sync", i+1, topic, p.Partition, p.ISR)
		}
	}
}
