package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// TruncateTo drops everything at and above offset. Within a batch, the whole batch goes. The log then ends behind its last batch, also if
// offset stands in a gap that compaction left. At or beyond the end, only what was noted of leader epochs without records is forgotten.
func (l *Log) TruncateTo(offset int64) error {
	l.checkTxnsAt(offset)
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if err := l.usable(); err != nil && l.broken == nil {
		return err
	}
	switch {
	case offset < 0:
		return fmt.Errorf("truncate %s to offset %d: not a valid offset: %w", l.tp, offset, ErrOffsetOutOfRange)
	case offset >= l.logEnd:
		// A leader epoch that began here and has no records is not part of another leader's history, whose records may follow under older epochs.
		l.mu.Lock()
		l.epochs.truncateEnd(l.logEnd)
		l.mu.Unlock()
		return nil
	case offset < l.segments[0].base:
		return l.lowering(l.restart, offset)
	}
	return l.lowering(l.truncate, offset)
}

// TruncateFullyAndStartAt empties the log and continues at offset.
func (l *Log) TruncateFullyAndStartAt(offset int64) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if err := l.usable(); err != nil && l.broken == nil {
		return err
	}
	if offset < 0 {
		return fmt.Errorf("restart %s at offset %d: not a valid offset: %w", l.tp, offset, ErrOffsetOutOfRange)
	}
	return l.lowering(l.restart, offset)
}

// lowering runs a truncation and, if the log starts below where it started before, has that written: records that are appended at such
// offsets from now on must not be taken for deleted ones after a crash.
func (l *Log) lowering(truncation func(int64) error, offset int64) error {
	before := l.logStart
	if err := truncation(offset); err != nil || l.logStart >= before {
		return err
	}
	if err := l.host.startLowered(l); err != nil {
		return l.diskError("truncate", err)
	}
	return nil
}

// truncate cuts the log within its segments. Before the first byte goes, whatever on disk claims more is corrected: the recovery
// point and the epochs of what is cut.
func (l *Log) truncate(offset int64) error {
	i := l.segmentOf(offset)
	seg := l.segments[i]
	position, end, err := l.cutPoint(seg, offset)
	if err != nil {
		return l.readError(&readPlan{seg: seg, offset: offset}, err)
	}
	l.mu.Lock()
	l.epochs.truncateEnd(end)
	l.recovery = min(l.recovery, end)
	l.mu.Unlock()
	// The recovery point first: the epochs of what a crash brings back are found by going through it.
	if err := l.host.recoveryLowered(l); err != nil {
		return l.diskError("truncate", err)
	}
	if err := l.writeEpochs(); err != nil {
		return l.diskError("truncate", err)
	}
	if err := l.cutAt(i, position, end); err != nil {
		l.broken = l.diskError("truncate", err)
		return l.broken
	}
	if err := l.reloadProducers(end); err != nil {
		return err
	}
	l.broken = nil
	l.logger.Info("log truncated", "topic", l.tp.Topic, "partition", l.tp.Partition, "offset", end)
	return nil
}

// cutAt takes away all segments behind the one with index i, and what lies in that one behind position. The last segment goes first,
// and durably before the next step, so that what a crash leaves is a shorter log and not one with a hole.
func (l *Log) cutAt(i int, position, end int64) error {
	seg := l.segments[i]
	dropped := l.detach(i+1, end)
	slices.Reverse(dropped)
	if err := l.removeSegments(dropped, 0); err != nil {
		return err
	}
	if len(dropped) > 0 {
		if err := l.fsys.SyncDir(l.path); err != nil {
			return err
		}
	}
	return l.cutSegment(seg, position, end)
}

// cutPoint finds the position of the first batch that reaches offset, and where the log ends without it: behind the batch before, for
// offsets that no batch has are not remembered over a restart.
func (l *Log) cutPoint(seg *segment, offset int64) (position, end int64, err error) {
	below := offset - seg.base - 1
	from, err := seg.resolve(l.fsys, seg.viewOffset(offset-1), below, keyRelativeOffset)
	if errors.Is(err, errIndex) {
		from, err = 0, nil // slower, and right
	}
	if err != nil {
		return 0, 0, err
	}
	f, err := seg.file.acquire()
	if err != nil {
		return 0, 0, err
	}
	defer seg.file.release()
	sc := newScanner(f, from, seg.size)
	defer sc.done()
	for end = seg.base; ; {
		h, at, err := sc.next()
		if err == io.EOF {
			return seg.size, end, nil
		}
		if err != nil {
			return 0, 0, err
		}
		if h.lastOffset >= offset {
			return at, end, nil
		}
		end = h.lastOffset + 1
	}
}

// detach takes the segments from index i on out of the log, which then ends at end.
func (l *Log) detach(i int, end int64) []*segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	dropped := append([]*segment(nil), l.segments[i:]...)
	l.segments = l.segments[:i:i]
	l.logEnd = end
	l.highWater = min(l.highWater, end)
	l.logStart = min(l.logStart, end)
	l.marks.reset()
	l.truncates++
	return dropped
}

// cutSegment cuts the segment that is active from now on, with its indexes.
func (l *Log) cutSegment(seg *segment, position, end int64) error {
	f, err := seg.file.acquire()
	if err != nil {
		return err
	}
	defer seg.file.release()
	if err := seg.writeIndexes(l.fsys, true); err != nil {
		return err
	}
	l.mu.Lock()
	seg.offsets.pendingWritten()
	seg.times.pendingWritten()
	l.mu.Unlock()
	if err := cutTo(f, position); err != nil {
		return err
	}
	seg.reserved = false
	offsets, times, err := l.keptEntries(seg, end)
	if err != nil {
		return err
	}
	txns, err := l.keptTxns(seg, end)
	if err != nil {
		return err
	}
	tail, _, err := seg.loadTail(l.fsys, position, offsets, times)
	if err != nil {
		return err
	}
	l.mu.Lock()
	seg.size, seg.offsets.onDisk, seg.times.onDisk, seg.aborted, seg.segmentTail = position, offsets, times, txns, tail
	l.mu.Unlock()
	if err := seg.writeIndexes(l.fsys, true); err != nil {
		return err
	}
	return l.syncIndexFiles(seg) // entries that come back would be taken for those of the records to come
}

// keptEntries counts the index entries that speak of offsets below end.
func (l *Log) keptEntries(seg *segment, end int64) (offsets, times int64, err error) {
	count := func(suffix string, width int, n int64, key indexKey) (int64, error) {
		lo, hi := int64(0), n
		for lo < hi {
			mid := (lo + hi) / 2
			e, err := seg.lastEntry(l.fsys, suffix, width, mid+1)
			if err != nil {
				return 0, err
			}
			if seg.base+key(e) < end {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo, nil
	}
	if offsets, err = count(indexSuffix, indexEntrySize, seg.offsets.onDisk, keyRelativeOffset); err != nil {
		return 0, 0, err
	}
	times, err = count(timeIndexSuffix, timeIndexEntrySize, seg.times.onDisk, timeRelativeOffset)
	return offsets, times, err
}

// keptTxns cuts the transaction index and returns how many entries stay.
func (l *Log) keptTxns(seg *segment, end int64) (int, error) {
	if seg.aborted == 0 {
		return 0, nil
	}
	path := seg.path(txnIndexSuffix)
	list, err := readTxnIndex(l.fsys, path, seg.aborted)
	if err != nil {
		return 0, err
	}
	kept := list[:0]
	for _, t := range list {
		if t.lastOffset < end {
			kept = append(kept, t)
		}
	}
	if len(kept) == len(list) {
		return len(kept), nil
	}
	if err := writeTxnEntries(l.fsys, path, 0, kept); err != nil {
		return 0, err
	}
	return len(kept), syncFile(l, path) // an entry that comes back would hide records of a later transaction
}

// restart empties the log.
func (l *Log) restart(offset int64) error {
	if err := l.putOnDisk(); err != nil {
		return err
	}
	l.mu.Lock()
	l.epochs.starts, l.epochs.dirty = nil, true
	l.recovery = min(l.recovery, offset, l.segments[0].base) // a checkpoint may be written at any moment
	l.mu.Unlock()
	// The recovery point first: the epochs of what a crash brings back are found by going through it.
	if err := l.host.recoveryLowered(l); err != nil {
		return l.diskError("truncate", err)
	}
	if err := l.writeEpochs(); err != nil {
		return l.diskError("truncate", err)
	}
	if err := l.dropSnapshots(-1); err != nil {
		return l.diskError("truncate", err)
	}
	l.mu.Lock()
	dropped := slices.Clone(l.segments)
	l.mu.Unlock()
	slices.Reverse(dropped) // what a crash leaves of this begins where the log began
	if err := l.removeSegments(dropped, 0); err != nil {
		l.broken = l.diskError("truncate", err)
		return l.broken
	}
	fresh, err := l.startSegment(offset, l.cfg.Load(), time.Now())
	if err != nil {
		l.broken = err
		return err
	}
	if err := l.syncNames(true, l.newMeta, l.newDir); err != nil { // the recovery point says from here on that the new segment is there
		l.broken = l.syncError("truncate", err)
		return l.broken
	}
	l.mu.Lock()
	l.newFiles, l.newMeta, l.newDir = false, false, false
	l.segments = []*segment{fresh}
	l.logStart, l.highWater, l.logEnd, l.recovery = offset, offset, offset, offset
	l.producers = producerTable{}
	l.marks.reset()
	l.truncates++
	l.mu.Unlock()
	l.broken = nil
	l.logger.Info("log emptied", "topic", l.tp.Topic, "partition", l.tp.Partition, "offset", offset)
	return nil
}

// removeSegments takes the files of detached segments away: at once, or renamed now and removed later, so that who still reads
// can go on. The .log goes first: indexes without it are swept up at the next start.
func (l *Log) removeSegments(list []*segment, later time.Duration) error {
	for _, seg := range list {
		seg.file.discard()
		var renamed []string
		for _, suffix := range segmentSuffixes {
			path := seg.path(suffix)
			var err error
			if later > 0 {
				if err = l.fsys.Rename(path, path+deletedSuffix); err == nil {
					renamed = append(renamed, path+deletedSuffix)
				}
			} else {
				err = l.fsys.Remove(path)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if len(renamed) > 0 {
			l.host.removeLater(later, renamed...)
		}
	}
	return nil
}

// dropSnapshots removes producer snapshots of offsets above high.
func (l *Log) dropSnapshots(high int64) error {
	kept := make([]int64, 0, len(l.snapshot))
	for _, offset := range l.snapshot {
		if offset <= high {
			kept = append(kept, offset)
			continue
		}
		if err := l.fsys.Remove(l.name(offsetName(offset, snapshotSuffix))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if len(kept) < len(l.snapshot) { // one that comes back below a recovery point would be believed
		l.mu.Lock()
		l.newFiles = true
		l.mu.Unlock()
	}
	l.snapshot = kept
	return nil
}
