package server

import (
	"errors"
	"sync"
	"time"

	"leat/internal/telemetry"
)

// quorumQuiet is how long it may take to find a leader before somebody is told.
const quorumQuiet = 5 * time.Second

// watchQuorum tells every few seconds why no controller leads, as long as none does.
func (n *node) watchQuorum() {
	if n.quorum == nil || len(n.others()) == 0 {
		return // who is alone leads
	}
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(quorumQuiet)
		defer tick.Stop()
		leaderless := false
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			problem := n.quorumProblem()
			if problem != nil && leaderless { // an election takes a moment
				n.logger(telemetry.LogQuorum).Warn("no controller leads: nothing in the cluster can change until a majority of the voters reach each other", "node", n.id, "err", problem)
			}
			leaderless = problem != nil
		}
	})
	n.onClose("watch over the quorum", func() error { close(quit); done.Wait(); return nil })
}

// quorumProblem says why no controller leads, as far as this one knows; nil if one does.
func (n *node) quorumProblem() error {
	if _, _, known := n.quorum.Active(); known {
		return nil
	}
	if !n.votes() {
		return nil // which is told by itself
	}
	return n.unreached()
}

// unreached names the controllers that could not be asked, and why.
func (n *node) unreached() error {
	if err := n.voice.controllers.Trouble(); err != nil {
		return err
	}
	return errors.New("the other controllers take messages, and none has been elected yet")
}
