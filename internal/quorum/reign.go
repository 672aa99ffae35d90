package quorum

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/voter"
	"leat/internal/record"
	"leat/internal/security"
)

// reign is the time for which this node leads. It is the machine.Log of the machine that works in it.
type reign struct {
	q      *Quorum
	epoch  int32
	ctx    context.Context // ends with the reign
	cancel context.CancelFunc

	machine Leader // of the quorum's mu; nil until it is started
	lostIt  bool   // likewise: the machine refuses everything

	observers observers

	enc metalog.Encoder // of whoever appends: begin, then the machine's runner

	mu      sync.Mutex     // held over an append, so that nothing is committed before it is noted
	pending []pendingBatch // appended, not committed: they need not be decoded again
	next    int64          // behind what was appended last
}

// pendingBatch is a batch and when it was appended.
type pendingBatch struct {
	metalog.Batch
	at time.Time
}

// over tells that an error means no more than the end of a leadership, or of the voter, which is told elsewhere.
func over(err error) bool {
	return errors.Is(err, consensus.ErrUnknown) || errors.Is(err, consensus.ErrNotLeader)
}

// active is the machine at work.
func (q *Quorum) active() (Leader, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.reign == nil || q.reign.machine == nil:
		return nil, fmt.Errorf("node %d is not the active controller: %w", q.cfg.NodeID, kerr.NotController)
	case q.reign.lostIt:
		return nil, fmt.Errorf("controller is being started again: %w: %w", kerr.NotController, machine.ErrUnloaded)
	}
	return q.reign.machine, nil
}

// begin starts a reign. Everything below the offset is committed, and on its way to the feed.
func (q *Quorum) begin(epoch int32, next int64) {
	r := &reign{q: q, epoch: epoch, next: next}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		r.cancel()
		return
	}
	q.reign = r
	q.announce()
	q.background.Go(func() { r.start(r.prepare) })
}

// end is the end of a reign, if it ever began.
func (q *Quorum) end(epoch int32) {
	q.mu.Lock()
	r := q.reign
	if r == nil || r.epoch != epoch {
		q.mu.Unlock()
		return
	}
	q.reign = nil
	q.announce()
	leader := r.machine
	q.mu.Unlock()
	r.cancel()
	if leader != nil {
		leader.Close()
	}
	q.cfg.Logger.Info("controller is not active any more", "node", q.cfg.NodeID, "leader_epoch", epoch)
}

// start starts the machine on the newest image, once what has to come before it was done.
func (r *reign) start(before func() error) {
	err := before()
	for errors.Is(err, machine.ErrRefused) && pause(r.ctx, restartAfter) {
		err = before()
	}
	if err == nil {
		err = r.ctx.Err()
	} else if r.ctx.Err() == nil && !over(err) {
		r.q.fail(err)
	}
	if err != nil {
		return
	}
	q, now, image := r.q, time.Now(), r.q.feed.Newest()
	leader := q.cfg.Lead(Leadership{Image: image, Epoch: r.epoch, NextOffset: image.Offset + 1, KRaftVersion: q.KRaftVersion(), Now: now, Log: r,
		Failed: r.lost})
	q.mu.Lock()
	late := q.reign != r
	if !late {
		r.machine, r.lostIt = leader, false
		q.announce()
	}
	q.mu.Unlock()
	if late {
		leader.Close()
		return
	}
	q.cfg.Logger.Info("controller became active", "node", q.cfg.NodeID, "leader_epoch", r.epoch, "offset", image.Offset+1)
	if q.cfg.Register != nil {
		leader.Submit(security.Anonymous, "", q.cfg.Register, q.registered)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (q *Quorum) registered(_ any, err error) {
	if err != nil && !errors.Is(err, machine.ErrUnloaded) && !over(err) {
		q.cfg.Logger.Warn("controller could not register itself", "node", q.cfg.NodeID, "err", err)
	}
}

// prepare makes the log ready for a machine: a metadata transaction that an earlier leader left open is aborted, or what follows would become part of it,
// and an empty log gets its first records, those that say who votes before them.
func (r *reign) prepare() error {
	q := r.q
	open, err := r.settled()
	if err != nil {
		return err
	}
	r.enc.Level = q.feed.Newest().Feature(metadata.FeatureMetadataVersion)
	now := time.Now()
	if open {
		if _, _, err := r.Append(now, []metadata.Record{&metadata.AbortTransactionRecord{Reason: new("leader changed")}}, nil, nil); err != nil {
			return err
		}
		if open, err = r.settled(); err != nil || open {
			return errors.Join(err, r.ctx.Err())
		}
	}
	if q.feed.Newest().Feature(metadata.FeatureMetadataVersion) > 0 {
		return nil
	}
	formatted, err := metalog.ReadBootstrap(q.cfg.FS, q.cfg.Dir)
	if err != nil {
		return err
	}
	head, err := controlBatch(now, consensus.VotersRecords(q.voter.Status(now).Members))
	if err != nil {
		return err
	}
	if _, _, err := r.append(now, head, q.cfg.Bootstrap(formatted)); err != nil {
		return err
	}
	_, err = r.settled()
	return err
}

// controlBatch is a batch of control records, nothing if there are none.
func controlBatch(now time.Time, records []record.Record) ([]byte, error) {
	if len(records) == 0 {
		return nil, nil
	}
	spec := record.NewSpec()
	spec.Control = true
	for i := range records {
		records[i].Offset, records[i].Timestamp = int64(i), now.UnixMilli()
	}
	return record.AppendBatch(nil, spec, records)
}

// settled waits until everything that was appended is committed and taken in. open tells that it ends inside a transaction.
func (r *reign) settled() (open bool, err error) {
	r.mu.Lock()
	next := r.next
	r.mu.Unlock()
	done := make(chan error, 1)
	r.WhenCommitted(next, func(err error) { done <- err })
	if err := <-done; err != nil {
		return false, err
	}
	open, ok := r.q.feed.AwaitTaken(r.ctx, next)
	if !ok {
		return open, consensus.ErrUnknown
	}
	return open, nil
}

// restartAfter is how long a machine that was lost stays away, so that a fault that comes back at once does not keep a processor busy.
const restartAfter = time.Second

// lost is the end of the machine. If its log failed, so did this controller; if it was the machine itself, another one is started where
// the log ends.
func (r *reign) lost(err error) {
	q := r.q
	q.mu.Lock()
	r.lostIt = true
	q.mu.Unlock()
	var fault *machine.Fault
	switch {
	case errors.As(err, &fault):
		q.cfg.Logger.Error("controller failed, starting it again", "node", q.cfg.NodeID, "err", err, "stack", string(fault.Stack))
		time.AfterFunc(restartAfter, r.restart)
	case !over(err):
		q.fail(err)
	}
}

// restart starts the machine anew, once everything that the lost one wrote is committed and in the image.
func (r *reign) restart() {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	if r.q.closed || r.q.reign != r {
		return
	}
	r.q.background.Go(func() {
		r.start(func() error {
			_, err := r.settled()
			return err
		})
	})
}

// Append implements machine.Log. The records must not be modified afterwards; the slice may be.
//
// What cannot be appended for now is refused, which is not the end of the machine: nothing of it is in the log. Who asked is told, and the next decision
// is tried again.
func (r *reign) Append(now time.Time, records []metadata.Record, _ *machine.Producer, _ any) (baseOffset, nextOffset int64, err error) {
	return r.append(now, nil, records)
}

// append writes records behind what is in data, as one entry.
func (r *reign) append(now time.Time, data []byte, records []metadata.Record) (baseOffset, nextOffset int64, err error) {
	at := metalog.Stamp{Epoch: r.epoch, Timestamp: now.UnixMilli()}
	if data, err = r.enc.Batches(data, at, records); err != nil {
		return 0, 0, err
	}
	r.enc.Shrink()
	b := metalog.Batch{Records: append([]metadata.Record(nil), records...), Epoch: r.epoch, Timestamp: at.Timestamp, Bytes: len(data)}
	r.mu.Lock()
	defer r.mu.Unlock()
	baseOffset, nextOffset, err = r.q.voter.Append(r.epoch, data)
	switch {
	case errors.Is(err, voter.ErrNoRoom):
		r.q.cfg.Logger.Error("metadata log has no room, the change is refused", "dir", r.q.log.Path(), "err", err)
		return 0, 0, fmt.Errorf("%w: %w: %w", machine.ErrRefused, kerr.KafkaStorageError, err)
	case errors.Is(err, consensus.ErrBusy):
		return 0, 0, fmt.Errorf("%w: %w: %w", machine.ErrRefused, kerr.NotController, err)
	case err != nil:
		return 0, 0, err
	}
	b.LastOffset, r.next = nextOffset-1, nextOffset
	r.pending = append(r.pending, pendingBatch{b, now})
	if m := r.q.cfg.Meter; m != nil {
		m.Appended(len(records))
	}
	return baseOffset, nextOffset, nil
}

// WhenCommitted implements machine.Log.
func (r *reign) WhenCommitted(nextOffset int64, fn func(error)) {
	r.q.voter.WhenCommitted(r.epoch, nextOffset, fn)
}

// takePending returns the records of a committed entry if they were appended here.
func (r *reign) takePending(e consensus.Committed) (metalog.Batch, bool) {
	if r == nil || r.epoch != e.Epoch {
		return metalog.Batch{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 || r.pending[0].LastOffset != e.End-1 {
		return metalog.Batch{}, false
	}
	b := r.pending[0]
	if r.pending = r.pending[1:]; len(r.pending) == 0 {
		r.pending = nil
	}
	if m := r.q.cfg.Meter; m != nil {
		m.Committed(time.Since(b.at))
	}
	return b.Batch, true
}
