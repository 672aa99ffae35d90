package storage

import (
	"fmt"
	"path/filepath"

	"leat/internal/fs"
)

// diskError names the directory.
func (d *logDir) diskError(err error) error {
	return fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
}

func (d *logDir) manifestPath() string { return filepath.Join(d.path, manifestFile) }

// writeManifest writes what the next start needs of the logs, all of which are finished, for the marker that was just written. A
// failure costs time at the next start and nothing else.
func (d *logDir) writeManifest(logs []*Log) {
	if err := d.tryManifest(logs); err != nil {
		d.store.logger.Warn("manifest of clean logs not written, the next start looks into each log", "dir", d.path, "err", err)
	}
}

func (d *logDir) tryManifest(logs []*Log) error {
	fsys := d.store.cfg.FS
	marker, err := fsys.Stat(filepath.Join(d.path, cleanShutdownFile))
	if err != nil {
		return err
	}
	m := manifest{marker: marker.ModTime().UnixNano(), logs: make([]cleanLog, len(logs))}
	left := d.store.tasks.unremoved()
	each(len(logs), func(i int) {
		if l := logs[i]; !l.unmade && !left[l.path] {
			m.logs[i] = l.clean()
		}
	})
	kept := m.logs[:0]
	for i := range m.logs {
		if len(m.logs[i].segments) > 0 && m.logs[i].sound() {
			kept = append(kept, m.logs[i])
		}
	}
	m.logs = kept
	return fs.WriteFile(fsys, d.manifestPath(), m.encode(), 0o644)
}

// clean describes a finished log; without segments if its directory cannot be looked at.
func (l *Log) clean() cleanLog {
	info, err := l.fsys.Stat(l.path)
	if err != nil {
		return cleanLog{}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := cleanLog{
		tp: l.tp, topicID: l.topicID, changed: info.ModTime().UnixNano(),
		logStart: l.logStart, logEnd: l.logEnd, highWater: l.highWater,
		epochs: l.epochs.written(l.logEnd), snapshots: l.snapshot, segments: make([]cleanSegment, len(l.segments)),
	}
	if l.producers.byID.len() > 0 {
		c.newestSnapshot = snapshotHeaderSize + 1
	}
	for i, s := range l.segments {
		if s.aborted < 0 {
			return cleanLog{}
		}
		c.segments[i] = cleanSegment{s.base, s.size, s.offsets.onDisk, s.times.onDisk, int64(s.aborted)}
	}
	return c
}
