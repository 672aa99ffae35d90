package storage

import (
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/record"
)

// loadBase is what the checkpoint files of a directory say about its logs.
type loadBase struct {
	clean          bool
	brokerEpoch    int64 // at the clean stop; -1 if unknown
	recoveryPoints map[record.TopicPartition]int64
	logStarts      map[record.TopicPartition]int64
	highWatermarks map[record.TopicPartition]int64
}

// readCheckpoints reads them. A file that cannot be parsed is as good as none, as in Kafka: more is recovered then. Not so the log
// start offsets: without them deleted records would come back.
func (d *logDir) readCheckpoints() (b loadBase, err error) {
	fsys := d.store.cfg.FS
	if b.clean, b.brokerEpoch, err = readCleanShutdown(fsys, d.path); err != nil {
		return b, fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
	}
	if b.logStarts, err = readOffsets(fsys, filepath.Join(d.path, logStartFile)); err != nil {
		return b, fmt.Errorf("log directory %s: %w", d.path, err)
	}
	if d.kafkas, err = d.writtenByKafka(); err != nil {
		return b, fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
	}
	points, pointsErr := readOffsets(fsys, filepath.Join(d.path, recoveryPointFile))
	marks, marksErr := readOffsets(fsys, filepath.Join(d.path, highWatermarkFile))
	_, cleanedErr := readOffsets(fsys, filepath.Join(d.path, cleanerPointFile))
	for _, err := range []error{pointsErr, marksErr, cleanedErr} {
		if errors.Is(err, ErrNewer) {
			return b, fmt.Errorf("log directory %s: %w", d.path, err)
		}
	}
	if b.recoveryPoints, err = points, pointsErr; errors.Is(err, ErrCorrupt) {
		d.store.logger.Warn("recovery points not readable, all logs are checked from the beginning", "dir", d.path, "err", err)
		b.recoveryPoints, b.clean, b.brokerEpoch, err = nil, false, -1, nil
	}
	if err != nil {
		return b, fmt.Errorf("log directory %s: %w", d.path, err)
	}
	if b.highWatermarks, err = marks, marksErr; errors.Is(err, ErrCorrupt) {
		d.store.logger.Warn("high watermarks not readable, learned anew", "dir", d.path, "err", err)
		b.highWatermarks, err = nil, nil
	}
	if err != nil {
		return b, fmt.Errorf("log directory %s: %w", d.path, err)
	}
	return b, nil
}

// all yields every partition that one of the files names.
func (b loadBase) all() iter.Seq[record.TopicPartition] {
	return func(yield func(record.TopicPartition) bool) {
		for _, file := range []map[record.TopicPartition]int64{b.recoveryPoints, b.logStarts, b.highWatermarks} {
			for tp := range file {
				if !yield(tp) {
					return
				}
			}
		}
	}
}

func (b loadBase) spec(tp record.TopicPartition, path string) loadSpec {
	start, known := b.logStarts[tp]
	if !known {
		start = -1
	}
	point, listed := b.recoveryPoints[tp]
	return loadSpec{
		tp: tp, path: path, clean: b.clean, trusted: b.clean && listed, recoveryPoint: point, logStart: start, highWatermark: b.highWatermarks[tp],
	}
}

// mine is the directory's open logs. For a checkpoint it is asked with checkpointMu held: of two files, the later one must not name a log
// that was gone when the earlier one was written.
func (d *logDir) mine() []*Log {
	var list []*Log
	for _, l := range d.store.list() {
		if l.host == host(d) && l.made() {
			list = append(list, l)
		}
	}
	return list
}

// checkpointAll writes all three files.
func (d *logDir) checkpointAll() error {
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	list := d.mine()
	for _, write := range []func([]*Log) error{d.writeLogStarts, d.writeHighWatermarks, d.writeRecoveryPoints} {
		if err := write(list); err != nil {
			return err
		}
	}
	return d.cleaned.settle()
}

// checkpoint runs one of the writers and takes the directory offline if that fails.
func (d *logDir) checkpoint(write func([]*Log) error) {
	if d.offline() != nil {
		return
	}
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	d.checkpointed(write(d.mine()))
}

// checkpointed deals with the outcome of writing a checkpoint.
func (d *logDir) checkpointed(err error) {
	if err != nil {
		err = fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
		if IsFull(err) || passing(err) { // the next one tells the same, and later
			d.store.logger.Error("checkpoint not written", "dir", d.path, "err", err)
			return
		}
		d.failed(err)
	}
}

// writeRecoveryPoints writes recovery-point-offset-checkpoint.
func (d *logDir) writeRecoveryPoints(list []*Log) error {
	points := make([]partitionOffset, 0, len(list)+len(d.unloaded))
	for _, l := range list {
		l.mu.Lock()
		points = append(points, partitionOffset{l.tp, l.recovery})
		l.checkpoint = l.recovery
		l.mu.Unlock()
	}
	for tp, l := range d.unloaded {
		points = append(points, partitionOffset{tp, l.recoveryPoint})
	}
	return d.writeOffsets(recoveryPointFile, points)
}

// writeLogStarts writes log-start-offset-checkpoint, which names the logs whose start does not follow from their first segment, or would not if
// a loss of power brought back what was removed and not synced since.
func (d *logDir) writeLogStarts(list []*Log) error {
	var starts []partitionOffset
	for _, l := range list {
		l.mu.RLock()
		if l.logStart > l.segments[0].base || l.newFiles && l.logStart > 0 {
			starts = append(starts, partitionOffset{l.tp, l.logStart})
		}
		l.mu.RUnlock()
	}
	for tp, l := range d.unloaded {
		if l.logStart >= 0 {
			starts = append(starts, partitionOffset{tp, l.logStart})
		}
	}
	return d.writeOffsets(logStartFile, starts)
}

// writeHighWatermarks writes replication-offset-checkpoint.
func (d *logDir) writeHighWatermarks(list []*Log) error {
	d.movedHW.Store(false)
	marks := make([]partitionOffset, 0, len(list))
	for _, l := range list {
		l.mu.RLock()
		marks = append(marks, partitionOffset{l.tp, l.highWater})
		l.mu.RUnlock()
	}
	return d.writeOffsets(highWatermarkFile, marks)
}

var checkpointSeed = maphash.MakeSeed()

// writeOffsets replaces a checkpoint file unless it has that content already.
func (d *logDir) writeOffsets(name string, list []partitionOffset) error {
	b := formatOffsets(list)
	sum := maphash.Bytes(checkpointSeed, b)
	if d.written[name] == sum {
		return nil
	}
	delete(d.written, name)
	if err := fs.WriteFile(d.store.cfg.FS, filepath.Join(d.path, name), b, 0o644); err != nil {
		return err
	}
	d.written[name] = sum
	return nil
}

// recoveryLowered rewrites the recovery points if the file claims more than the log has left.
func (d *logDir) recoveryLowered(l *Log) error {
	l.mu.RLock()
	lowered, recovery := l.recovery < l.checkpoint, l.recovery
	l.mu.RUnlock()
	if err := d.cleaned.lower(l.tp, recovery); err != nil { // only what is synced is ever cleaned
		return err
	}
	if !lowered {
		return nil
	}
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	if err := d.dropManifest(); err != nil {
		return err
	}
	return d.writeRecoveryPoints(d.mine())
}

// startLowered rewrites the start offsets.
func (d *logDir) startLowered(*Log) error {
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	return d.writeLogStarts(d.mine())
}
