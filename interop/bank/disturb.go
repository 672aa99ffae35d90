package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"leat/interop/fleet"
)

// disturb does to the cluster what it is this round's turn for, and says what.
func disturb(ctx context.Context, f *fleet.Fleet, admin *fleet.Admin, round int, chance *rand.Rand) (string, error) {
	partition := chance.Int32N(accounts)
	switch round % 4 {
	case 0:
		teller := tellerID(chance.IntN(tellers))
		n, err := coordinator(ctx, f, admin, teller)
		if err != nil {
			return "coordinator of " + teller, err
		}
		return kill(ctx, n, "coordinates "+teller, chance)
	case 1:
		leader, err := admin.Leader(ctx, topic, partition)
		if err != nil {
			return "leader of an account", err
		}
		return kill(ctx, f.Node(leader), fmt.Sprintf("leads account %d", partition), chance)
	case 2:
		first := chance.Int32N(3)
		to := []int32{first + 1, (first+1)%3 + 1, (first+2)%3 + 1}
		return fmt.Sprintf("account %d is led by node %d", partition, to[0]), admin.Lead(ctx, topic, partition, to...)
	}
	return kill(ctx, f.Nodes[chance.IntN(3)], "is any", chance)
}

// coordinator waits until a node coordinates a teller's transactions: at first the topic of their states is only being made.
func coordinator(ctx context.Context, f *fleet.Fleet, admin *fleet.Admin, teller string) (*fleet.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, fleet.Patience)
	defer cancel()
	for {
		found := admin.FindTxnCoordinators(ctx, teller)[teller]
		if n := f.Node(found.NodeID); found.Err == nil && n != nil {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(found.Err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// kill ends a node without warning, and starts it again after a while.
func kill(ctx context.Context, n *fleet.Node, why string, chance *rand.Rand) (string, error) {
	what := fmt.Sprintf("node %d, which %s, was killed", n.ID, why)
	n.Kill()
	time.Sleep(time.Duration(1000+chance.IntN(2000)) * time.Millisecond)
	return what, n.Start(ctx)
}

func tellerID(i int) string { return fmt.Sprint("teller-", i) }
