package storage

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// readManifest reads the manifest of the last clean stop. After a stop without order it may be that of an earlier one: what has not changed
// since then need not be looked at again either. One that is not of this marker, or that cannot be read, is none.
func (d *logDir) readManifest(clean bool) []cleanLog {
	fsys := d.store.cfg.FS
	b, err := fs.ReadFile(fsys, d.manifestPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var m *manifest
	if err == nil {
		m, err = decodeManifest(b)
	}
	if err != nil {
		d.store.logger.Warn("manifest of clean logs not usable, each log is looked into", "dir", d.path, "err", err)
		return nil
	}
	if !clean {
		return m.logs
	}
	marker, err := fsys.Stat(filepath.Join(d.path, cleanShutdownFile))
	if err != nil || marker.ModTime().UnixNano() != m.marker {
		d.store.logger.Warn("manifest of clean logs is of another stop, each log is looked into", "dir", d.path, "err", err)
		return nil
	}
	return m.logs
}

// found is a partition's directory.
type found struct {
	tp    record.TopicPartition
	path  string
	known *cleanLog // what a manifest says of it
}

// loadKnown opens the logs that a manifest knows and that have not changed since, and returns the rest.
func (d *logDir) loadKnown(ctx context.Context, base loadBase, dirs []found) []found {
	logs := d.readManifest(base.clean)
	if len(logs) == 0 {
		return dirs
	}
	slices.SortFunc(dirs, func(a, b found) int {
		return cmp.Or(strings.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
	})
	next := 0
	for i, f := range dirs {
		for next < len(logs) && before(logs[next].tp, f.tp) {
			next++
		}
		if next < len(logs) && logs[next].tp == f.tp {
			dirs[i].known = &logs[next]
		}
	}
	opened := make([]*Log, len(dirs))
	each(len(dirs), func(i int) {
		if c := dirs[i].known; c != nil && ctx.Err() == nil {
			opened[i] = d.openKnown(c, base.spec(c.tp, dirs[i].path))
		}
	})
	rest := dirs[:0]
	for i, l := range opened {
		if l == nil || !d.enterNew(l) {
			rest = append(rest, dirs[i])
		}
	}
	return rest
}

func before(a, b record.TopicPartition) bool {
	return a.Topic < b.Topic || a.Topic == b.Topic && a.Partition < b.Partition
}

// enterNew enters a log unless another directory holds one of that name.
func (d *logDir) enterNew(l *Log) bool {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	if _, held := d.store.holderLocked(l.tp); held {
		return false
	}
	d.store.enterLocked(l, d)
	return true
}

// openKnown opens a log from what a manifest says of it, or returns nil if that cannot be relied on.
//
// After a clean stop a directory whose names did not change holds the files that it held; that they have the length they had is looked at
// when each is opened. After any other stop the log was synced as the manifest says, and has not been written to since if the active segment
// is as long as it was then and the recovery point still stands where the log ended: a truncation would have lowered it, and a flush of
// more would have raised it.
func (d *logDir) openKnown(c *cleanLog, spec loadSpec) *Log {
	info, err := d.store.cfg.FS.Stat(spec.path)
	if err != nil || info.ModTime().UnixNano() != c.changed || spec.recoveryPoint != c.logEnd || max(spec.logStart, c.logStart) > c.logEnd {
		return nil
	}
	l := newLog(c.tp, spec.path, d.store.cfg.FS, d.store.files, d, d.store.logConfig(c.tp.Topic), d.store.logger)
	if !spec.clean && !l.ends(c.segments[len(c.segments)-1]) {
		return nil
	}
	if !l.restore(c, spec) {
		return nil
	}
	return l
}

// ends reports whether the files of the segment that was active are as long as they were. The indexes count, too: power may have been lost when
// entries had reached the disk, and the records that they speak of had not.
func (l *Log) ends(x cleanSegment) bool {
	sizes := [...]int64{x.size, x.offsets * indexEntrySize, x.times * timeIndexEntrySize, x.aborted * txnEntrySize}
	for i, suffix := range segmentSuffixes {
		info, err := l.fsys.Stat(l.name(offsetName(x.base, suffix)))
		switch {
		case err == nil && info.Size() == sizes[i]:
		case missingTxnIndex(suffix, err) && sizes[i] == 0:
		default:
			return false
		}
	}
	return true
}

// restore sets up a log as it was when it was closed. It reports false if its producers cannot be read.
func (l *Log) restore(c *cleanLog, spec loadSpec) bool {
	now := time.Now().UnixMilli()
	l.topicID, l.snapshot = c.topicID, c.snapshots
	l.segments = make([]*segment, len(c.segments))
	for i, x := range c.segments {
		s := newSegment(l.files, l.path, x.base)
		s.size, s.offsets.onDisk, s.times.onDisk, s.aborted, s.indexed = x.size, x.offsets, x.times, int(x.aborted), true
		s.file.expected = x.size + 1
		if x.size > 0 || i < len(c.segments)-1 {
			s.maxTimestamp = unknownTimestamp
		}
		l.segments[i] = s
	}
	active := l.active()
	active.unread = active.size > 0
	active.created, active.jitter = now, jitter(l.cfg.Load())
	l.logEnd, l.recovery, l.checkpoint, l.lastFlush = c.logEnd, c.logEnd, c.logEnd, now
	l.logStart = max(c.logStart, spec.logStart)
	l.highWater = min(max(spec.highWatermark, l.logStart), l.logEnd)
	l.epochs.starts = c.epochs
	l.epochs.truncateStart(l.logStart)
	n := len(l.snapshot)
	if n == 0 || l.snapshot[n-1] == l.logEnd && c.newestSnapshot <= snapshotHeaderSize {
		return true
	}
	var err error
	if l.producers, err = l.buildProducers(l.logEnd, l.logEnd, nil); err != nil {
		return false
	}
	l.producers.replicated(l.highWater)
	return true
}
