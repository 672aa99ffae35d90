package storage

import (
	"sync"
	"time"
)

// writeouts are the logs of one directory with records that are not synced, each since when. Every so often the old ones, and those with
// much, are synced: one at a time, and by a goroutine that exists only while there is something to do. The kernel has written most of
// their pages by then; what is gained is the recovery point, above which a start after a crash reads everything.
type writeouts struct {
	mu      sync.Mutex // guards what follows; taken with Log.mu held
	waiting []unsyncedLog
	running bool
	closed  bool

	wg sync.WaitGroup
}

// unsyncedLog is a log in the list, where it stands once.
type unsyncedLog struct {
	log   *Log
	since int64 // ms
}

// add notes that a log has records that are not synced.
func (w *writeouts) add(l *Log, since int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, unsyncedLog{l, since})
}

// begin starts the writing out of what is due.
func (w *writeouts) begin(d *logDir, now time.Time, after time.Duration, bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running || w.closed || len(w.waiting) == 0 {
		return
	}
	w.running = true
	w.wg.Go(func() { w.work(d, now, after, bytes) })
}

// work goes once through the list, and writes out what is due.
func (w *writeouts) work(d *logDir, now time.Time, after time.Duration, bytes int64) {
	for _, x := range w.take() {
		since, due := x.log.writeOutDue(now, x.since, after, bytes)
		if due && !w.stopped() && d.offline() == nil {
			if err := x.log.writeOut(); err != nil {
				d.syncFailed(x.log, err)
			}
			since = now.UnixMilli()
		}
		if x.log.staysListed() {
			w.add(x.log, since)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
}

// take empties the list.
func (w *writeouts) take() []unsyncedLog {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.waiting
	w.waiting = nil
	return list
}

func (w *writeouts) stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// stop waits for the sync under way. Whoever closes the logs syncs the others.
func (w *writeouts) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wg.Wait()
}

// writeOutDue starts what leat.log.writeout.ms and leat.log.writeout.bytes demand. If that is nothing, the lists still have to lose the logs that
// are gone.
func (t *tasks) writeOutDue(now time.Time) {
	set := t.store.settings()
	for _, d := range t.store.dirs {
		d.writeouts.begin(d, now, set.WriteOutAfter, set.WriteOutBytes)
	}
}

// writeOutDue reports whether a log is to be written out that has had unsynced records since then, and since when it really has: it may
// have been synced meanwhile.
func (l *Log) writeOutDue(now time.Time, since int64, after time.Duration, bytes int64) (int64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	since = min(max(since, l.lastFlush), now.UnixMilli()) // the clock may have been set back
	return since, l.recovery < l.logEnd && (after > 0 && now.UnixMilli()-since >= after.Milliseconds() || bytes > 0 && l.unsynced >= bytes)
}

// listUnsynced lists a log that was opened with records which may not be synced.
func (l *Log) listUnsynced() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recovery < l.logEnd && !l.listed {
		l.listed = l.host.unsynced(l)
	}
}

// staysListed reports whether the log still has unsynced records; if not, the next append lists it again.
func (l *Log) staysListed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed = !l.closed && l.recovery < l.logEnd
	return l.listed
}

// snapshotBytes is how much must have been appended behind the newest snapshot for a write-out to make another: reading the headers of less
// takes a moment.
const snapshotBytes = 16 << 20

// writeOut syncs the log, and leaves what lets a recovery begin at the recovery point: the index entries, and a snapshot of the producers.
// The index files are not synced: what a loss of power takes of them costs time, not records.
func (l *Log) writeOut() error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.RLock()
	target := l.logEnd
	l.mu.RUnlock()
	if err := l.beforeWriteOut(); err != nil {
		return err
	}
	return l.flushLocked(target)
}

// beforeWriteOut writes index entries and a snapshot, with flushMu held.
func (l *Log) beforeWriteOut() error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.usable() != nil || l.unmade {
		return nil
	}
	seg := l.active()
	if len(seg.offsets.pending) > 0 || len(seg.times.pending) > 0 {
		if err := seg.writeIndexes(l.fsys, false); err != nil {
			return l.diskError("flush", err)
		}
		l.mu.Lock()
		seg.offsets.pendingWritten()
		seg.times.pendingWritten()
		l.mu.Unlock()
	}
	l.mu.RLock()
	checkpoint := l.checkpoint
	l.mu.RUnlock()
	if l.unsnapped < snapshotBytes || len(l.snapshot) > 0 && l.snapshot[len(l.snapshot)-1] > checkpoint {
		return nil
	}
	// It says that what the transaction index tells of the batches below it is durable.
	if seg.aborted > 0 {
		if err := syncFile(l, seg.path(txnIndexSuffix)); err != nil {
			return l.unsyncedError("flush", err)
		}
	}
	if err := l.writeSnapshot(l.logEnd, false); err != nil {
		return l.diskError("flush", err)
	}
	if err := l.thinSnapshots(checkpoint); err != nil {
		return l.diskError("flush", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsnapped, l.newFiles = 0, true
	return nil
}

// thinSnapshots removes the snapshots within segments but for the last one below the recovery point on disk, and what lies behind it.
func (l *Log) thinSnapshots(checkpoint int64) error {
	newest := int64(-1)
	for _, offset := range l.snapshot {
		if offset <= checkpoint {
			newest = offset
		}
	}
	kept := make([]int64, 0, len(l.snapshot))
	for _, offset := range l.snapshot {
		if offset >= newest || l.segments[l.segmentOf(offset)].base == offset {
			kept = append(kept, offset)
			continue
		}
		if err := l.fsys.Remove(l.name(offsetName(offset, snapshotSuffix))); err != nil {
			return err
		}
	}
	l.snapshot = kept
	return nil
}
