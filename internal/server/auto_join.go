package server

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/telemetry"
	"leat/internal/uplink"
)

const (
	// joinPause is between looks whether this controller votes by now.
	joinPause = time.Second
	// joinWait bounds one request to be added: it is answered when this controller has caught up.
	joinWait = 30 * time.Second
	// goneAfter is how long a voter must have been silent to be taken for this one before it lost its disk.
	goneAfter = 5 * time.Second
)

// awaitVote has a controller that is no voter of its quorum say so, until it is one, and ask to become one if
// controller.quorum.auto.join.enable says so (KIP-1186).
func (n *node) awaitVote() {
	if n.quorum == nil || n.votes() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.waitForVote(ctx)
	}()
	n.onClose("wait to be added", func() error { cancel(); <-done; return nil })
}

// votes reports whether this controller is a voter or about to be one.
func (n *node) votes() bool {
	for _, m := range n.quorum.Members() {
		if m.ID == n.id && (m.DirID.IsZero() || m.DirID == n.dirID(n.Values.MetadataLogDir())) {
			return true
		}
	}
	return false
}

func (n *node) waitForVote(ctx context.Context) {
	auto := n.Values.Bool("controller.quorum.auto.join.enable")
	var complained time.Time
	for !n.votes() {
		var err error
		if auto {
			err = n.askToVote(ctx)
		} else { // who adds it will send to it, and it has to know where to answer
			asking, cancel := context.WithTimeout(ctx, formAsk)
			_, err = n.voice.controllers.FindLeader(asking)
			cancel()
		}
		switch {
		case ctx.Err() != nil:
			return
		case time.Since(complained) < formComplain:
		case auto && err != nil:
			complained = time.Now()
			n.logger(telemetry.LogQuorum).Warn("controller has not been added to the voters yet, trying on", "node", n.id, "err", err)
		case !auto:
			complained = time.Now()
			about := []any{"node", n.id, "dir_id", n.dirID(n.Values.MetadataLogDir()).String(), "cluster_id", n.clusterID}
			if err != nil {
				about = append(about, "err", err)
			}
			n.logger(telemetry.LogQuorum).Warn("controller is no voter and waits to be added: run leat quorum add-controller, or set controller.quorum.auto.join.enable=true", about...)
		}
		select {
		case <-time.After(joinPause):
		case <-ctx.Done():
			return
		}
	}
	n.logger(telemetry.LogQuorum).Info("controller votes", "node", n.id)
}

// askToVote asks the active controller to add this one. A voter of the same id with another directory is this one before it lost its disk: it goes
// first, so that its vote is not counted with those of a majority any more.
func (n *node) askToVote(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinWait)
	defer cancel()
	leader, err := n.voice.controllers.FindLeader(ctx)
	if err != nil {
		return err
	}
	own := n.dirID(n.Values.MetadataLogDir())
	for _, v := range leader.Voters {
		if v.ID == n.id && v.DirID != own {
			if v.Quiet < goneAfter {
				return fmt.Errorf("controller %d with directory %s votes and was heard of %s ago: give this one another node.id, or stop that one", v.ID, v.DirID, v.Quiet)
			}
			if err := n.removeLostSelf(ctx, leader, v); err != nil {
				return err
			}
		}
	}
	rq := kmsg.NewPtrAddRaftVoterRequest()
	rq.ClusterID, rq.TimeoutMillis, rq.VoterID, rq.VoterDirectoryID = &n.clusterID, int32(joinWait/time.Millisecond), n.id, own
	for _, e := range n.controllerEndpoints() {
		l := kmsg.NewAddRaftVoterRequestListener()
		l.Name, l.Host, l.Port = e.Name, e.Host, e.Port
		rq.Listeners = append(rq.Listeners, l)
	}
	response, err := n.voice.controllers.Ask(ctx, leader.Address, rq)
	if err != nil {
		return err
	}
	resp, ok := response.(*kmsg.AddRaftVoterResponse)
	if !ok {
		return fmt.Errorf("%s answered AddRaftVoter with %T", leader.Address, response)
	}
	return refusedBy(leader.Address, resp.ErrorCode, resp.ErrorMessage)
}

func (n *node) removeLostSelf(ctx context.Context, leader uplink.Leader, v uplink.Voter) error {
	rq := kmsg.NewPtrRemoveRaftVoterRequest()
	rq.ClusterID, rq.VoterID, rq.VoterDirectoryID = &n.clusterID, v.ID, v.DirID
	response, err := n.voice.controllers.Ask(ctx, leader.Address, rq)
	if err != nil {
		return err
	}
	resp, ok := response.(*kmsg.RemoveRaftVoterResponse)
	if !ok {
		return fmt.Errorf("%s answered RemoveRaftVoter with %T", leader.Address, response)
	}
	n.logger(telemetry.LogQuorum).Info("the voter that this controller was before its disk was replaced is removed", "node", n.id, "dir_id", v.DirID.String())
	return refusedBy(leader.Address, resp.ErrorCode, resp.ErrorMessage)
}

func refusedBy(at uplink.Address, code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err == nil {
		return nil
	}
	if message != nil {
		return fmt.Errorf("%s: %w: %s", at, err, *message)
	}
	return fmt.Errorf("%s: %w", at, err)
}
