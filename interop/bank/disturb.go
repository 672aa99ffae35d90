package main

import (
	"context"
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
		found := admin.FindTxnCoordinators(ctx, teller)[teller]
		if found.Err != nil {
			return "coordinator of " + teller, found.Err
		}
		return kill(ctx, f.Node(found.NodeID), "coordinates "+teller, chance)
	case 1:
		t, err := admin.Topic(ctx, topic)
		if err != nil {
			return "leader of an account", err
		}
		return kill(ctx, f.Node(t.Partitions[partition].Leader), fmt.Sprintf("leads account %d", partition), chance)
	case 2:
		first := chance.Int32N(3)
		to := []int32{first + 1, (first+1)%3 + 1, (first+2)%3 + 1}
		return fmt.Sprintf("account %d is led by node %d", partition, to[0]), admin.Lead(ctx, topic, partition, to...)
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

func tellerID(i int) string { return fmt.Sprint("teller-", i) }
