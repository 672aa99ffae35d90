package storage

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// segmentFor returns the active segment, a new one if the batches do not fit into it. Call it with writeMu held.
func (l *Log) segmentFor(batches []byte, next int64, cfg *LogConfig, now time.Time) (*segment, error) {
	seg := l.active()
	first := record.Batch(batches)
	if seg.size == 0 && seg.overflows(next-1) {
		return l.replaceEmpty(seg, first.BaseOffset(), cfg, now)
	}
	if seg.size == 0 || !l.rollDue(seg, batches, next, cfg, now) {
		return seg, nil
	}
	base := l.logEnd
	if next-1-base > 1<<31-1 { // compaction left a gap longer than an index entry can tell
		base = first.BaseOffset()
	}
	if err := l.roll(base, cfg, now); err != nil {
		return nil, err
	}
	return l.active(), nil
}

// rollDue follows Kafka's conditions: size, age by the records' own timestamps, full indexes, offsets too far from the base.
func (l *Log) rollDue(seg *segment, batches []byte, next int64, cfg *LogConfig, now time.Time) bool {
	if seg.size > cfg.SegmentBytes-int64(len(batches)) || seg.overflows(next-1) || seg.indexFull(cfg.SegmentIndexBytes) {
		return true
	}
	return l.age(seg, greatest(batches), now) > cfg.segmentMs().Milliseconds()-seg.jitter
}

// greatest is the greatest timestamp of some batches.
func greatest(batches []byte) int64 {
	ts := record.NoTimestamp
	for rest := batches; len(rest) > 0; rest = rest[record.Batch(rest).Size():] {
		ts = max(ts, record.Batch(rest).MaxTimestamp())
	}
	return ts
}

// age is the time in ms that a segment has been open: between its first batch and the one to come, by their timestamps, or by
// the clock where the first batch has none, or one far in the future, from which nothing would ever be old.
func (l *Log) age(seg *segment, timestamp int64, now time.Time) int64 {
	if seg.firstTimestamp == unknownTimestamp {
		l.loadFirstTimestamp(seg)
	}
	if seg.firstTimestamp >= 0 && seg.firstTimestamp <= now.Add(clockSkew).UnixMilli() {
		return timestamp - seg.firstTimestamp
	}
	seg.created = min(seg.created, now.UnixMilli()) // the clock may have been set back
	return now.UnixMilli() - seg.created
}

// clockSkew is how far a client's clock may be ahead of ours without being called wrong.
const clockSkew = time.Hour

func (l *Log) loadFirstTimestamp(seg *segment) {
	f, err := seg.file.acquire()
	if err != nil {
		return // asked again at the next append
	}
	defer seg.file.release()
	h, _, err := locate(f, 0, seg.size, 0)
	if err == nil || err == io.EOF {
		l.mu.Lock()
		seg.firstTimestamp = max(h.maxTimestamp, record.NoTimestamp)
		l.mu.Unlock()
	}
}

// replaceEmpty lets the empty active segment begin at another offset.
func (l *Log) replaceEmpty(seg *segment, base int64, cfg *LogConfig, now time.Time) (*segment, error) {
	fresh, err := l.startSegment(base, cfg, now)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.segments[len(l.segments)-1] = fresh
	l.marks.reset()
	l.mu.Unlock()
	if err := l.removeSegments([]*segment{seg}, 0); err != nil {
		return nil, l.diskError("roll", err)
	}
	return fresh, nil
}

// roll closes the active segment and starts one at base. Call it with writeMu held.
func (l *Log) roll(base int64, cfg *LogConfig, now time.Time) error {
	old := l.active()
	l.mu.Lock()
	old.noteTime()
	l.mu.Unlock()
	if err := errors.Join(old.writeIndexes(l.fsys, true), old.release()); err != nil {
		return l.diskError("roll", err)
	}
	synced := l.recoveryPoint() >= l.logEnd // no flush will look at this segment again
	if err := l.writeSnapshot(l.logEnd, synced); err != nil {
		return l.diskError("roll", err)
	}
	if synced {
		if err := l.syncIndexes(old); err != nil {
			return l.unsyncedError("roll", err)
		}
	}
	fresh, err := l.startSegment(base, cfg, now)
	if err != nil {
		return err
	}
	l.mu.Lock()
	if !synced {
		l.rolled = append(l.rolled, old)
	}
	old.offsets.pendingWritten()
	old.times.pendingWritten()
	l.segments = append(l.segments, fresh)
	l.marks.reset()
	l.mu.Unlock()
	l.files.counts.SegmentsRolled.Add(1)
	l.logger.Debug("segment rolled", "topic", l.tp.Topic, "partition", l.tp.Partition, "offset", base)
	l.host.syncSoon(l, nil)
	return nil
}

// startSegment makes the files of a new segment.
func (l *Log) startSegment(base int64, cfg *LogConfig, now time.Time) (*segment, error) {
	seg := newSegment(l.files, l.path, base)
	seg.created = now.UnixMilli()
	seg.jitter = jitter(cfg)
	// Files of a segment that was deleted or truncated away may still stand under this name.
	for _, suffix := range segmentSuffixes[1:] {
		if err := l.fsys.Remove(seg.path(suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, l.diskError("roll", err)
		}
	}
	if err := seg.create(l.fsys); err != nil {
		_ = l.fsys.Remove(seg.file.path) // the next attempt, or recovery, replaces what is left
		return nil, l.diskError("roll", err)
	}
	l.mu.Lock()
	l.newFiles = true
	l.mu.Unlock()
	return seg, nil
}

// jitter spreads the rolls of logs that started together.
func jitter(cfg *LogConfig) int64 {
	limit := min(cfg.SegmentJitter, cfg.SegmentMs).Milliseconds()
	if limit <= 0 {
		return 0
	}
	return rand.Int64N(limit)
}

// writeSnapshot writes the producer table as of offset unless that file exists. An unsynced one that a crash tears is noticed by
// its CRC, and an older one is used; the next flush syncs it, because producers whose segments are deleted stand nowhere else. Call it
// with writeMu held.
func (l *Log) writeSnapshot(offset int64, sync bool) error {
	if n := len(l.snapshot); n > 0 && l.snapshot[n-1] >= offset || offset == 0 {
		return nil
	}
	path := l.name(offsetName(offset, snapshotSuffix))
	l.mu.RLock()
	b := l.producers.formatSnapshot()
	l.mu.RUnlock()
	if err := writeUnsynced(l.fsys, path, b); err != nil {
		return err
	}
	if sync {
		if err := syncFile(l, path); err != nil {
			return err
		}
		l.mu.Lock()
		l.newFiles = true
		l.mu.Unlock()
	} else {
		l.mu.Lock()
		l.loose = append(l.loose, offset)
		l.mu.Unlock()
	}
	l.snapshot = append(l.snapshot, offset)
	return nil
}

// writeUnsynced writes a file whose content is checked when it is read and may be lost in a crash.
func writeUnsynced(fsys fs.FS, path string, b []byte) error {
	f, err := fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
