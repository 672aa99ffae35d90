package server

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/sim"
)

// A broker that is no controller, in a bubble with a node that is.

// follows is the configuration of a broker whose controller is elsewhere.
func follows(host, controller *sim.Host, nodeID int) map[string]string {
	return map[string]string{
		"process.roles": "broker", "node.id": fmt.Sprint(nodeID), "controller.listener.names": "CONTROLLER",
		"controller.quorum.bootstrap.servers": fmt.Sprintf("%s:9093", controller.IP()),
		"listeners":                           fmt.Sprintf("PLAINTEXT://%s:9092", host.IP()),
	}
}

// pair is a node that is broker and controller, one that is a broker only, and a machine for clients.
type pair struct {
	t                          *testing.T
	network                    *sim.Network
	controller, broker, client *sim.Host
	controllerFiles            *fs.Mem
	brokerFiles                *fs.Mem
	first, second              *bubbleNode
}

func startPair(t *testing.T, set map[string]string) *pair {
	t.Helper()
	network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
	p := &pair{t: t, network: network, controller: network.Host("controller"), broker: network.Host("broker"), client: network.Host("client"),
		controllerFiles: fs.NewMem(), brokerFiles: fs.NewMem()}
	p.first = bubbleStart(t, p.controller, p.controllerFiles, set)
	p.second = bubbleStart(t, p.broker, p.brokerFiles, follows(p.broker, p.controller, 2))
	return p
}

func (p *pair) stop() {
	p.second.shutDown(p.t)
	p.first.shutDown(p.t)
}

// createOn makes a topic with one replica on the node, through the other broker's listener.
func (p *pair) createOn(via *bubbleNode, topic string, nodeID int32) error {
	cl := bubbleClient(p.t, p.client, via)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = 10_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	a.Replicas = []int32{nodeID}
	t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	rq.Topics = append(rq.Topics, t)
	resp, err := rq.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

// wrote produces and reads back. The producer is not idempotent: for that its broker may need a block of producer ids, which the controller allots.
func (p *pair) wrote(topic string, from, count int) {
	p.t.Helper()
	cl := bubbleClient(p.t, p.client, p.second, kgo.DisableIdempotentWrite())
	defer cl.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	if n, err := produceMany(ctx, cl, topic, from, count); err != nil {
		p.t.Fatalf("%s: record %d: %v", topic, from+n, err)
	}
	for i, v := range readAll(p.t, p.client, p.second, topic, from+count) {
		if want := fmt.Sprintf("record %d", i); v != want {
			p.t.Fatalf("%s: offset %d holds %q, want %q", topic, i, v, want)
		}
	}
}

func TestClusterBrokerFollowsARemoteController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, nil)
		for _, via := range []*bubbleNode{p.first, p.second} {
			topic := "made-by-" + via.host.Name()
			if err := p.createOn(via, topic, 2); err != nil {
				t.Fatalf("%s: %v", topic, err)
			}
			p.wrote(topic, 0, 50)
		}
		if err := p.createOn(p.second, "made-by-broker", 2); err == nil || !strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
			t.Errorf("a topic that exists was created: %v", err)
		}
		p.stop()
	})
}

// What the controller cannot tell changes nothing for clients of partitions that the broker leads; after that all goes on.
func TestClusterBrokerOutlivesItsController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, nil)
		if err := p.createOn(p.second, "orders", 2); err != nil {
			t.Fatal(err)
		}
		p.wrote("orders", 0, 10)
		p.controllerFiles = p.first.kill(p.controllerFiles)
		p.wrote("orders", 10, 10)
		time.Sleep(time.Minute)
		p.wrote("orders", 20, 10)
		p.first = bubbleStart(t, p.controller, p.controllerFiles, nil)
		if err := p.createOn(p.second, "later", 2); err != nil {
			t.Fatal(err)
		}
		p.wrote("later", 0, 10)
		p.wrote("orders", 30, 10)
		p.stop()
	})
}

func TestClusterBrokerBehindACutLinkIsFencedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, nil)
		if err := p.createOn(p.second, "orders", 2); err != nil {
			t.Fatal(err)
		}
		p.network.Cut(p.controller, p.broker)
		time.Sleep(time.Minute) // the session ends
		if err := p.createOn(p.first, "refused", 2); err == nil {
			t.Error("a topic was put on a broker that is fenced")
		}
		p.network.Heal(p.controller, p.broker)
		time.Sleep(10 * time.Second)
		if err := p.createOn(p.first, "later", 2); err != nil {
			t.Fatal(err)
		}
		p.wrote("later", 0, 10)
		p.wrote("orders", 0, 10)
		p.stop()
	})
}

// The controller's log no longer has its beginning: a fresh broker, and one that was away, begin with a checkpoint.
func TestClusterBrokerInstallsACheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, map[string]string{"metadata.log.max.record.bytes.between.snapshots": "500", "metadata.max.retention.bytes": "1"})
		if err := p.createOn(p.first, "orders", 2); err != nil {
			t.Fatal(err)
		}
		p.wrote("orders", 0, 10)
		p.network.Cut(p.controller, p.broker)
		for i := range 30 {
			if err := p.createOn(p.first, fmt.Sprint("topic-", i), 1); err != nil {
				t.Fatal(err)
			}
		}
		p.network.Heal(p.controller, p.broker)
		time.Sleep(20 * time.Second)
		checkInstalled(t, p.brokerFiles)
		if err := p.createOn(p.second, "later", 2); err != nil {
			t.Fatal(err)
		}
		p.wrote("later", 0, 10)
		p.wrote("orders", 10, 10)

		third := p.network.Host("third")
		files := fs.NewMem()
		n := bubbleStart(t, third, files, follows(third, p.controller, 3))
		checkInstalled(t, files)
		if err := p.createOn(n, "on-third", 3); err != nil {
			t.Fatal(err)
		}
		p.wrote("on-third", 0, 10)
		n.shutDown(t)
		n = bubbleStart(t, third, files, follows(third, p.controller, 3))
		p.wrote("on-third", 10, 10)
		n.shutDown(t)
		p.stop()
	})
}

// checkInstalled fails if there is no checkpoint beside the log, or a piece of one.
func checkInstalled(t *testing.T, fsys *fs.Mem) {
	t.Helper()
	entries, err := fsys.ReadDir("data/__cluster_metadata-0")
	if err != nil {
		t.Fatal(err)
	}
	checkpoints := 0
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".checkpoint":
			checkpoints++
		case ".part":
			t.Errorf("left over: %s", e.Name())
		}
	}
	if checkpoints == 0 {
		t.Error("no checkpoint was installed")
	}
}

func TestClusterBrokerSaysWhyItCannotJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		one, other, host, twin := network.Host("one"), network.Host("other"), network.Host("broker"), network.Host("twin")
		refused := func(h *sim.Host, fsys *fs.Mem, controller *sim.Host, parts ...string) {
			t.Helper()
			n, err := bubbleTry(t, h, fsys, follows(h, controller, 2), slog.DiscardHandler)
			if err == nil {
				n.shutDown(t)
				t.Fatalf("a node started that should say %q", parts)
			}
			for _, part := range parts {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		}
		files := fs.NewMem()
		refused(host, files, one, "cluster id: no active controller reached", one.IP().String()+":9093", "refused", "controller.quorum.bootstrap.servers")
		first := bubbleStart(t, one, fs.NewMem(), nil)
		second := bubbleStart(t, other, fs.NewMem(), nil)
		n := bubbleStart(t, host, files, follows(host, one, 2))
		refused(twin, fs.NewMem(), one, "register broker 2", "another broker with node.id=2 is a live member")
		n.shutDown(t)
		refused(host, files, other, "belongs to another cluster than this node", "controller.quorum.bootstrap.servers")
		first.shutDown(t)
		refused(host, files, one, "no active controller reached", "refused")
		second.shutDown(t)
	})
}

// Everything that a client may ask a broker which the controller has to answer goes there and back.
func TestClusterBrokerForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, nil)
		cl := bubbleClient(t, p.client, p.second, kgo.RetryTimeout(5*time.Second))
		defer cl.Close()
		dq := kmsg.NewPtrDescribeQuorumRequest()
		topic := kmsg.NewDescribeQuorumRequestTopic()
		topic.Topic = "__cluster_metadata"
		topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
		dq.Topics = append(dq.Topics, topic)
		answer, err := cl.Broker(2).Request(t.Context(), dq)
		if err != nil {
			t.Fatal(err)
		}
		part := answer.(*kmsg.DescribeQuorumResponse).Topics[0].Partitions[0]
		if part.LeaderID != 1 || len(part.CurrentVoters) != 1 || len(part.Observers) != 1 || part.Observers[0].ReplicaID != 2 {
			t.Errorf("quorum told through the broker: %+v", part)
		}
		ac := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, ""
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value = "log.retention.ms", new("123456")
		r.Configs = append(r.Configs, c)
		ac.Resources = append(ac.Resources, r)
		answer, err = cl.Broker(2).Request(t.Context(), ac)
		if err != nil {
			t.Fatal(err)
		}
		if code := answer.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode; code != 0 {
			t.Errorf("config through the broker: %v", kerr.ErrorForCode(code))
		}
		id := kmsg.NewPtrInitProducerIDRequest()
		answer, err = cl.Broker(2).Request(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if resp := answer.(*kmsg.InitProducerIDResponse); resp.ErrorCode != 0 || resp.ProducerID < 0 {
			t.Errorf("producer id: %+v", resp)
		}
		p.stop()
	})
}
