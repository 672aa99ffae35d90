package storage

import (
	"errors"
	"os"
	"time"

	"leat/internal/record"
)

// A log that nobody wrote to yet need not be on disk: all there is to know of it stands in the metadata log, and after a restart it is
// made anew from there. A hundred thousand partitions are created without a system call each that way. With several log directories
// it is on disk from the beginning, because then the directory also says where the partition was placed.

// postpone begins a log without files, unless there are any. It reports whether it did.
func (d *logDir) postpone(l *Log) bool {
	if len(d.store.dirs) > 1 {
		return false
	}
	if _, err := l.fsys.Stat(l.path); !errors.Is(err, os.ErrNotExist) {
		return false
	}
	seg := newSegment(l.files, l.path, 0)
	now := time.Now()
	seg.created, seg.jitter = now.UnixMilli(), jitter(l.cfg.Load())
	l.segments, l.lastFlush = []*segment{seg}, now.UnixMilli()
	l.unmade = true
	return true
}

// putOnDisk puts a log on disk that is not there yet. Call it with writeMu held, before the first file of the log is touched. What fails leaves
// nothing behind, and the next append tries again.
func (l *Log) putOnDisk() error {
	if !l.unmade {
		return nil
	}
	meta, err := l.makeFiles()
	if err != nil {
		_ = l.fsys.RemoveAll(l.path) // the first error says more
		return l.diskError("create", err)
	}
	l.mu.Lock()
	l.unmade, l.newDir, l.newFiles, l.newMeta = false, true, true, meta
	l.mu.Unlock()
	return nil
}

// makeFiles makes the directory, partition.metadata and the empty segment. They are not synced, for records are not either.
func (l *Log) makeFiles() (meta bool, err error) {
	if err := l.fsys.MkdirAll(l.path, 0o755); err != nil {
		return false, err
	}
	if id := l.TopicID(); id != (record.UUID{}) {
		if err := writeUnsynced(l.fsys, l.name(partitionMetaFile), formatPartitionMetadata(id)); err != nil {
			return false, err
		}
		meta = true
	}
	return meta, l.active().create(l.fsys)
}

// made reports whether the log has files, which a checkpoint may speak of.
func (l *Log) made() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return !l.unmade
}
