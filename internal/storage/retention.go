package storage

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// AdvanceLogStart raises the log start offset (DeleteRecords, retention); never above the high watermark, never back. Segments
// that lie wholly below it go with the next Retain.
func (l *Log) AdvanceLogStart(offset int64) error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset > l.highWater {
		return fmt.Errorf("advance start of %s to offset %d: the high watermark is %d: %w", l.tp, offset, l.highWater, ErrOffsetOutOfRange)
	}
	l.advanceLocked(offset)
	return nil
}

func (l *Log) advanceLocked(offset int64) {
	if offset <= l.logStart {
		return
	}
	l.logStart = offset
	l.epochs.truncateStart(offset)
	l.producers.replicated(offset)
}

// Retain deletes old segments as retention.ms, retention.bytes and the log start offset demand, and returns how many went.
// A log with a Store need not call it.
func (l *Log) Retain(now time.Time) (int, error) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if err := l.usable(); err != nil {
		return 0, err
	}
	if l.cleaning { // what it works on stays until it is done; the next check comes
		return 0, nil
	}
	cfg := l.cfg.Load()
	n, err := l.expiredSegments(cfg, now)
	if err != nil || n == 0 {
		return 0, err
	}
	if n == len(l.segments) { // the active one, too: it is closed first, so that the log goes on at the same offset
		if err := l.roll(l.logEnd, cfg, now); err != nil {
			return 0, err
		}
	}
	for _, seg := range l.segments[1 : n+1] { // each of them may be the first that a loss of power leaves
		if err := l.keepProducers(seg.base); err != nil {
			return 0, err
		}
	}
	return n, l.deleteFirst(n, cfg)
}

// keepProducers makes sure that a durable snapshot tells of the producers at base. Call it with writeMu held, before the segments below go:
// what the log knows from their batches stands nowhere else then, and a loss of power may keep their removal and lose what was only written.
// A flush under way may be about to sync the same; so this does not ask whether one did.
func (l *Log) keepProducers(base int64) error {
	if err := l.addSnapshot(base); err != nil {
		return err
	}
	err := syncFile(l, l.name(offsetName(base, snapshotSuffix)))
	if err == nil || errors.Is(err, os.ErrNotExist) { // without producers there need be none
		err = l.fsys.SyncDir(l.path)
	}
	if err != nil {
		return l.unsyncedError("retention of", err)
	}
	return nil
}

// addSnapshot makes sure that there is a snapshot as of offset, or none and no producers. It may be missing, or not readable, since an unclean
// stop, or because the segment begins behind a gap.
func (l *Log) addSnapshot(offset int64) error {
	table, at, err := l.loadSnapshot(offset)
	if err != nil || at == offset {
		return err
	}
	if err := l.replay(&table, at, offset, nil); err != nil || table.byID.len() == 0 && len(l.snapshot) == 0 {
		return err
	}
	if err := writeUnsynced(l.fsys, l.name(offsetName(offset, snapshotSuffix)), table.formatSnapshot()); err != nil {
		return l.diskError("retention of", err)
	}
	i, _ := slices.BinarySearch(l.snapshot, offset)
	l.snapshot = slices.Insert(l.snapshot, i, offset)
	l.mu.Lock()
	l.loose = append(l.loose, offset)
	l.mu.Unlock()
	return nil
}

// expiredSegments counts how many segments from the beginning may go. A segment stays if it reaches above the high watermark.
func (l *Log) expiredSegments(cfg *LogConfig, now time.Time) (int, error) {
	total, highWatermark := l.Size(), l.Offsets().HighWatermark
	for n, seg := range l.segments {
		end := l.logEnd
		if n+1 < len(l.segments) {
			end = l.segments[n+1].base
		}
		last := n+1 == len(l.segments)
		if end > highWatermark || last && seg.size == 0 {
			return n, nil
		}
		expired := !last && end <= l.logStart
		if !expired && cfg.Delete {
			byTime, err := l.expiredByTime(seg, cfg, now)
			if err != nil {
				return 0, err
			}
			expired = byTime || cfg.RetentionBytes >= 0 && total-seg.size >= cfg.RetentionBytes
		}
		if !expired {
			return n, nil
		}
		total -= seg.size
	}
	return len(l.segments), nil
}

// expiredByTime compares the greatest timestamp of a segment with the clock. Where it lies in the future, or the records have none, the time
// counts at which the file was written last: one record from the future must not keep all that come after it for ever.
func (l *Log) expiredByTime(seg *segment, cfg *LogConfig, now time.Time) (bool, error) {
	if cfg.RetentionMs < 0 {
		return false, nil
	}
	fromIndex := seg.maxTimestamp == unknownTimestamp
	timestamp, _, err := seg.greatestTimestamp(l.fsys)
	if err != nil {
		return false, l.damaged(fmt.Errorf("retention of %s: %w", l.tp, err))
	}
	if timestamp < 0 || timestamp > now.UnixMilli() {
		info, err := l.fsys.Stat(seg.file.path)
		if err != nil {
			return false, l.diskError("retention of", err)
		}
		timestamp = l.lastWrite(info.ModTime(), now)
	}
	expired := now.UnixMilli()-timestamp > cfg.RetentionMs.Milliseconds()
	if expired && fromIndex {
		confirmed, err := l.confirmTime(seg)
		if err != nil {
			return false, l.damaged(fmt.Errorf("retention of %s: %w", l.tp, seg.corrupt(err)))
		}
		if !confirmed {
			return l.expiredByTime(seg, cfg, now)
		}
	}
	return expired, nil
}

// lastWrite is when a segment was written last, in ms. If the file says that this is still to come, because the clock was wrong then or is
// now, it counts from when the log was first seen to have such a segment.
func (l *Log) lastWrite(written, now time.Time) int64 {
	if !written.After(now) {
		l.ahead = 0
		return written.UnixMilli()
	}
	if l.ahead == 0 || l.ahead > now.UnixMilli() {
		l.ahead = now.UnixMilli()
	}
	return l.ahead
}

// deleteFirst takes the first n segments out of the log and their files away.
func (l *Log) deleteFirst(n int, cfg *LogConfig) error {
	l.mu.Lock()
	gone := l.segments[:n:n]
	l.segments = append([]*segment(nil), l.segments[n:]...)
	base := l.segments[0].base
	l.advanceLocked(base)
	l.truncates++
	l.newFiles = true // fewer
	l.mu.Unlock()
	l.files.counts.SegmentsDeleted.Add(int64(n))
	l.logger.Info("old segments deleted", "topic", l.tp.Topic, "partition", l.tp.Partition, "count", n, "offset", base)
	if err := l.removeSegments(gone, max(cfg.FileDeleteDelay, 1)); err != nil {
		return l.diskError("retention of", err)
	}
	return l.dropOldSnapshots(base)
}

// dropOldSnapshots removes producer snapshots of deleted segments.
func (l *Log) dropOldSnapshots(base int64) error {
	kept := make([]int64, 0, len(l.snapshot))
	for _, offset := range l.snapshot {
		if offset >= base {
			kept = append(kept, offset)
			continue
		}
		if err := l.fsys.Remove(l.name(offsetName(offset, snapshotSuffix))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return l.diskError("retention of", err)
		}
	}
	l.snapshot = kept
	return nil
}

// expireProducers forgets producers silent for longer than producer.id.expiration.ms.
func (l *Log) expireProducers(now time.Time, after time.Duration) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.producers.expire(now, after)
}
