package quorum

import (
	"context"
	"errors"
	"time"

	"leat/internal/machine"
)

// active is the machine at work. One that was lost still takes requests, and refuses them.
func (q *Quorum) active() Leader {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.leader
}

// startLeader starts the machine on the newest image, which must show everything that the log holds.
func (q *Quorum) startLeader(now time.Time) {
	leader := q.cfg.Lead(Leadership{
		Image: q.feed.Newest(), Epoch: q.epoch, NextOffset: q.log.Offsets().LogEnd, Now: now, Log: roomy{q.writer, q}, Failed: q.lost})
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.leader = leader
	}
	q.mu.Unlock()
	if closed {
		leader.Close()
	}
}

// stopLeader ends the machine, and sees that none is started after it.
func (q *Quorum) stopLeader() {
	q.mu.Lock()
	q.closed = true
	leader := q.leader
	q.mu.Unlock()
	leader.Close()
}

// restartAfter is how long a machine that was lost stays away, so that a fault that comes back at once does not keep a processor busy.
const restartAfter = time.Second

// lost is the end of the machine. If its log failed, so did this controller; if it was the machine itself, another one is started where
// the log ends.
func (q *Quorum) lost(err error) {
	var fault *machine.Fault
	if !errors.As(err, &fault) {
		q.fail(err)
		return
	}
	q.cfg.Logger.Error("controller failed, starting it again", "node", q.cfg.NodeID, "err", err, "stack", string(fault.Stack))
	time.AfterFunc(restartAfter, q.restart)
}

// restart starts the machine anew, once everything that the lost one wrote is committed and in the image.
func (q *Quorum) restart() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	end := q.log.Offsets().LogEnd
	q.background.Add(1)
	q.writer.WhenCommitted(end, func(err error) {
		if err != nil { // the log failed, which is told elsewhere
			q.background.Done()
			return
		}
		go func() {
			defer q.background.Done()
			q.feed.Await(context.Background(), end)
			q.startLeader(time.Now())
		}()
	})
}
