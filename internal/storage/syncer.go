package storage

import "sync"

// SyncWaiter is told how a sync ended that Log.SyncSoon asked for.
type SyncWaiter interface {
	// Synced is called from a goroutine of the store with no lock held, and must not wait. Without an error the log may be used up to
	// Log.SyncedEnd; more may have been appended meanwhile, for which another call comes if another sync was asked for.
	Synced(err error)
}

const (
	// syncThreads is how many logs of a directory are synced at once. File systems commit concurrent syncs together: on ext4 one thread
	// reaches 4,000 a second, sixteen 16,000, more gain nothing.
	syncThreads = 16
	// quietSyncs is how many of them may be for nobody who waits: a closed segment can take seconds.
	quietSyncs = 4
)

// syncer runs the syncs of one directory's logs. An append that makes a sync due asks for one and goes on; what is appended while
// a sync runs shares the next one. Its goroutines exist only while there is something to sync.
type syncer struct {
	tell func(l *Log, err error) // of a sync that failed

	mu      sync.Mutex // guards what follows
	jobs    map[*Log]syncJob
	urgent  []*Log // somebody waits
	quiet   []*Log
	later   map[*Log]SyncWaiter // failed for want of room, open files or memory: asked for again by retry
	running int
	idly    int // of those running, how many nobody waits for
	closed  bool

	wg sync.WaitGroup
}

// syncJob is a log in a queue, being synced, or both.
type syncJob struct {
	waiter  SyncWaiter // nil: nobody waits
	running bool
	again   bool // asked for since the sync began
}

// ask queues a sync of everything that is in the log by now.
func (s *syncer) ask(l *Log, w SyncWaiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	j, known := s.jobs[l]
	waited := j.waiter != nil
	if w != nil {
		j.waiter = w
	}
	switch {
	case j.running:
		j.again = true
	case !known || !waited && w != nil:
		s.pushLocked(l, j.waiter != nil)
	}
	if s.jobs == nil {
		s.jobs = make(map[*Log]syncJob)
	}
	s.jobs[l] = j
}

// pushLocked queues a log and starts a worker if there is work for one more.
func (s *syncer) pushLocked(l *Log, urgent bool) {
	if urgent {
		s.urgent = append(s.urgent, l)
	} else {
		s.quiet = append(s.quiet, l)
	}
	if s.running < syncThreads && (urgent || s.idly < quietSyncs) {
		s.running++
		s.wg.Go(s.work)
	}
}

// work syncs until nothing is left that it may do.
func (s *syncer) work() {
	for {
		l, idle, ok := s.next()
		if !ok {
			return
		}
		err := l.Flush()
		if w := s.done(l, idle, err); w != nil {
			w.Synced(err)
		}
		if err != nil {
			s.tell(l, err)
		}
	}
}

// next takes a log out of the queues; without one the caller ends.
func (s *syncer) next() (l *Log, idle, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		switch {
		case len(s.urgent) > 0:
			l, s.urgent, idle = pop(s.urgent), s.urgent[1:], false
		case len(s.quiet) > 0 && s.idly < quietSyncs:
			l, s.quiet, idle = pop(s.quiet), s.quiet[1:], true
		default:
			s.running--
			return nil, false, false
		}
		j, known := s.jobs[l]
		if !known || j.running {
			continue // it stood in both queues
		}
		j.running = true
		s.jobs[l] = j
		if idle {
			s.idly++
		}
		return l, idle, true
	}
	s.running--
	return nil, false, false
}

func pop(queue []*Log) *Log {
	l := queue[0]
	queue[0] = nil
	return l
}

// done ends a sync and queues the next one if that was asked for meanwhile, so that it runs while the waiter of this one is told.
func (s *syncer) done(l *Log, idle bool, err error) SyncWaiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if idle {
		s.idly--
	}
	j := s.jobs[l]
	switch {
	case j.again && err == nil:
		s.jobs[l] = syncJob{waiter: j.waiter}
		s.pushLocked(l, j.waiter != nil)
	default:
		delete(s.jobs, l)
		if (IsFull(err) || passing(err)) && l.host.offline() == nil {
			if s.later == nil {
				s.later = make(map[*Log]SyncWaiter)
			}
			s.later[l] = j.waiter
		}
	}
	return j.waiter
}

// retry asks again for what may work by now.
func (s *syncer) retry() {
	s.mu.Lock()
	later := s.later
	s.later = nil
	s.mu.Unlock()
	for l, w := range later {
		s.ask(l, w)
	}
}

// stop waits for the syncs under way. Whoever closes the logs syncs the others.
func (s *syncer) stop() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}
