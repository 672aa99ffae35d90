package server

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/config"
	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/sim"
	"leat/internal/uplink"
)

// What goes wrong when nodes are put together, and what they say of it.

// said collects log lines.
type said struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (s *said) Enabled(context.Context, slog.Level) bool { return true }
func (s *said) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *said) WithGroup(string) slog.Handler            { return s }
func (s *said) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	return nil
}

// has reports whether one line has all parts.
func (s *said) has(parts ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(line, p)
		}
		if all {
			return true
		}
	}
	return false
}

// run begins to run a node that may never be ready, and returns what ends it.
func (c *three) run(i int, set map[string]string, logs slog.Handler) (stop func() error) {
	c.t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"log.dirs": "data", "leat.http.listener": "",
		"listeners": fmt.Sprintf("PLAINTEXT://%[1]s:9092,CONTROLLER://%[1]s:9093", c.hosts[i].IP()),
	}, set)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Values: v, Logger: slog.New(logs), Ready: func(Addresses) {}, FS: c.files[i],
			Listen: c.hosts[i].Listen, Dial: c.hosts[i].DialContext})
	}()
	return func() error { cancel(); return <-done }
}

func TestClusterThatNeverFormsNamesWhoIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		logs := &said{}
		stop := c.run(1, c.settings(1), logs)
		time.Sleep(20 * time.Second)
		if !logs.has("fresh controller has not found its cluster yet", "controller 1, the lowest of controller.quorum.voters", "none has answered",
			c.hosts[0].IP().String()+":9093", c.hosts[2].IP().String()+":9093", "refused") {
			t.Errorf("node 2 says %q", logs.lines)
		}
		if err := stop(); err == nil || !strings.Contains(err.Error(), "find the cluster of fresh controller 2") {
			t.Errorf("it ends with %v", err)
		}
		if _, err := c.files[1].Stat("data/meta.properties"); err == nil {
			t.Error("a node without a cluster formatted its directory")
		}
	})
}

func TestClusterWithoutAMajoritySaysWhoIsNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.stop()
		logs := &said{}
		stop := c.run(2, c.settings(2), logs)
		time.Sleep(30 * time.Second)
		if !logs.has("no controller leads", c.hosts[0].IP().String()+":9093", c.hosts[1].IP().String()+":9093", "refused") {
			t.Errorf("node 3 says %q", logs.lines)
		}
		_ = stop() // it was not ready
		c.nodes = [3]*bubbleNode{}
		c.start(0, 1, 2)
		c.create("orders", 1, 3)
		c.stop()
	})
}

// otherCluster starts a node of a cluster of its own on the third machine, and leaves its disk there.
func (c *three) otherCluster() (id string) {
	c.t.Helper()
	n := bubbleStart(c.t, c.hosts[2], c.files[2], map[string]string{"node.id": "3"})
	n.shutDown(c.t)
	b, err := fs.ReadFile(c.files[2], "data/meta.properties")
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "cluster.id=")
	id, _, _ = strings.Cut(rest, "\n")
	return id
}

func TestClusterRefusesANodeOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.create("orders", 1, 3)
		c.nodes[2].shutDown(t)
		c.nodes[2] = nil
		own := c.files[2]
		c.files[2] = fs.NewMem()
		foreign := c.otherCluster()
		logs := &said{}
		stop := c.run(2, c.settings(2), logs)
		time.Sleep(30 * time.Second)
		if !logs.has("a controller belongs to another cluster", "cluster_id="+foreign, "empty the log.dirs of the one that is wrong") {
			t.Errorf("node 3 says %q", logs.lines)
		}
		if err := stop(); err == nil || !strings.Contains(err.Error(), "this node's log directories to "+foreign) {
			t.Errorf("node 3 ends with %v", err)
		}
		c.write("orders", 0, 10) // the others go on
		c.files[2] = own
		c.start(2)
		c.read("orders", 10)
		c.stop()
	})
}

// A fresh node between two clusters takes none of them.
func TestClusterOfTwoClustersIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.otherCluster()
		c.hosts[0], c.hosts[2], c.files[0], c.files[2] = c.hosts[2], c.hosts[0], c.files[2], c.files[0]
		c.otherCluster()
		first := bubbleStart(t, c.hosts[0], c.files[0], map[string]string{"node.id": "3"})
		second := bubbleStart(t, c.hosts[2], c.files[2], map[string]string{"node.id": "3"})
		logs := &said{}
		set := map[string]string{"node.id": "2", "controller.quorum.bootstrap.servers": c.addresses()}
		stop := c.run(1, set, logs)
		time.Sleep(5 * time.Second)
		if err := stop(); err == nil || !strings.Contains(err.Error(), "controllers belong to two clusters") {
			t.Errorf("it ends with %v", err)
		}
		first.shutDown(t)
		second.shutDown(t)
	})
}

func TestClusterRefusesASecondNodeWithOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		twin, logs := c.network.Host("twin"), &said{}
		set := c.settings(2)
		_, err := bubbleTry(t, twin, fs.NewMem(), set, logs)
		if err == nil || !strings.Contains(err.Error(), "where node 3 of cluster") || !strings.Contains(err.Error(), "another node.id") {
			t.Errorf("the twin ends with %v, and says %q", err, logs.lines)
		}
		c.create("orders", 1, 3)
		c.write("orders", 0, 10)
		c.inSync("orders", 3)
		c.stop()
	})
}

// What an image says of a broker that was registered by the process before it is not obeyed: that process's logs may have been longer.
func TestPartitionsWaitForTheBrokersOwnRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		controller, broker, client := network.Host("controller"), network.Host("broker"), network.Host("client")
		first := bubbleStart(t, controller, fs.NewMem(), nil)
		files := fs.NewMem()
		second := bubbleStart(t, broker, files, follows(broker, controller, 2))
		p := &pair{t: t, network: network, controller: controller, broker: broker, client: client, first: first, second: second}
		if err := p.createOn(first, "orders", 2); err != nil {
			t.Fatal(err)
		}
		p.wrote("orders", 0, 5)
		second.shutDown(t)
		second = bubbleStart(t, broker, files, follows(broker, controller, 2))
		p.second = second
		p.wrote("orders", 5, 5)
		p.stop()
	})
	n := &node{uplink: uplink.New(uplink.Config{NodeID: 2})}
	defer n.uplink.Close()
	delta := metadata.NewDelta(metadata.Empty)
	if err := delta.Replay(&metadata.RegisterBrokerRecord{BrokerID: 2, BrokerEpoch: 7, IncarnationID: [16]byte{1}}); err != nil {
		t.Fatal(err)
	}
	n.publishReplicas(delta.Image(7, 1, 0), nil) // reaches no room: there are none, and it would panic
	if n.joined {
		t.Error("an image of the process before was taken for this one's")
	}
}
