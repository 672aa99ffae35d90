package server

import (
	"context"
	"fmt"
	"time"

	"leat/internal/storage"
	"leat/internal/telemetry"
	"leat/internal/uplink"
	"leat/internal/wire"
)

// checkRounds is how often the others are asked, a second apart, until all have answered.
const checkRounds = 30

// checkOthers asks the controllers that the configuration names whether they are of the same cluster as this one, and stops this node if most are not:
// it would otherwise lead a cluster of its own with the disk that it has, beside the one that it was meant for.
func (n *node) checkOthers() {
	others := n.others()
	if n.quorum == nil || len(others) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.compareClusters(ctx, others); err != nil && ctx.Err() == nil {
			n.fail(err)
		}
	}()
	n.onClose("look at the other controllers", func() error { cancel(); <-done; return nil })
}

func (n *node) compareClusters(ctx context.Context, others []uplink.Address) error {
	if err := n.checkTwin(ctx); err != nil {
		return err
	}
	f := forming{node: n, others: others, dirID: n.identity().DirID, clusterID: n.clusterID}
	told := map[uplink.Address]bool{}
	for range checkRounds {
		heard, _ := f.ask(ctx)
		same, other := 1, 0
		var problem error
		for _, h := range heard {
			switch h.ClusterID {
			case "":
			case n.clusterID:
				same++
			default:
				other++
				problem = fmt.Errorf("%s belongs to cluster %s, this node's log directories to %s: empty the log.dirs of the one that is wrong, or correct the "+
					"addresses of the controllers: %w", h.at, h.ClusterID, n.clusterID, storage.ErrForeignDir)
				if !told[h.at] {
					told[h.at] = true
					n.logger(telemetry.LogQuorum).Error("a controller belongs to another cluster: empty the log.dirs of the one that is wrong, or correct the quorum's addresses",
						"node", h.NodeID, "its_cluster_id", h.ClusterID, "cluster_id", n.clusterID)
				}
			}
		}
		if other > same {
			return problem
		}
		if len(heard) == len(others) {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// checkTwin looks whether another node answers where controller.quorum.voters says that this one is: two that vote under one id could make two
// majorities.
func (n *node) checkTwin(ctx context.Context) error {
	for _, v := range n.Values.Voters() {
		if v.ID != n.id || len(n.Values.Voters()) == 1 {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, formAsk)
		defer cancel()
		own := n.identity()
		at := uplink.Address{NodeID: v.ID, Host: v.Host, Port: v.Port}
		resp, err := n.voice.controllers.Identify(ctx, at, &wire.Identity{NodeID: n.id, DirID: own.DirID, ClusterID: own.ClusterID})
		if err == nil && resp.DirID != own.DirID {
			return fmt.Errorf("controller.quorum.voters has this node at %s, where node %d of cluster %s answers: give one of the two another node.id, "+
				"or correct the address", at, resp.NodeID, resp.ClusterID)
		}
	}
	return nil
}
