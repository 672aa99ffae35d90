package storage

import (
	"path/filepath"
	"sync"
	"time"
)

// tasks are the shared schedulers of a Store: one for what has its time (retention, checkpoints, delayed removals, expiry), one that asks for
// syncs, one that watches the free space.
type tasks struct {
	store *Store
	stopc chan struct{}
	wg    sync.WaitGroup

	mu       sync.Mutex // guards what follows
	removals []removal
	failures []failure
	wake     chan struct{} // for the keeper, of capacity 1
	once     bool
}

type removal struct {
	due  time.Time
	path string
}

type failure struct {
	dir string
	err error
}

// chore is something to do again and again.
type chore struct {
	every func(Settings) time.Duration
	run   func(now time.Time)
	due   time.Time
}

func (t *tasks) initLocked() {
	if !t.once {
		t.once = true
		t.stopc, t.wake = make(chan struct{}), make(chan struct{}, 1)
	}
}

// start runs the schedulers until stop.
func (t *tasks) start(s *Store) {
	t.mu.Lock()
	t.initLocked()
	t.mu.Unlock()
	t.store = s
	t.wg.Go(t.keep)
	t.wg.Go(t.sync)
	t.wg.Go(t.watchRoom)
}

func (t *tasks) stop() {
	close(t.stopc)
	t.wg.Wait()
	for _, d := range t.store.dirs {
		d.syncs.stop()
		d.writeouts.stop()
	}
	t.report("", nil)
}

// removeLater removes files or directories after a delay.
func (t *tasks) removeLater(after time.Duration, paths ...string) {
	due := time.Now().Add(after)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.initLocked()
	for _, p := range paths {
		t.removals = append(t.removals, removal{due, p})
	}
	nudge(t.wake)
}

// unremoved are the directories with files that are still to be removed, once the schedulers have stopped.
func (t *tasks) unremoved() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	dirs := make(map[string]bool)
	for _, r := range t.removals {
		dirs[filepath.Dir(r.path)] = true
	}
	return dirs
}

// report queues the news that a directory failed: who finds out may hold locks that the listener wants.
func (t *tasks) report(dir string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.initLocked()
	if err != nil {
		t.failures = append(t.failures, failure{dir, err})
	}
	nudge(t.wake)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keep is the scheduler of chores and removals.
func (t *tasks) keep() {
	set := t.store.settings()
	now := time.Now()
	chores := t.chores()
	for i := range chores {
		chores[i].due = now.Add(min(set.InitialTaskDelay, chores[i].every(set)))
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-t.stopc:
			return
		case <-t.wake:
		case <-timer.C:
		}
		t.tellFailures()
		now := time.Now()
		next := t.removeDue(now)
		for i := range chores {
			c := &chores[i]
			if !now.Before(c.due) {
				c.run(now)
				c.due = time.Now().Add(c.every(t.store.settings()))
			}
			if next.IsZero() || c.due.Before(next) {
				next = c.due
			}
		}
		timer.Reset(max(time.Until(next), 0))
	}
}

func (t *tasks) chores() []chore {
	s := t.store
	perDir := func(write func(*logDir) func([]*Log) error) func(time.Time) {
		return func(time.Time) {
			for _, d := range s.dirs {
				d.checkpoint(write(d))
			}
		}
	}
	return []chore{
		{every: func(x Settings) time.Duration { return x.RetentionCheck }, run: s.retain},
		{every: func(x Settings) time.Duration { return x.RecoveryPointCheckpoint }, run: func(time.Time) {
			for _, d := range s.dirs {
				d.checkpoint(d.writeRecoveryPoints)
				d.settleSoon()
			}
		}},
		{every: func(x Settings) time.Duration { return x.LogStartOffsetCheckpoint },
			run: perDir(func(d *logDir) func([]*Log) error { return d.writeLogStarts })},
		{every: func(x Settings) time.Duration { return x.HighWatermarkCheckpoint }, run: func(time.Time) {
			for _, d := range s.dirs {
				if d.movedHW.Load() {
					d.checkpoint(d.writeHighWatermarks)
				}
			}
		}},
		{every: func(x Settings) time.Duration { return x.ProducerExpiryCheck }, run: func(now time.Time) {
			for l := range s.Logs() {
				l.expireProducers(now, s.settings().ProducerIDExpiration)
			}
		}},
	}
}

// retain applies retention to all logs. One that fails does not keep the others from it.
func (s *Store) retain(now time.Time) {
	for l := range s.Logs() {
		if l.host.offline() != nil {
			continue
		}
		if _, err := l.Retain(now); err != nil && !isClosed(err) {
			s.logger.Error("retention failed", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
		}
	}
}

// tellFailures calls the listener of failed directories.
func (t *tasks) tellFailures() {
	t.mu.Lock()
	list := t.failures
	t.failures = nil
	t.mu.Unlock()
	if tell := t.store.cfg.DirFailed; tell != nil {
		for _, f := range list {
			tell(f.dir, f.err)
		}
	}
}

// removeDue removes what is due and returns when the next removal is, if there is one.
func (t *tasks) removeDue(now time.Time) (next time.Time) {
	t.mu.Lock()
	var due []string
	kept := t.removals[:0]
	for _, r := range t.removals {
		if !now.Before(r.due) {
			due = append(due, r.path)
			continue
		}
		kept = append(kept, r)
		if next.IsZero() || r.due.Before(next) {
			next = r.due
		}
	}
	t.removals = kept
	t.mu.Unlock()
	for _, path := range due {
		if err := removeAll(t.store.cfg.FS, path); err != nil {
			t.store.logger.Warn("deleted log not removed, tried again at the next start", "dir", path, "err", err)
		}
	}
	return next
}

// flushTick is how often logs with a finite flush.ms are looked at, unless log.flush.scheduler.interval.ms says otherwise. Kafka's
// default is never, which makes flush.ms of a topic a setting without effect.
const flushTick = time.Second

// sync is the scheduler of syncs by time. The syncs themselves are done by those of each directory.
func (t *tasks) sync() {
	interval := func() time.Duration {
		if d := t.store.settings().FlushCheck; d > 0 && d < 24*time.Hour {
			return d
		}
		return flushTick
	}
	timer := time.NewTimer(interval())
	defer timer.Stop()
	for {
		select {
		case <-t.stopc:
			return
		case now := <-timer.C:
			t.syncDue(now)
			t.writeOutDue(now)
			timer.Reset(interval())
		}
	}
}

// syncDue asks for the syncs that flush.ms demands, and again for those that there was no room for.
func (t *tasks) syncDue(now time.Time) {
	timed := false
	for _, d := range t.store.dirs {
		d.syncs.retry()
		timed = timed || d.timed.Load()
	}
	if !timed {
		return
	}
	for l := range t.store.Logs() {
		if l.cfg.Load().FlushMs < forever && l.flushDue(now) {
			l.host.syncSoon(l, nil)
		}
	}
}

// watchRoom asks for the free space of the directories. It has a goroutine of its own because a file system in trouble may take its time.
func (t *tasks) watchRoom() {
	ticker := time.NewTicker(roomCheck)
	defer ticker.Stop()
	for {
		for _, d := range t.store.dirs {
			if d.offline() == nil {
				d.checkRoom()
			}
		}
		select {
		case <-t.stopc:
			return
		case <-ticker.C:
		}
	}
}
