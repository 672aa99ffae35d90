package storage

import (
	"errors"
	"io"
	"os"
	"slices"
)

// healed builds the indexes of a segment anew if err says that they do not fit the log, and reports whether it did.
func (l *Log) healed(seg *segment, err error) bool {
	if !errors.Is(err, errIndex) && !errors.Is(err, os.ErrNotExist) {
		return false
	}
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.usable() != nil || !slices.Contains(l.segments, seg) {
		return false
	}
	l.logger.Warn("index does not fit its log, rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
	if err := l.reindex(seg); err != nil {
		l.logger.Error("index not rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
		return false
	}
	return true
}

// reindex reads all headers of a segment into new indexes, with writeMu held.
func (l *Log) reindex(seg *segment) error {
	fresh := &segment{base: seg.base, dir: seg.dir, segmentTail: emptyTail(seg.base)}
	fresh.offsets.width, fresh.times.width = indexEntrySize, timeIndexEntrySize
	f, err := seg.file.acquire()
	if err != nil {
		return err
	}
	defer seg.file.release()
	sc := newScanner(f, 0, seg.size)
	defer sc.done()
	interval := l.cfg.Load().IndexIntervalBytes
	for {
		h, at, err := sc.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		fresh.noteBatch(h, at, interval)
	}
	if seg != l.active() {
		fresh.noteTime()
	}
	if err := fresh.writeIndexes(l.fsys, true); err != nil {
		return err
	}
	if err := l.syncIndexes(seg); err != nil {
		return err
	}
	fresh.offsets.pendingWritten()
	fresh.times.pendingWritten()
	l.mu.Lock()
	seg.offsets, seg.times, seg.segmentTail, seg.indexed = fresh.offsets, fresh.times, fresh.segmentTail, true
	l.mu.Unlock()
	return nil
}
