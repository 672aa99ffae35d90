package storage

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"leat/internal/fs"
)

// Flush syncs everything below the log end offset and raises the recovery point. Callers that wait for each other share one sync.
func (l *Log) Flush() error {
	l.mu.RLock()
	target := l.logEnd
	l.mu.RUnlock()
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	for {
		if err := l.flushLocked(target); err != nil {
			return err
		}
		l.mu.RLock()
		reached := l.recovery >= min(target, l.logEnd)
		l.mu.RUnlock()
		if reached { // if not, segments went away meanwhile, and what was synced may have been theirs
			return nil
		}
	}
}

// SyncSoon asks for a sync of all that is in the log by now, without waiting for it. Those who ask while one runs share the next one. The
// w of a log is always the same.
func (l *Log) SyncSoon(w SyncWaiter) { l.host.syncSoon(l, w) }

// SyncedEnd is the offset below which records may be used: the log end offset, or the recovery point while so many records lie above it
// that flush.messages demands a sync.
func (l *Log) SyncedEnd() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.logEnd-l.recovery >= l.cfg.Load().FlushMessages {
		return l.recovery
	}
	return l.logEnd
}

// flushLocked makes sure, with flushMu held, that the log is synced up to target.
func (l *Log) flushLocked(target int64) error {
	if err := l.host.offline(); err != nil {
		return err
	}
	l.mu.RLock()
	done := l.unmade || l.recovery >= target && !l.epochs.changed(l.logEnd) && !l.newDir
	closed := l.closed // which takes flushMu: it stays as it is
	l.mu.RUnlock()
	if done {
		return nil
	}
	if closed { // the directory may be gone, or another log's by now
		return l.errClosed()
	}
	began := time.Now()
	// The end first: a recovery point beyond an epoch that is not in the file would hide it, for only what lies above is read again.
	l.mu.RLock()
	end := l.logEnd
	l.mu.RUnlock()
	if err := l.writeEpochs(); err != nil {
		return l.diskError("flush", err)
	}
	l.mu.Lock()
	owed := l.takeOwedLocked()
	truncates := l.truncates
	var few [2]*segment
	segments := few[:0]
	if l.recovery < end {
		segments = append(segments, l.segments[l.segmentOf(l.recovery):]...)
	}
	l.mu.Unlock()
	if err := l.syncOwed(segments, owed); err != nil {
		l.owe(owed)
		return err
	}
	l.flushedUpTo(end, truncates)
	l.files.counts.flushed(began)
	return nil
}

// owed is what a flush has to sync besides the segments above the recovery point.
type owed struct {
	bytes                     int64 // of records
	newFiles, newMeta, newDir bool
	rolled                    []*segment
	loose                     []int64
}

// takeOwedLocked takes over, with mu held, what is to be synced by now. What comes meanwhile is the next flush's.
func (l *Log) takeOwedLocked() owed {
	o := owed{l.unsynced, l.newFiles, l.newMeta, l.newDir, l.rolled, l.loose}
	l.unsynced, l.newFiles, l.newMeta, l.newDir, l.rolled, l.loose = 0, false, false, false, nil, nil
	return o
}

// owe gives back what a flush has taken over and failed to do. If the directory stays in use, the next flush has to do all of it.
func (l *Log) owe(o owed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsynced += o.bytes
	l.newFiles, l.newMeta, l.newDir = l.newFiles || o.newFiles, l.newMeta || o.newMeta, l.newDir || o.newDir
	l.rolled, l.loose = append(o.rolled, l.rolled...), append(o.loose, l.loose...)
}

// syncOwed syncs segments, and then what else is owed.
func (l *Log) syncOwed(segments []*segment, o owed) error {
	for _, seg := range segments {
		f, err := seg.file.acquire()
		if errors.Is(err, ErrClosed) {
			continue // deleted meanwhile
		}
		if err != nil {
			return l.diskError("flush", err)
		}
		err = f.Sync()
		seg.file.release()
		if err != nil {
			return l.syncError("flush", err)
		}
	}
	for _, seg := range o.rolled {
		if err := l.syncIndexes(seg); err != nil && !errors.Is(err, os.ErrNotExist) { // it may be deleted meanwhile
			return l.unsyncedError("flush", err)
		}
	}
	for _, offset := range o.loose {
		if err := syncFile(l, l.name(offsetName(offset, snapshotSuffix))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return l.unsyncedError("flush", err)
		}
	}
	if err := l.syncNames(o.newFiles, o.newMeta, o.newDir); err != nil {
		return l.unsyncedError("flush", err)
	}
	return nil
}

// flushedUpTo raises the recovery point after a sync, unless the log was truncated meanwhile.
func (l *Log) flushedUpTo(end, truncates int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.truncates == truncates && end > l.recovery {
		l.recovery = end
	}
	l.lastFlush = time.Now().UnixMilli()
}

// syncIndexes syncs the index files of a closed segment. Recovery does not look at segments below the recovery point, so their
// indexes have to be as durable as their records.
func (l *Log) syncIndexes(seg *segment) error {
	l.mu.RLock()
	aborted, size := seg.aborted, seg.size
	l.mu.RUnlock()
	if size == 0 {
		return nil // so are its indexes, and they may be lost
	}
	if err := l.syncIndexFiles(seg); err != nil || aborted == 0 {
		return err
	}
	return syncFile(l, seg.path(txnIndexSuffix))
}

// syncIndexFiles syncs what every segment has.
func (l *Log) syncIndexFiles(seg *segment) error {
	if err := syncFile(l, seg.path(indexSuffix)); err != nil {
		return err
	}
	return syncFile(l, seg.path(timeIndexSuffix))
}

// syncNames makes durable that the log and its files exist.
func (l *Log) syncNames(newFiles, newMeta, newDir bool) error {
	if newMeta {
		if err := syncFile(l, l.name(partitionMetaFile)); err != nil {
			return err
		}
	}
	if newFiles || newMeta {
		if err := l.fsys.SyncDir(l.path); err != nil {
			return err
		}
	}
	if newDir {
		return l.fsys.SyncDir(filepath.Dir(l.path))
	}
	return nil
}

// writeEpochs brings leader-epoch-checkpoint up to date.
func (l *Log) writeEpochs() error {
	_, err := l.writeEpochsWith(func(fsys fs.FS, path string, b []byte) error { return fs.WriteFile(fsys, path, b, 0o644) })
	return err
}

// writeEpochsWith writes the file with the given function if it has to be written, and reports whether it was.
func (l *Log) writeEpochsWith(write func(fsys fs.FS, path string, b []byte) error) (wrote bool, err error) {
	l.mu.Lock()
	if !l.epochs.changed(l.logEnd) {
		l.mu.Unlock()
		return false, nil
	}
	starts := l.epochs.written(l.logEnd)
	b := formatEpochs(starts)
	l.epochs.dirty, l.epochs.unwritten = false, len(starts) < len(l.epochs.starts)
	l.mu.Unlock()
	if err = write(l.fsys, l.name(epochFile), b); err != nil {
		l.mu.Lock()
		l.epochs.dirty = true
		l.mu.Unlock()
	}
	return true, err
}

// flushDue reports whether flush.ms has passed since the last flush and there is something to flush.
func (l *Log) flushDue(now time.Time) bool {
	cfg := l.cfg.Load()
	l.mu.RLock()
	defer l.mu.RUnlock()
	since := now.UnixMilli() - l.lastFlush
	return !l.closed && l.recovery < l.logEnd && (since >= cfg.FlushMs.Milliseconds() || since < 0) // the clock may have been set back
}
