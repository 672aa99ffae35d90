package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/config"
	"leat/internal/fs"
	"leat/internal/sim"
)

// Clusters in a bubble: the real rooms and real clients on virtual time, with a network and files in memory that can be cut, killed and
// filled.

// bubbleNode is a node on a simulated host.
type bubbleNode struct {
	host *sim.Host
	addr string
	stop context.CancelFunc
	done chan error
	dead atomic.Bool // killed: what it still does, nobody sees
}

// dial is the network of one process: a killed one has none, although the machine has.
func (n *bubbleNode) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if n.dead.Load() {
		return nil, errors.New("this process was killed")
	}
	c, err := n.host.DialContext(ctx, network, address)
	if err == nil && n.dead.Load() {
		_ = c.Close()
		return nil, errors.New("this process was killed")
	}
	return c, err
}

// listen is likewise: a process that was killed while it started takes no port from the next one.
func (n *bubbleNode) listen(network, address string) (net.Listener, error) {
	if n.dead.Load() {
		return nil, errors.New("this process was killed")
	}
	return n.host.Listen(network, address)
}

// bubbleStart runs a node on a host, with its files in fsys, and waits until it is ready.
func bubbleStart(t *testing.T, host *sim.Host, fsys *fs.Mem, set map[string]string) *bubbleNode {
	t.Helper()
	n, err := bubbleTry(t, host, fsys, set, slog.DiscardHandler)
	if err != nil {
		t.Fatalf("node did not start: %v", err)
	}
	return n
}

// bubbleTry is bubbleStart for a node that may not start, and whose log lines matter.
func bubbleTry(t *testing.T, host *sim.Host, fsys *fs.Mem, set map[string]string, logs slog.Handler) (*bubbleNode, error) {
	t.Helper()
	n, ready := bubbleLaunch(t, host, fsys, set, logs)
	select {
	case <-ready:
		return n, nil
	case err := <-n.done:
		n.stop()
		return nil, err
	}
}

// bubbleLaunch is bubbleTry for a node that nobody waits for.
func bubbleLaunch(t *testing.T, host *sim.Host, fsys fs.FS, set map[string]string, logs slog.Handler) (*bubbleNode, <-chan Addresses) {
	t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"log.dirs":                         "data",
		"listeners":                        fmt.Sprintf("PLAINTEXT://%[1]s:9092,CONTROLLER://%[1]s:9093", host.IP()),
		"leat.http.listener":               "",
		"group.initial.rebalance.delay.ms": "0",
	}, set)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &bubbleNode{host: host, addr: net.JoinHostPort(host.IP().String(), "9092"), stop: cancel, done: make(chan error, 1)}
	t.Cleanup(func() {
		if n.dead.Load() { // it goes on until it finds that it can do nothing
			<-n.done
		}
	})
	ready := make(chan Addresses, 1)
	go func() {
		n.done <- Run(ctx, Config{
			Values: v, Logger: slog.New(logs), Ready: func(a Addresses) { ready <- a }, FS: fsys, Listen: n.listen, Dial: n.dial,
		})
	}()
	return n, ready
}

// shutDown ends the node in order.
func (n *bubbleNode) shutDown(t *testing.T) {
	t.Helper()
	n.stop()
	if err := <-n.done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// kill takes the node away as kill -9 would: its connections break, and the next process finds the files that are returned. What the old one
// still does, nobody sees, and nobody waits for it.
func (n *bubbleNode) kill(fsys *fs.Mem) *fs.Mem {
	n.dead.Store(true)
	left := fsys.Kill()
	n.host.Stop()
	n.stop()
	return left
}

func bubbleClient(t *testing.T, host *sim.Host, n *bubbleNode, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(n.addr), kgo.Dialer(host.DialContext), kgo.MetadataMinAge(100 * time.Millisecond), kgo.AllowAutoTopicCreation(),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// produceMany writes count records, each acknowledged before the next, and returns how many were.
func produceMany(ctx context.Context, cl *kgo.Client, topic string, from, count int) (acknowledged int, err error) {
	for i := range count {
		r := &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "record %d", from+i)}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			return i, err
		}
	}
	return count, nil
}

// readAll consumes count records of a topic from its beginning.
func readAll(t *testing.T, host *sim.Host, n *bubbleNode, topic string, count int) []string {
	t.Helper()
	cl := bubbleClient(t, host, n, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var values []string
	for len(values) < count {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(values), count, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func TestClusterGroupGoesOnWhereItStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		n := bubbleStart(t, network.Host("broker"), fs.NewMem(), nil)
		client := network.Host("client")
		producer := bubbleClient(t, client, n)
		if _, err := produceMany(t.Context(), producer, "orders", 0, 100); err != nil {
			t.Fatal(err)
		}
		read := consumeInGroup(t, client, n, 60)
		time.Sleep(10 * time.Minute) // heartbeats, sessions and retention checks pass
		read = append(read, consumeInGroup(t, client, n, 40)...)
		for i, v := range read {
			if want := fmt.Sprintf("record %d", i); v != want {
				t.Fatalf("record %d of the group is %q, want %q", i, v, want)
			}
		}
		producer.Close()
		n.shutDown(t)
	})
}

// consumeInGroup joins the group, reads exactly count records, commits and leaves.
func consumeInGroup(t *testing.T, host *sim.Host, n *bubbleNode, count int) []string {
	t.Helper()
	cl := bubbleClient(t, host, n, kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	var values []string
	for len(values) < count {
		fetches := cl.PollRecords(t.Context(), count-len(values))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
		if err := cl.CommitUncommittedOffsets(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

func TestClusterKeepsWhatItAcknowledgedWhenKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		files := fs.NewMem()
		broker, client := network.Host("broker"), network.Host("client")
		n := bubbleStart(t, broker, files, nil)
		producer := bubbleClient(t, client, n)
		const rounds, each = 5, 40
		for round := range rounds {
			if _, err := produceMany(t.Context(), producer, "ledger", round*each, each); err != nil {
				t.Fatal(err)
			}
			files = n.kill(files)
			n = bubbleStart(t, broker, files, nil)
		}
		for i, v := range readAll(t, client, n, "ledger", rounds*each) {
			if want := fmt.Sprintf("record %d", i); v != want {
				t.Fatalf("offset %d holds %q, want %q: lost, twice or out of order", i, v, want)
			}
		}
		producer.Close()
		n.shutDown(t)
	})
}

func TestClusterRefusesWhenTheDiskIsFullAndGoesOnWhenItIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		files := fs.NewMem()
		client := network.Host("client")
		n := bubbleStart(t, network.Host("broker"), files, nil)
		producer := bubbleClient(t, client, n, kgo.RecordRetries(2), kgo.RetryTimeout(5*time.Second), kgo.DisableIdempotentWrite(),
			kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.NoCompression()))
		if _, err := produceMany(t.Context(), producer, "ledger", 0, 10); err != nil {
			t.Fatal(err)
		}
		total, available, err := files.Usage("data")
		if err != nil {
			t.Fatal(err)
		}
		files.SetCapacity(total - available + 1<<20)
		acknowledged := 10
		for i := 0; err == nil; i++ {
			r := &kgo.Record{Topic: "ledger", Value: make([]byte, 100_000)}
			if err = producer.ProduceSync(t.Context(), r).FirstErr(); err == nil {
				acknowledged++
			}
			if i > 100 {
				t.Fatal("the disk never filled")
			}
		}
		if !errors.Is(err, kerr.KafkaStorageError) {
			t.Errorf("a full disk was answered with %v, want KAFKA_STORAGE_ERROR", err)
		}
		files.SetCapacity(0)
		if _, err := produceMany(t.Context(), producer, "ledger", acknowledged, 10); err != nil {
			t.Fatalf("after space returned: %v", err)
		}
		if got := len(readAll(t, client, n, "ledger", acknowledged+10)); got != acknowledged+10 {
			t.Errorf("%d records, want the %d that were acknowledged", got, acknowledged+10)
		}
		producer.Close()
		n.shutDown(t)
	})
}

func TestClusterClientsComeBackAfterACutLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		broker, client := network.Host("broker"), network.Host("client")
		n := bubbleStart(t, broker, fs.NewMem(), nil)
		producer := bubbleClient(t, client, n)
		if _, err := produceMany(t.Context(), producer, "ledger", 0, 10); err != nil {
			t.Fatal(err)
		}
		network.Cut(broker, client)
		go func() {
			time.Sleep(30 * time.Second)
			network.Heal(broker, client)
		}()
		if _, err := produceMany(t.Context(), producer, "ledger", 10, 10); err != nil {
			t.Fatal(err)
		}
		for i, v := range readAll(t, client, n, "ledger", 20) {
			if want := fmt.Sprintf("record %d", i); v != want {
				t.Fatalf("offset %d holds %q, want %q", i, v, want)
			}
		}
		producer.Close()
		n.shutDown(t)
	})
}

func TestClusterTopicsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{})
		files := fs.NewMem()
		broker, client := network.Host("broker"), network.Host("client")
		n := bubbleStart(t, broker, files, nil)
		cl := bubbleClient(t, client, n)
		admin := kadm.NewClient(cl)
		retention := "1234567"
		created, err := admin.CreateTopic(t.Context(), 3, 1, map[string]*string{"retention.ms": &retention}, "orders")
		if err != nil {
			t.Fatal(err)
		}
		n.shutDown(t)
		n = bubbleStart(t, broker, files, nil)
		topics, err := admin.ListTopics(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		if got := topics["orders"]; got.ID != created.ID || len(got.Partitions) != 3 {
			t.Errorf("after a restart the topic is %v with %d partitions, want %v with 3", got.ID, len(got.Partitions), created.ID)
		}
		configs, err := admin.DescribeTopicConfigs(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range configs[0].Configs {
			if c.Key == "retention.ms" && c.MaybeValue() != retention {
				t.Errorf("retention.ms is %s after a restart, want %s", c.MaybeValue(), retention)
			}
		}
		cl.Close()
		n.shutDown(t)
	})
}
