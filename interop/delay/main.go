// Command delay sends delayed records to a cluster while nodes are killed: in turn one that leads a partition of the topic, one that leads a
// partition of the timer log, and any; and every fourth time a partition gets another leader.
//
// At the end every acknowledged record must be there once and none before its time, at offsets without a gap, and no cancelled one; and none may
// be late by more than the bounds, of which one is for those that were due while no node was down, also when a node that is back leads again. What
// records that are not delayed wait for their acknowledgement at that time is not counted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"leat/interop/fleet"
	"leat/interop/target"
)

const (
	topic      = "later"
	timerTopic = "__leat_timers"
	partitions = 3
)

func main() {
	binary := flag.String("binary", "./leat", "leat's program")
	dir := flag.String("dir", "", "an empty directory for the nodes")
	rounds := flag.Int("rounds", 8, "how often something happens to the nodes")
	seed := flag.Uint64("seed", 1, "of the choice of nodes and delays")
	late := flag.Duration("late", 100*time.Millisecond, "how late a record may be appended that was due while no node was down")
	latest := flag.Duration("latest", time.Second, "how late any record may be appended")
	flag.Parse()
	if err := run(*binary, *dir, *rounds, *seed, *late, *latest); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(binary, dir string, rounds int, seed uint64, late, latest time.Duration) error {
	f := &fleet.Fleet{Dir: dir, Binary: binary, Static: true, Settings: map[string]string{
		"leat.delay.topic.num.partitions": "3", "min.insync.replicas": "2", "default.replication.factor": "3",
	}}
	for id := int32(1); id <= 3; id++ {
		f.Nodes = append(f.Nodes, &fleet.Node{ID: id, Kind: target.Leat, Roles: "broker,controller"})
	}
	defer f.Close()
	if err := fleet.New(f); err != nil {
		return err
	}
	ctx := context.Background()
	if err := startAll(ctx, f); err != nil {
		return err
	}
	admin, err := fleet.NewAdmin(f.Nodes...)
	if err != nil {
		return err
	}
	var replicas [][]int32
	for p := range int32(partitions) {
		replicas = append(replicas, []int32{p%3 + 1, (p+1)%3 + 1, (p+2)%3 + 1})
	}
	if err := errors.Join(admin.CreateOn(ctx, topic, replicas, "leat.delay.enable", "true", "min.insync.replicas", "2", "message.timestamp.type", "LogAppendTime"),
		admin.Known(ctx, topic)); err != nil {
		return err
	}
	g, err := open(ctx, f.Addresses(), seed)
	if err != nil {
		return err
	}
	defer g.close()
	chance := rand.New(rand.NewPCG(seed, 7))
	for round := range rounds {
		time.Sleep(3 * time.Second)
		begin := time.Now()
		what, err := disturb(ctx, f, admin, round, chance)
		if err == nil {
			err = errors.Join(admin.InSync(ctx, topic), admin.InSync(ctx, timerTopic))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("round %d: %s: %w", round+1, what, err), f.Tails(30))
		}
		g.disturbed(begin.Add(-late), time.Now()) // what was due just before may have been on its way
		fmt.Printf("round %d: %s\n", round+1, what)
	}
	time.Sleep(3 * time.Second)
	if err := g.end(ctx); err != nil {
		return errors.Join(err, f.Tails(30))
	}
	fmt.Println(g)
	return g.onTime(late, latest)
}

// startAll starts the nodes at the same time: none is ready without another.
func startAll(ctx context.Context, f *fleet.Fleet) error {
	errs := make([]error, len(f.Nodes))
	var all sync.WaitGroup
	for i, n := range f.Nodes {
		all.Go(func() { errs[i] = n.Start(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// disturb does to the cluster what it is this round's turn for, and says what.
func disturb(ctx context.Context, f *fleet.Fleet, admin *fleet.Admin, round int, chance *rand.Rand) (string, error) {
	partition := chance.Int32N(partitions)
	switch round % 4 {
	case 0, 1:
		of := []string{topic, timerTopic}[round%4]
		leader, err := admin.Leader(ctx, of, partition)
		if err != nil {
			return "leader of " + of, err
		}
		return kill(ctx, f.Node(leader), fmt.Sprintf("leads %s-%d", of, partition), chance)
	case 2:
		of := []string{topic, timerTopic}[chance.IntN(2)]
		first := chance.Int32N(3)
		to := []int32{first + 1, (first+1)%3 + 1, (first+2)%3 + 1}
		return fmt.Sprintf("%s-%d is led by node %d", of, partition, to[0]), admin.Lead(ctx, of, partition, to...)
	}
	return kill(ctx, f.Nodes[chance.IntN(3)], "is any", chance)
}

// kill ends a node without warning, and starts it again after a while.
func kill(ctx context.Context, n *fleet.Node, why string, chance *rand.Rand) (string, error) {
	what := fmt.Sprintf("node %d, which %s, was killed", n.ID, why)
	n.Kill()
	time.Sleep(time.Duration(1000+chance.IntN(2000)) * time.Millisecond)
	return what, n.Start(ctx)
}
