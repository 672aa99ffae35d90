package coordinator

import (
	"errors"
	"sync/atomic"
	"time"

	"leat/internal/machine"
	"leat/internal/replication"
)

// enqueue has a partition loaded by one of the loaders. mu is held.
func (c *Coordinator[E, R]) enqueue(p *partition[E, R]) {
	c.queue = append(c.queue, p)
	if c.loaders < max(c.kind.Settings().LoadThreads, 1) {
		c.loaders++
		c.work.Go(c.loadQueued)
	}
}

// loadQueued loads partitions until none is left to load.
func (c *Coordinator[E, R]) loadQueued() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 {
			c.loaders--
			c.mu.Unlock()
			return
		}
		p := c.queue[0]
		c.queue = c.queue[1:]
		gone := p.gone
		c.mu.Unlock()
		if !gone {
			c.load(p)
		}
	}
}

// load reads a partition's log and starts its machine.
func (c *Coordinator[E, R]) load(p *partition[E, R]) {
	began := time.Now()
	leader, err := c.cfg.Open(p.tp, p.LeaderEpoch)
	if err != nil {
		c.notLoaded(p, err)
		return
	}
	m := c.kind.New(p.tp, p.LeaderEpoch)
	l := loading[E, R]{leader: leader, machine: m, decode: c.kind.Decode, stop: func() bool { return c.isGone(p) }}
	c.progress(p, &l.left)
	err = l.run(c.kind.Settings().LoadBuffer)
	c.progress(p, nil)
	if err != nil {
		c.notLoaded(p, err)
		return
	}
	c.counts.Loaded(l.records, time.Since(began))
	for kind, n := range l.foreign {
		p.Logger.Warn("records of a kind not supported were read over", "kind", kind, "count", n)
	}
	log := &machineLog[R]{leader: leader, settings: c.kind.Settings, buffers: &c.buffers}
	runner := machine.NewRunner(machine.RunnerConfig[E, R]{
		Name: c.kind.Name + " " + p.tp.String(), Machine: m, Log: log, Batching: log.batching(), Loaded: l.next,
		Perform: func(e machine.Effect) { c.perform(p, e) },
		Failed:  func(err error) { c.lost(p, err) },
		Meter:   &c.counts,
	})
	c.start(p, runner)
	if l.records > 0 {
		p.Logger.Info("coordinator loaded", "records", l.records, "duration", time.Since(began))
	}
}

// progress shows how far the load of a partition is, until it is nil.
func (c *Coordinator[E, R]) progress(p *partition[E, R], left *atomic.Int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.left = left
}

// start lets callers reach a loaded machine, after the event that tells it so.
//
// Both happen under the lock, as Publish sets the image: so that a machine begins with an image and is told of every later one.
func (c *Coordinator[E, R]) start(p *partition[E, R], runner *machine.Runner[E, R]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.gone {
		c.work.Go(runner.Close)
		return
	}
	first := c.kind.Loaded()
	runner.Submit(func(machine.Ticket) E { return first }, nil)
	p.runner, p.failed = runner, nil
}

func (c *Coordinator[E, R]) perform(p *partition[E, R], e machine.Effect) {
	if c.kind.Perform != nil {
		c.kind.Perform(p.Led, e)
	}
}

func (c *Coordinator[E, R]) isGone(p *partition[E, R]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.gone
}

// retryAfter is how long a partition waits that could not be loaded, or whose machine was lost.
const retryAfter = time.Second

// notLoaded keeps the reason and tries again later, while this node leads.
func (c *Coordinator[E, R]) notLoaded(p *partition[E, R], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.gone {
		return
	}
	if leadershipMoved(err) {
		p.Logger.Info("coordinator not loaded: leadership moved", "err", err)
	} else if p.failed == nil || p.failed.Error() != err.Error() {
		p.Logger.Error("coordinator could not be loaded, trying again until it can", "err", err)
	}
	p.failed = err
	c.retry(p)
}

// lost is a machine's end: it is loaded anew, unless leadership is over.
func (c *Coordinator[E, R]) lost(p *partition[E, R], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.runner = nil
	if p.gone {
		return
	}
	var fault *machine.Fault
	if leadershipMoved(err) {
		p.Logger.Info("coordinator stopped: leadership moved", "err", err)
	} else if errors.As(err, &fault) {
		p.Logger.Error("coordinator failed, loading it again", "err", err, "stack", string(fault.Stack))
	} else {
		p.Logger.Warn("coordinator stopped, loading it again", "err", err)
	}
	c.retry(p)
}

// leadershipMoved reports whether an error only says what Leading is about to say.
func leadershipMoved(err error) bool {
	return errors.Is(err, replication.ErrNotLeader) || errors.Is(err, replication.ErrFencedEpoch) || errors.Is(err, replication.ErrUnknownEpoch)
}

// retry enqueues a partition some time from now. mu is held.
func (c *Coordinator[E, R]) retry(p *partition[E, R]) {
	time.AfterFunc(retryAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !p.gone && !c.closed {
			c.enqueue(p)
		}
	})
}
