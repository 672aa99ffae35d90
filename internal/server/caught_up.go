package server

import (
	"fmt"
	"slices"
	"sync/atomic"

	"leat/internal/metadata"
)

// catchingUp is the way back into sync after a start, for those who restart node after node: the next one may go when this one's replicas count again.
//
// It ends once. A node whose replicas fall behind later still serves, and to take it from its clients then would make bad worse.
type catchingUp struct{ over atomic.Bool }

// problem says what is not back in sync yet.
func (c *catchingUp) problem(im *metadata.Image, id int32) error {
	if c.over.Load() {
		return nil
	}
	if behind, one := replicasBehind(im, id); behind > 0 {
		return fmt.Errorf("%d of this node's replicas are not in sync yet since it started, %s among them", behind, one)
	}
	c.over.Store(true)
	return nil
}

// replicasBehind counts the replicas of a broker that are out of sync with a leader elsewhere, and names the first. Without a leader there is nobody to catch up
// with, and what a reassignment adds has not been in sync before.
func replicasBehind(im *metadata.Image, id int32) (count int, first string) {
	for t := range im.Topics("") {
		for i, p := range t.Partitions {
			if p.Leader < 0 || !slices.Contains(p.Replicas, id) || slices.Contains(p.ISR, id) || slices.Contains(p.Adding, id) {
				continue
			}
			if count++; count == 1 {
				first = fmt.Sprintf("%s-%d", t.Name, i)
			}
		}
	}
	return count, first
}

// notInSync is a check of /readyz?in-sync.
func (n *node) notInSync() error {
	if !n.broker() || n.ops.state.Load() != stateRunning {
		return nil // the other checks say more
	}
	return n.ops.catchingUp.problem(n.images.image(), n.id)
}
