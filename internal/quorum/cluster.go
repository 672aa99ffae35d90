package quorum

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Receive takes a frame of another controller, which is not kept. The error is for the one who sent it.
func (q *Quorum) Receive([]byte) error { return kerr.InvalidRequest }

// Suspect tells that a controller hung up and cannot be reached, which is worth an early election if it led.
func (q *Quorum) Suspect(int32) {}

// Resign hands the leadership over, before a shutdown, and waits until it is or ctx ends.
func (q *Quorum) Resign(context.Context) {}

// Active tells who leads, as far as this node knows, and the newest epoch; known is false while nobody does.
func (q *Quorum) Active() (leader, epoch int32, known bool) { return q.cfg.NodeID, q.epoch, true }

// Members are the controllers that vote, and those that are about to.
func (q *Quorum) Members() []Member { return []Member{{ID: q.cfg.NodeID}} }

// Change changes the voters and waits for the outcome. Errors wrap those of package kerr.
func (q *Quorum) Change(context.Context, Change) error { return kerr.UnsupportedVersion }
