package machine

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// RunnerConfig is what a Runner needs.
type RunnerConfig[E, R any] struct {
	Name    string // for log lines: "group coordinator __consumer_offsets-3"
	Machine Machine[E, R]
	Log     Log[R]
	// Perform carries out effects that are not a Reply. Called in order, without locks held; must not wait.
	Perform func(Effect)
	// Failed is called once, when an append or commit failed or the machine panicked (a *Fault): the runner has answered all waiting
	// callers and accepts nothing more; the shell throws the machine away and loads it anew.
	Failed func(error)
	// Batching, if not nil, lets several decisions share a batch.
	Batching *Batching[R]
	// Loaded is the offset after the last entry that the machine was loaded with: effects wait until everything below is committed.
	// 0: nothing was loaded, or it is known to be committed.
	Loaded int64
	Meter  Meter // nil: nobody wants to know
}

// Runner drives one machine. It holds no goroutine while it has nothing to do: events queue up, and a goroutine drains the queue.
// While the machine is due at some time it holds one timer, otherwise none.
//
// The draining goroutine alone calls the machine, appends and releases effects; everything else only leaves word under mu.
type Runner[E, R any] struct {
	cfg   RunnerConfig[E, R]
	meter Meter

	mu       sync.Mutex
	queue    []submission[E]
	spare    []submission[E] // the queue of the round before, to be filled again
	waiting  map[Ticket]func(any, error)
	last     Ticket
	draining bool
	closing  bool
	failure  error         // of a commit, found by another goroutine
	stopped  error         // why nothing is accepted any more; set once
	finished chan struct{} // closed when everybody was answered
	ticking  bool          // the timer fired
	// committed is the offset below which everything is committed, as far as told.
	committed int64

	// What follows belongs to the draining goroutine.
	round    round[R]
	hand     Ticket // of the event in the machine's hands; 0: none
	timer    *time.Timer
	armed    time.Time // when the timer fires; zero: it does not
	pause    time.Time // no tick before this time
	again    bool      // the last tick got on, and there is more to do
	refusals int       // how many decisions the log refused
}

// submission is one event on its way to the machine.
type submission[E any] struct {
	ticket Ticket
	build  func(Ticket) E
	at     time.Time
}

// NewRunner returns a runner of a machine whose hard state is already loaded (Apply was called for the whole log).
func NewRunner[E, R any](cfg RunnerConfig[E, R]) *Runner[E, R] {
	r := &Runner[E, R]{cfg: cfg, waiting: make(map[Ticket]func(any, error)), finished: make(chan struct{}), committed: -1}
	r.round.nextOffset = -1
	if r.meter = cfg.Meter; r.meter == nil {
		r.meter = noMeter{}
	}
	if due, err := r.due(); cfg.Loaded > 0 || err != nil || !due.IsZero() {
		r.draining = true // nobody else drains before the goroutine below does
		if cfg.Loaded > 0 {
			r.written(cfg.Loaded, nil)
		}
		go r.drain()
	}
	return r
}

// Submit queues the event that build makes for its ticket; done is called exactly once with the response or an error, or is nil if nobody waits for
// an answer. build runs later, on the runner's goroutine.
func (r *Runner[E, R]) Submit(build func(Ticket) E, done func(response any, err error)) {
	r.mu.Lock()
	if r.closing || r.stopped != nil {
		err := r.stopped
		r.mu.Unlock()
		if err == nil {
			err = ErrUnloaded
		}
		if done != nil {
			done(nil, err)
		}
		return
	}
	r.last++
	if done != nil {
		r.waiting[r.last] = done
	}
	r.queue = append(r.queue, submission[E]{r.last, build, time.Now()})
	r.meter.Queued(1)
	r.wake()
}

// Close stops the runner; waiting callers get ErrUnloaded. It returns after the last effect was performed. It must not be called from
// within Perform or a done function; from within Failed it may.
func (r *Runner[E, R]) Close() {
	r.mu.Lock()
	r.closing = true
	r.wake()
	<-r.finished
}

// wake starts a drain unless one is under way or everything is over. It is called with mu held and releases it.
func (r *Runner[E, R]) wake() {
	start := !r.draining && r.stopped == nil
	if start {
		r.draining = true
	}
	r.mu.Unlock()
	if start {
		go r.drain()
	}
}

// drain works until nothing is left to do.
func (r *Runner[E, R]) drain() {
	for {
		r.releaseCommitted()
		r.mu.Lock()
		switch {
		case r.closing:
			r.mu.Unlock()
			r.stop(ErrUnloaded)
			return
		case r.failure != nil:
			err := r.failure
			r.mu.Unlock()
			r.fail(err)
			return
		}
		events, ticking := r.queue, r.ticking
		r.queue, r.spare, r.ticking = r.spare[:0], nil, false
		if len(events) == 0 && !ticking && !r.releasable() {
			err := r.arm()
			r.spare = events
			r.draining = err != nil
			r.mu.Unlock()
			if err != nil {
				r.fail(err)
			}
			return
		}
		r.mu.Unlock()
		if err := r.work(events, ticking); err != nil {
			r.fail(err)
			return
		}
		clear(events)
		r.mu.Lock()
		r.spare, r.ticking, r.again = events, r.ticking || r.again, false
		r.mu.Unlock()
	}
}

// work handles one round of events; an error means that the machine is lost.
func (r *Runner[E, R]) work(events []submission[E], ticking bool) error {
	if ticking {
		r.armed = time.Time{}
		if err := r.tick(time.Now()); err != nil {
			return err
		}
	}
	r.meter.Queued(-len(events))
	now := time.Now()
	for _, s := range events {
		r.hand = s.ticket
		res, err := r.handle(now, s)
		if err == nil {
			err = r.accept(now, res)
		}
		if err != nil {
			return err
		}
		r.hand = 0
		after := time.Now()
		r.meter.Handled(now.Sub(s.at), after.Sub(now))
		now = after
	}
	return r.settle()
}

// tickRetry is how long a machine waits that is still due after a tick that got it no further, for instance because the append was refused.
const tickRetry = time.Second

// tick tells the machine that its time has come. A machine that stays due is asked again after the events that wait, if the tick wrote
// something; otherwise later, so that it does not keep a processor busy.
func (r *Runner[E, R]) tick(now time.Time) error {
	due, err := r.due()
	if err != nil || due.IsZero() || due.After(now) || r.pause.After(now) {
		return err
	}
	refusals := r.refusals
	res, err := r.ticked(now)
	if err == nil {
		err = r.accept(now, res)
	}
	if err != nil {
		return err
	}
	r.pause = time.Time{}
	if due, err = r.due(); !due.IsZero() && !due.After(now) {
		if r.again = len(res.Records) > 0 && r.refusals == refusals; !r.again {
			r.pause = now.Add(tickRetry)
		}
	}
	return err
}

// arm sets the timer to the machine's due time. A timer that is already set to an earlier time stays: it fires, finds nothing
// due, and is set again, which is cheaper than moving it with every heartbeat.
func (r *Runner[E, R]) arm() error {
	due, err := r.due()
	if err != nil {
		return err
	}
	if !due.IsZero() && due.Before(r.pause) {
		due = r.pause
	}
	if flush := r.lingers(); !flush.IsZero() && (due.IsZero() || flush.Before(due)) {
		due = flush
	}
	if due.IsZero() {
		if !r.armed.IsZero() {
			r.timer.Stop()
			r.armed = time.Time{}
		}
		return nil
	}
	if r.armed.IsZero() || due.Before(r.armed) {
		r.startTimer(due)
	}
	return nil
}

// startTimer makes the timer fire at the given time.
func (r *Runner[E, R]) startTimer(at time.Time) {
	r.armed = at
	wait := time.Until(at)
	if r.timer == nil {
		r.timer = time.AfterFunc(wait, r.fired)
		return
	}
	r.timer.Reset(wait)
}

// fired is the timer's call.
func (r *Runner[E, R]) fired() {
	r.mu.Lock()
	r.ticking = true
	r.wake()
}

// fail ends the runner because its log or its machine did.
func (r *Runner[E, R]) fail(err error) {
	err = fmt.Errorf("%s: %w", r.cfg.Name, err)
	culprit, others := told(err)
	r.answer(r.hand, nil, culprit)
	r.stop(others)
	if r.cfg.Failed != nil {
		r.cfg.Failed(err)
	}
}

// stop answers everybody who waits and accepts nothing more. Effects that were not released are dropped.
func (r *Runner[E, R]) stop(err error) {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Lock()
	r.stopped = err
	waiting := r.waiting
	r.meter.Queued(-len(r.queue))
	r.waiting, r.queue, r.spare = nil, nil, nil
	r.mu.Unlock()
	r.round = round[R]{}
	for _, t := range slices.Sorted(maps.Keys(waiting)) {
		waiting[t](nil, err)
	}
	close(r.finished)
}
