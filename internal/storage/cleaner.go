package storage

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/record"
	"leat/internal/storage/compact"
)

// cleaner compacts the logs of a Store. One goroutine looks now and then whether a log is due; only then are there workers, which take one log
// after the other until none is due, and with them their memory.
type cleaner struct {
	store *Store
	stopc chan struct{}
	wg    sync.WaitGroup
	io    throttle

	read, written atomic.Int64 // bytes

	mu          sync.Mutex // guards what follows
	started     bool
	workers     map[int]bool // numbers of those at work
	busy        map[record.TopicPartition]bool
	status      CleanerStatus
	uncleanable map[record.TopicPartition]*uncleanableLog
}

// uncleanableLog is a log that could not be cleaned.
type uncleanableLog struct {
	UncleanablePartition
	log       *Log
	truncates int64 // as of the failure: when it changes, so may the outcome
	retry     time.Time
	pause     time.Duration
}

const (
	// firstPause and lastPause bound how long a log that could not be cleaned is left alone, twice as long each time.
	firstPause = 10 * time.Minute
	lastPause  = 6 * time.Hour
	// fullPause is how long a cleaning waits for room on the disk.
	fullPause = time.Minute
)

// start begins to look for logs to clean.
func (c *cleaner) start() {
	c.mu.Lock()
	c.started = true
	c.mu.Unlock()
	c.wg.Go(c.supervise)
}

// prepare comes before everything else.
func (c *cleaner) prepare(s *Store) {
	c.store = s
	c.stopc = make(chan struct{})
	c.workers = make(map[int]bool)
	c.busy = make(map[record.TopicPartition]bool)
	c.uncleanable = make(map[record.TopicPartition]*uncleanableLog)
}

// stop ends what is under way; a log that is being cleaned stays as it is.
func (c *cleaner) stop() {
	c.mu.Lock()
	started := c.started
	c.started = false
	c.mu.Unlock()
	if started {
		close(c.stopc)
		c.wg.Wait()
	}
}

// supervise looks for work every log.cleaner.backoff.ms.
func (c *cleaner) supervise() {
	timer := time.NewTimer(c.store.settings().Cleaner.Backoff)
	defer timer.Stop()
	for {
		select {
		case <-c.stopc:
			return
		case <-timer.C:
		}
		c.employ()
		timer.Reset(max(c.store.settings().Cleaner.Backoff, minBackoff))
	}
}

// minBackoff keeps log.cleaner.backoff.ms=0 from being a loop without a pause.
const minBackoff = time.Millisecond

// employ starts workers for the logs that are due, as many as log.cleaner.threads allows.
func (c *cleaner) employ() {
	set := c.store.settings().Cleaner
	for number := range max(set.Threads, 0) {
		c.mu.Lock()
		working := c.workers[number]
		c.mu.Unlock()
		if working {
			continue
		}
		first := c.grab(time.Now())
		if first == nil {
			return
		}
		c.mu.Lock()
		c.workers[number] = true
		c.status.Threads = len(c.workers)
		c.mu.Unlock()
		c.wg.Go(func() { c.work(number, first) })
	}
}

// work cleans a log, and then others that are due.
func (c *cleaner) work(number int, t *toClean) {
	set := c.store.settings().Cleaner
	w := &cleanWorker{cleaner: c, number: number, offsets: compact.NewOffsetMap(set.DedupeBuffer/int64(max(set.Threads, 1)), set.LoadFactor)}
	for t != nil {
		c.cleanOne(w, t, time.Now())
		if now := c.store.settings().Cleaner; c.stopped() || number >= now.Threads || now != set { // others take over
			break
		}
		t = c.grab(time.Now())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.workers, number)
	c.status.Threads = len(c.workers)
}

func (c *cleaner) stopped() bool {
	select {
	case <-c.stopc:
		return true
	default:
		return false
	}
}

// grab finds the dirtiest log that is due and reserves it.
func (c *cleaner) grab(now time.Time) *toClean {
	var best *toClean
	ratio, delay := 0.0, time.Duration(0)
	if c.store.settings().Cleaner.Disabled {
		return nil
	}
	for _, l := range c.store.list() {
		d, ok := l.host.(*logDir)
		if !ok || !l.cfg.Load().Compact || d.offline() != nil || !c.free(l, now) {
			continue
		}
		point, known := d.cleaned.of(l.tp)
		t, err := l.dirt(point, known, now)
		if err != nil {
			c.failed(&t, now, err)
			continue
		}
		ratio, delay = max(ratio, t.ratio()), max(delay, t.delay)
		if t.due() && (best == nil || t.ratio() > best.ratio()) {
			best = &t
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.LastRun, c.status.MaxDirtyRatio, c.status.MaxCompactionDelay = now, ratio, delay
	c.forgetGone()
	if best == nil || c.busy[best.log.tp] {
		return nil
	}
	c.busy[best.log.tp] = true
	return best
}

// forgetGone drops what is known of logs that are deleted, with mu held.
func (c *cleaner) forgetGone() {
	for tp, u := range c.uncleanable {
		if l, ok := c.store.Log(tp); !ok || l != u.log {
			delete(c.uncleanable, tp)
		}
	}
}

// free reports whether nobody cleans the log and it is not set aside.
func (c *cleaner) free(l *Log, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[l.tp] {
		return false
	}
	u := c.uncleanable[l.tp]
	return u == nil || u.log != l || !now.Before(u.retry) || !l.uncut(u.truncates)
}

// cleanOne cleans a log and notes the outcome.
func (c *cleaner) cleanOne(w *cleanWorker, t *toClean, now time.Time) {
	run, err := w.clean(t, now)
	c.mu.Lock()
	delete(c.busy, t.log.tp)
	c.mu.Unlock()
	switch {
	case err == nil:
		c.finished(t, run)
	case errors.Is(err, errStopped), errors.Is(err, errSwapLost), isClosed(err):
		c.store.logger.Debug("cleaning given up", "topic", t.log.tp.Topic, "partition", t.log.tp.Partition, "err", err)
	default:
		c.failed(t, now, err)
	}
}

// finished notes a run that went well.
func (c *cleaner) finished(t *toClean, run CleanerRun) {
	tp := t.log.tp
	c.store.logger.Info("log compacted", "topic", tp.Topic, "partition", tp.Partition, "offset", run.NextDirty, "bytes", run.BytesRead,
		"bytes_written", run.BytesWritten, "records", run.RecordsRead, "records_kept", run.RecordsKept, "duration", run.Elapsed())
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.uncleanable, tp)
	c.status.Cleaned++
	for len(c.status.Runs) <= run.Worker {
		c.status.Runs = append(c.status.Runs, CleanerRun{Worker: len(c.status.Runs)})
	}
	c.status.Runs[run.Worker] = run
}

// failed sets a log aside for a while. It says so once, and again only when the reason is another one.
func (c *cleaner) failed(t *toClean, now time.Time, err error) {
	l := t.log
	l.mu.RLock()
	truncates, gone := l.truncates, l.closed
	l.mu.RUnlock()
	if gone || c.stopped() || isClosed(err) {
		return
	}
	c.mu.Lock()
	c.status.Failed++
	before := c.uncleanable[l.tp]
	u := &uncleanableLog{log: l, truncates: truncates, pause: firstPause}
	u.UncleanablePartition = UncleanablePartition{Partition: l.tp, Dir: l.host.(*logDir).path, Bytes: t.dirty, Since: now, Err: err}
	known := before != nil && before.log == l && before.Err.Error() == err.Error()
	if known {
		u.Since, u.pause = before.Since, min(2*before.pause, lastPause)
	}
	if IsFull(err) || errors.Is(err, ErrNoRoom) {
		u.pause = fullPause
	}
	u.retry = now.Add(u.pause)
	c.uncleanable[l.tp] = u
	c.mu.Unlock()
	if !known {
		c.store.logger.Error("log not cleanable, left as it is and tried again later", "topic", l.tp.Topic, "partition", l.tp.Partition,
			"dir", l.path, "err", err)
	}
}

// count adds to the totals.
func (c *cleaner) count(read, written int64) {
	c.read.Add(read)
	c.written.Add(written)
}

// CleanerStatus tells what the cleaner has done and is up to.
func (s *Store) CleanerStatus() CleanerStatus {
	c := &s.cleaner
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.status
	out.BytesRead, out.BytesWritten = c.read.Load(), c.written.Load()
	out.Runs = slices.Clone(c.status.Runs)
	out.Uncleanable = make([]UncleanablePartition, 0, len(c.uncleanable))
	for _, u := range c.uncleanable {
		out.Uncleanable = append(out.Uncleanable, u.UncleanablePartition)
	}
	slices.SortFunc(out.Uncleanable, func(a, b UncleanablePartition) int {
		return cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Partition.Topic, b.Partition.Topic), cmp.Compare(a.Partition.Partition, b.Partition.Partition))
	})
	return out
}

// Elapsed is how long the run took.
func (r CleanerRun) Elapsed() time.Duration { return r.End.Sub(r.Start) }
