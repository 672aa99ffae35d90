package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The topic that is written all the time.
const (
	topic      = "ledger"
	partitions = 6
	writers    = 3
)

// game is one run of random faults.
type game struct {
	*cluster
	rng       *rand.Rand
	ledger    *ledger
	keeper    *keeper
	producers []*producer
	reader    *consumer
	patience  time.Duration
	healing   []time.Duration
	counts    map[string]int
	left      map[string]error // faults that are not possible here
}

func runGame(ctx context.Context, o options, g ground, dir string) error {
	c, err := newCluster(o, g, dir)
	if err != nil {
		return err
	}
	defer c.close()
	game := &game{cluster: c, rng: rand.New(rand.NewPCG(o.seed, 8)), ledger: newLedger(), patience: 3 * time.Minute, counts: map[string]int{}, left: map[string]error{}}
	if o.defaults {
		game.patience = 5 * time.Minute
	}
	if err := game.open(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	for round := range o.rounds {
		began := time.Now()
		name, err := game.round(ctx, round)
		if err != nil {
			c.note("FAILED: %v", err)
			return fmt.Errorf("round %d (%s): %w", round, name, err)
		}
		fmt.Printf("faults  %3d of %d  %-58s %5.1fs, healed in %4.1fs  %d records\n", round+1, o.rounds, name, time.Since(began).Seconds(),
			game.healing[len(game.healing)-1].Seconds(), game.ledger.count())
	}
	return game.end(ctx)
}

// open starts the cluster, its topic and the clients.
func (g *game) open(ctx context.Context) error {
	if err := g.startAll(); err != nil {
		return err
	}
	if err := g.await(ctx, g.patience); err != nil {
		return err
	}
	g.note("the cluster is there")
	admin, err := kgo.NewClient(g.patient("admin")...)
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := g.create(ctx, admin); err != nil {
		return err
	}
	if err := g.await(ctx, g.patience); err != nil {
		return err
	}
	for i := range writers {
		p, err := newProducer(g.cluster, g.ledger, rand.New(rand.NewPCG(g.opts.seed, uint64(100+i))), string(rune('a'+i)), topic, partitions)
		if err != nil {
			return err
		}
		g.producers = append(g.producers, p)
	}
	if g.keeper, err = newKeeper(g.cluster); err != nil {
		return err
	}
	g.reader, err = newConsumer(g.cluster, g.ledger, "reader", topic, partitions)
	return err
}

// create makes the topic; each holder is the first of as many partitions.
func (g *game) create(ctx context.Context, admin *kgo.Client) error {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = 30_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	for p := range int32(partitions) {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition = p
		ids := g.holders()
		for i := range ids {
			a.Replicas = append(a.Replicas, int32(ids[(int(p)+i)%len(ids)]))
		}
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	rq.Topics = append(rq.Topics, t)
	for end := time.Now().Add(g.patience); ; wait(ctx, 100*time.Millisecond) {
		answer, err := rq.RequestWith(ctx, admin)
		if err == nil {
			err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
		}
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) { // by a request whose answer was lost
			return nil
		}
		if !kerr.IsRetriable(err) || time.Now().After(end) {
			return err
		}
	}
}

// round hurts the cluster under load, heals it and checks it.
func (g *game) round(ctx context.Context, round int) (string, error) {
	for _, p := range g.producers {
		p.run()
	}
	g.keeper.run(round)
	wait(ctx, time.Duration(100+g.rng.IntN(400))*time.Millisecond)
	name, err := g.hurt(ctx)
	g.note("round %d: %s is over (%v), healing", round, name, err)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return name, err
	}
	began := time.Now()
	if err := g.heal(ctx); err != nil {
		return name, err
	}
	g.healing = append(g.healing, time.Since(began))
	g.note("healed in %s", time.Since(began))
	g.keeper.halt()
	for _, p := range g.producers {
		p.stop()
	}
	for _, p := range g.producers {
		if err := p.halt(g.patience); err != nil {
			return name, err
		}
	}
	if err := g.check(ctx); err != nil {
		return name, err
	}
	g.note("checked: %d records acknowledged", g.ledger.count())
	return name, nil
}

// heal undoes what is left of the faults, and waits until all is well.
func (g *game) heal(ctx context.Context) error {
	if err := mendAll(g.ground); err != nil {
		return err
	}
	if err := g.each(func(n *node) error {
		if n.running() {
			return nil
		}
		if err := n.fellOver(); err != nil {
			return err
		}
		return n.start()
	}); err != nil {
		return err
	}
	return g.await(ctx, g.patience)
}

// check is done when nobody sends.
func (g *game) check(ctx context.Context) error {
	if err := g.reader.await(g.patience); err != nil {
		return err
	}
	if err := g.await(ctx, g.patience); err != nil {
		return err
	}
	if err := g.keeper.check(ctx, g.cluster); err != nil {
		return err
	}
	if err := g.replicas(); err != nil {
		return err
	}
	return g.each(func(n *node) error {
		for line := range strings.Lines(n.logged(0)) {
			if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
				return fmt.Errorf("node %d: %s", n.id, line)
			}
		}
		return nil
	})
}

// replicas compares the files. Followers get the last batch a moment after it is acknowledged, and the metadata log is written, rolled and shortened all the time,
// so it may take more than one look.
func (g *game) replicas() error {
	for end := time.Now().Add(g.patience); ; time.Sleep(50 * time.Millisecond) {
		err := same(g.dirs("__cluster_metadata", 0), false)
		for partition := range partitions {
			err = errors.Join(err, same(g.dirs(topic, partition), true))
		}
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (g *game) dirs(topic string, partition int) []string {
	var all []string
	for _, id := range g.holders() {
		all = append(all, filepath.Join(g.node[id].data(), fmt.Sprintf("%s-%d", topic, partition)))
	}
	return all
}

// end reads everything once more from the first offset on, and sums up.
func (g *game) end(ctx context.Context) error {
	again, err := newConsumer(g.cluster, g.ledger, "second reader", topic, partitions)
	if err != nil {
		return err
	}
	defer again.close()
	if err := again.await(g.patience); err != nil {
		return fmt.Errorf("after all rounds: %w", err)
	}
	g.reader.close()
	for _, p := range g.producers {
		p.client.Close()
	}
	for id := nodes; id > 0; id-- { // the one that is the only controller, if there is one, last
		if err := g.node[id].stop(g.patience); err != nil {
			return err
		}
	}
	var slowest, sum time.Duration
	for _, h := range g.healing {
		slowest, sum = max(slowest, h), sum+h
	}
	for name, why := range g.left {
		fmt.Printf("faults  left out: %s: %v\n", name, why)
	}
	fmt.Printf("faults  %d rounds: %d records acknowledged, 0 lost, 0 twice, 0 out of order, replicas equal; %d topics created or deleted, 0 undone\n",
		len(g.healing), g.ledger.count(), g.keeper.answers)
	fmt.Printf("faults  healed within %.1fs on average, %.1fs at most\n", sum.Seconds()/float64(max(1, len(g.healing))), slowest.Seconds())
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
