package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

const (
	topic      = "orders"
	partitions = 6
)

// world is the nodes, the groups, and who writes.
type world struct {
	dir, bootstrap                string
	self, classes, python, script string

	nodes  []*target.Node
	groups []*group
	client *kgo.Client
	adm    *kadm.Client
	rand   *rand.Rand
	made   int
	tally  map[string]int

	mu   sync.Mutex
	sent [partitions]map[int64]bool // what was acknowledged
}

// prepare finds the programs of the members, and builds what is to be built.
func (w *world) prepare() error {
	root, err := target.Root()
	if err != nil {
		return err
	}
	cache, err := target.Cache()
	if err != nil {
		return err
	}
	if w.self, err = os.Executable(); err != nil {
		return err
	}
	w.python, w.script = filepath.Join(cache, "python", "bin", "python"), filepath.Join(root, "interop", "groups", "member.py")
	classes := filepath.Join(w.dir, "classes")
	w.classes = classes + string(os.PathListSeparator) + filepath.Join(cache, "kafka", "*")
	out, err := exec.Command("javac", "-cp", w.classes, "-d", classes, filepath.Join(root, "interop", "groups", "Member.java")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac (interop/setup.sh kafka python first): %w: %s", err, out)
	}
	return nil
}

// begin starts three nodes with the topic.
func (w *world) begin(ctx context.Context, binary string) (err error) {
	w.nodes, err = target.NewCluster(target.ClusterConfig{Kind: target.Leat, Dir: w.dir, Binary: binary, Nodes: 3, Settings: map[string]string{
		"offsets.topic.num.partitions": "6", "default.replication.factor": "3", "min.insync.replicas": "2", "broker.session.timeout.ms": "3000",
		"broker.heartbeat.interval.ms": "500", "group.initial.rebalance.delay.ms": "500", "group.consumer.min.session.timeout.ms": "5000",
		"group.consumer.session.timeout.ms": "6000", "group.consumer.min.heartbeat.interval.ms": "500", "group.consumer.heartbeat.interval.ms": "1000",
	}})
	if err != nil {
		return err
	}
	errs := make([]error, len(w.nodes))
	var wait sync.WaitGroup
	var addresses []string
	for i, n := range w.nodes {
		addresses = append(addresses, n.Bootstrap())
		wait.Go(func() { _, errs[i] = n.Start(ctx) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	w.bootstrap = strings.Join(addresses, ",")
	if w.client, err = kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.RecordPartitioner(kgo.RoundRobinPartitioner())); err != nil {
		return err
	}
	w.adm = kadm.NewClient(w.client)
	for p := range w.sent {
		w.sent[p] = make(map[int64]bool)
	}
	created, err := w.adm.CreateTopic(ctx, partitions, 3, nil, topic)
	return errors.Join(err, created.Err)
}

// end ends everything.
func (w *world) end() {
	for _, g := range w.groups {
		for _, m := range g.members {
			m.kill()
		}
	}
	if w.client != nil {
		w.client.Close()
	}
	for _, n := range w.nodes {
		n.Kill()
	}
}

// write sends records until ctx ends, and waits for what is under way.
func (w *world) write(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			return w.client.Flush(flush)
		case <-tick.C:
		}
		for range partitions {
			w.client.Produce(context.WithoutCancel(ctx), &kgo.Record{Topic: topic, Value: []byte("order")}, func(r *kgo.Record, err error) {
				if err == nil {
					w.mu.Lock()
					w.sent[r.Partition][r.Offset] = true
					w.mu.Unlock()
				}
			})
		}
	}
}

// watch looks at the committed offsets until ctx ends.
func (w *world) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		for _, g := range w.groups {
			if err := g.look(ctx, w.adm); err != nil {
				return err
			}
		}
		pause(ctx, 200*time.Millisecond)
	}
	return nil
}

// pause waits, and reports false if it was cut short.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
