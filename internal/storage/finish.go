package storage

import (
	"sync"
	"sync/atomic"

	"leat/internal/fs"
)

// finishThreads is how many logs are written at once when a directory is closed, and opened at once after a clean stop: each takes a few
// short system calls.
const finishThreads = 8

// each calls do for the numbers below n on a few goroutines, and returns when all calls have.
func each(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(finishThreads, n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
}

// finish writes what a clean start needs of a log, does not sync it, and refuses all further use. It reports whether anything of the log
// may not be durable: one sync of the whole directory follows, in place of several for each log.
func (l *Log) finish() (unsynced bool, err error) {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.closed {
		return false, nil
	}
	defer l.shut()
	if l.broken != nil {
		return false, l.broken
	}
	if l.unmade {
		return false, nil
	}
	return l.writeLast()
}

// writeLast brings epochs, indexes and producer snapshot up to date, with flushMu and writeMu held.
func (l *Log) writeLast() (unsynced bool, err error) {
	wrote, err := l.writeEpochsWith(writeOver)
	if err != nil {
		return true, l.diskError("close", err)
	}
	seg := l.active()
	if err := seg.release(); err != nil {
		return true, l.diskError("close", err)
	}
	l.mu.Lock()
	seg.noteTime()
	l.mu.Unlock()
	if !seg.indexed || len(seg.offsets.pending) > 0 || len(seg.times.pending) > 0 {
		if err := seg.writeIndexes(l.fsys, true); err != nil {
			return true, l.diskError("close", err)
		}
		l.mu.Lock()
		seg.offsets.pendingWritten()
		seg.times.pendingWritten()
		l.mu.Unlock()
		wrote = true
	}
	if !l.snapshotNeedless() {
		if err := l.writeSnapshot(l.logEnd, false); err != nil {
			return true, l.diskError("close", err)
		}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return wrote || l.recovery < l.logEnd || l.newFiles || l.newMeta || l.newDir || len(l.rolled) > 0 || len(l.loose) > 0, nil
}

// snapshotNeedless reports whether a log can do without a snapshot: one of a single segment that never had producers. Without snapshots a
// clean start takes it that there are none, and a recovery reads the segment anyway. Kafka does the same.
func (l *Log) snapshotNeedless() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.snapshot) == 0 && len(l.segments) == 1 && l.producers.byID.len() == 0
}

// finished takes note that everything of a finished log is durable.
func (l *Log) finished() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recovery = l.logEnd
	l.newFiles, l.newMeta, l.newDir = false, false, false
	l.rolled, l.loose = nil, nil
}

// writeOver replaces a file without syncing it: whoever calls it syncs the whole directory before anything relies on the file.
func writeOver(fsys fs.FS, path string, b []byte) error {
	if err := writeUnsynced(fsys, path+".tmp", b); err != nil {
		return err
	}
	return fsys.Rename(path+".tmp", path)
}

// finish writes the last of all logs of the directory and makes it durable.
func (d *logDir) finish(logs []*Log) error {
	var unsynced atomic.Bool
	var failure atomic.Pointer[error]
	each(len(logs), func(i int) {
		more, err := logs[i].finish()
		if err != nil {
			failure.CompareAndSwap(nil, &err)
		}
		if more {
			unsynced.Store(true)
		}
	})
	if err := failure.Load(); err != nil {
		return *err
	}
	if unsynced.Load() {
		if err := d.store.cfg.FS.SyncAll(d.path); err != nil {
			return d.diskError(err)
		}
	}
	for _, l := range logs {
		l.finished()
	}
	return nil
}
