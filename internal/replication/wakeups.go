package replication

// wakeups collects, under a partition's lock, whom to call once it is released.
type wakeups struct {
	commits []endedCommit
	fetches []*Wait

	sessions []*replicaSession
	deletes  []endedDelete
}

type endedDelete struct {
	wait   *deleteWait
	lowest int64
	err    error
}

type endedCommit struct {
	wait *commitWait
	err  error
}

// run makes the calls, one by one. No lock is held.
func (r *wakeups) run() {
	for _, c := range r.commits {
		c.wait.end(c.err)
	}
	for _, w := range r.fetches {
		w.wake()
	}
	for _, s := range r.sessions {
		s.wake()
	}
	for _, d := range r.deletes {
		d.wait.end(d.lowest, d.err)
	}
}

// endWaits moves everybody who waits for the partition to ready: produce requests fail with the reason (nil, when this node goes on leading, leaves them
// in the list), fetches look again and find out. Called with mu held.
func (p *Partition) endWaits(reason error, ready *wakeups) {
	p.lookAgain(true, ready)
	for _, e := range p.fetches {
		ready.fetches = append(ready.fetches, e.wait)
	}
	if reason != nil {
		p.endDeletes(reason, ready)
	}
	for reason != nil && len(p.commits) > 0 {
		w := p.commits[0]
		p.dropCommit(w)
		ready.commits = append(ready.commits, endedCommit{w, reason})
	}
}
