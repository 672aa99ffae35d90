package storage

import (
	"errors"
	"os"
)

// close syncs everything and writes what a clean start needs: indexes, producer snapshot, epochs. A log that nobody wrote to
// since it was opened costs nothing.
func (l *Log) close() error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.closed {
		return nil
	}
	err := l.settle()
	l.shut()
	return err
}

// settle brings all files up to date, with flushMu and writeMu held.
func (l *Log) settle() error {
	if l.broken != nil {
		return l.broken
	}
	if l.unmade {
		return nil
	}
	if err := l.flushLocked(l.logEnd); err != nil {
		return err
	}
	seg := l.active()
	if err := seg.release(); err != nil {
		return l.diskError("close", err)
	}
	l.mu.Lock()
	seg.noteTime()
	l.mu.Unlock()
	if !seg.indexed || len(seg.offsets.pending) > 0 || len(seg.times.pending) > 0 {
		if err := seg.writeIndexes(l.fsys, true); err != nil {
			return l.diskError("close", err)
		}
		if err := l.syncIndexes(seg); err != nil {
			return l.unsyncedError("close", err)
		}
		l.mu.Lock()
		seg.offsets.pendingWritten()
		seg.times.pendingWritten()
		l.newFiles = true
		l.mu.Unlock()
	}
	if err := l.writeSnapshot(l.logEnd, true); err != nil {
		return l.diskError("close", err)
	}
	// The directory's own name is synced with the checkpoints beside it.
	if err := l.syncNames(l.newFiles, l.newMeta, false); err != nil {
		return l.unsyncedError("close", err)
	}
	l.newFiles, l.newMeta, l.newDir = false, false, false
	return nil
}

func syncFile(l *Log, path string) error {
	f, err := l.fsys.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// shut refuses all further use and lets go of the files, with flushMu and writeMu held.
func (l *Log) shut() {
	l.sealNewSegments(false)
	l.mu.Lock()
	l.closed = true
	segments := l.segments
	l.mu.Unlock()
	for _, seg := range segments {
		seg.file.discard()
	}
}

// abandon closes a log whose files do not matter any more, or cannot be written.
func (l *Log) abandon() {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	l.shut()
}

// Close flushes and closes a log opened by OpenLog.
func (l *Log) Close() error {
	err := l.close()
	if solo, ok := l.host.(*soloHost); ok && err == nil {
		err = solo.closed(l)
	}
	return err
}
