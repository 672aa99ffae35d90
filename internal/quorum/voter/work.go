package voter

import (
	"fmt"
	"time"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
)

// retryFull is how long a full disk is left alone before what has to be written is tried again.
const retryFull = time.Second

// patiently does what writes, again and again while the disk is full. Nothing is appended meanwhile.
func (v *Voter) patiently(doing string, do func() error) bool {
	for {
		err := do()
		full := err != nil && fs.IsFull(err)
		v.mu.Lock()
		was := v.full
		if v.full = nil; full {
			v.full = fmt.Errorf("%s: %w: %w", doing, ErrNoRoom, err)
		}
		v.mu.Unlock()
		if !full {
			if err != nil {
				v.fail(fmt.Errorf("%s: %w", doing, err))
			}
			return err == nil
		}
		if was == nil {
			v.cfg.Logger.Error("no room for the quorum's files, appends are refused", "dir", v.cfg.Path, "err", err)
		}
		timer := time.NewTimer(retryFull)
		select {
		case <-timer.C:
		case <-v.ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// write persists Writes, as many at once as there are.
func (v *Voter) write() {
	for {
		select {
		case <-v.toWrite:
		case <-v.ctx.Done():
			return
		}
		for {
			group := v.nextWrites()
			if len(group) == 0 {
				break
			}
			if !v.persist(group) {
				return
			}
		}
	}
}

// nextWrites takes all Writes up to one that installs a snapshot, or that one alone.
func (v *Voter) nextWrites() []*consensus.Write {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.behind {
		v.collect()
	}
	v.syncing = len(v.writes) > 0
	n := 0
	for n < len(v.writes) && v.writes[n].Snapshot == nil {
		n++
	}
	if n == 0 && len(v.writes) > 0 {
		n = 1
	}
	group := v.writes[:n:n]
	if v.writes = v.writes[n:]; len(v.writes) == 0 {
		v.writes = nil
	}
	return group
}

func (v *Voter) persist(group []*consensus.Write) bool {
	snapshot := group[0].Snapshot
	var ok bool
	if snapshot == nil {
		ok = v.patiently("write the quorum's journal", func() error { return v.disk.persist(group) })
	} else {
		ok = v.untilIdle() && v.patiently("install a metadata snapshot", func() error { return v.disk.install(group[0]) })
	}
	if !ok {
		return false
	}
	_ = v.with(func() error { // the node remembers why it failed
		if snapshot != nil {
			v.deeds = append(v.deeds, deed{event: installed{snapshot.Checkpoint}})
		}
		for _, w := range group {
			frames, err := v.node.Written(w)
			if err != nil {
				return err
			}
			v.post(frames)
		}
		return nil
	})
	if v.disk.journal.Size() < v.cfg.JournalBytes {
		return true
	}
	v.mu.Lock()
	state := v.node.State()
	v.mu.Unlock()
	return v.patiently("cut the quorum's journal", func() error { return v.disk.compact(state) })
}

// untilIdle waits until the applying goroutine has nothing more to append.
func (v *Voter) untilIdle() bool {
	for {
		v.mu.Lock()
		busy := v.busy || len(v.deeds) > 0
		v.mu.Unlock()
		if !busy {
			return true
		}
		select {
		case <-v.idle:
		case <-v.ctx.Done():
			return false
		}
	}
}

// apply appends what is committed to the log and tells of it and of events.
func (v *Voter) apply() {
	for {
		select {
		case <-v.toApply:
		case <-v.ctx.Done():
			return
		}
		for {
			v.mu.Lock()
			deeds := v.deeds
			v.deeds = nil
			v.busy = len(deeds) > 0
			v.mu.Unlock()
			if len(deeds) == 0 {
				break
			}
			for _, d := range deeds {
				if d.commit != nil && !v.commit(d.commit) {
					return
				}
				v.event(d.event)
			}
			if v.unsaved {
				v.saveElection()
			}
		}
		poke(v.idle)
	}
}

// commit appends committed entries to the log.
func (v *Voter) commit(c *consensus.Commit) bool {
	if !v.patiently("append to the metadata log", func() error { return v.disk.apply(c.Entries) }) {
		return false
	}
	fresh, err := behind(v.told, c.Entries)
	if err != nil {
		v.fail(err)
		return false
	}
	if len(fresh) > 0 {
		v.told = fresh[len(fresh)-1].End
		v.cfg.Listener.Committed(fresh)
	}
	var ready []waiter
	_ = v.with(func() error { // the node remembers why it failed
		v.reached = v.told
		keep := v.waiters[:0]
		for _, w := range v.waiters {
			if w.next <= v.reached {
				ready = append(ready, w)
			} else {
				keep = append(keep, w)
			}
		}
		v.waiters = keep
		return v.node.Applied(c)
	})
	for _, w := range ready {
		w.fn(nil)
	}
	return true
}

// event tells the listener, and whoever waits.
func (v *Voter) event(e consensus.Event) {
	l := v.cfg.Listener
	switch e := e.(type) {
	case nil:
	case consensus.Leading:
		l.Leading(e.Epoch, e.NextOffset)
	case consensus.Lost:
		v.lostLeadership(e.Epoch)
		l.Lost(e.Epoch)
	case consensus.LeaderChanged:
		v.election.leader, v.election.known, v.election.epoch, v.unsaved = e.Leader, e.Known, e.Epoch, true
		v.election.voted, v.election.hasVoted = v.voted()
		l.LeaderChanged(e.Leader, e.Epoch, e.Known)
	case consensus.MembersChanged:
		v.election.members, v.unsaved = e.Members, true
		v.forget(e.Members)
		l.MembersChanged(e.Members)
	case consensus.Changed:
		v.mu.Lock()
		fn := v.outcome[e.Ticket]
		delete(v.outcome, e.Ticket)
		v.mu.Unlock()
		if fn != nil {
			fn(e.Err)
		}
	case consensus.Fetch:
		v.running.Go(func() { v.fetch(e) })
	case consensus.WantCheckpoint:
		l.WantCheckpoint()
	case installed:
		v.told = e.Offset
		v.mu.Lock()
		v.reached = e.Offset
		v.mu.Unlock()
		l.Installed(e.Checkpoint)
	}
}

// lostLeadership tells those who wait for what the leader appended that nobody knows.
func (v *Voter) lostLeadership(epoch int32) {
	v.mu.Lock()
	v.lost = max(v.lost, epoch)
	var gone []waiter
	keep := v.waiters[:0]
	for _, w := range v.waiters {
		if w.epoch <= epoch {
			gone = append(gone, w)
		} else {
			keep = append(keep, w)
		}
	}
	v.waiters = keep
	v.mu.Unlock()
	for _, w := range gone {
		w.fn(fmt.Errorf("leadership of epoch %d is lost: %w", epoch, consensus.ErrUnknown))
	}
}

func (v *Voter) voted() (consensus.Replica, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.node.Voted()
}

// saveElection brings quorum-state up to date. Nothing of leat reads it while there is a journal, so an error is no reason to stop.
func (v *Voter) saveElection() {
	if err := v.election.save(v.cfg.FS, v.cfg.Path); err != nil {
		v.cfg.Logger.Warn("quorum-state not written", "dir", v.cfg.Path, "err", err)
		return
	}
	v.unsaved = false
}
