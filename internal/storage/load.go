package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// loadSpec is what is known about a log before its files are looked at.
type loadSpec struct {
	tp            record.TopicPartition
	path          string
	clean         bool  // the directory was stopped cleanly
	trusted       bool  // and the recovery point was written at that stop: it is the log end offset
	recoveryPoint int64 // 0 if unknown
	logStart      int64 // -1 if unknown
	highWatermark int64
	known         *cleanLog   // what the last clean stop knew of it; nil if nothing
	resume        *resumption // where its recovery begins; nil: with the segment of the recovery point
	whole         bool        // with the first one: what was synced is read, too, and taken for synced all the same
}

// listing is what a log's directory holds.
type listing struct {
	bases    []int64 // of the segments, rising
	sizes    map[string]int64
	snapshot []int64
}

// newestSnapshot is the length of the newest producer snapshot, -1 if there is none. One that is only a header knows no producers.
func (ls listing) newestSnapshot() int64 {
	if len(ls.snapshot) == 0 {
		return -1
	}
	return ls.sizes[offsetName(ls.snapshot[len(ls.snapshot)-1], snapshotSuffix)]
}

// list reads the names, finishing or undoing what a compaction or deletion began.
func (l *Log) list() (listing, error) {
	entries, err := l.fsys.ReadDir(l.path)
	if err != nil {
		return listing{}, err
	}
	swapped, err := l.sweep(entries)
	if err != nil {
		return listing{}, err
	}
	if swapped {
		if entries, err = l.fsys.ReadDir(l.path); err != nil {
			return listing{}, err
		}
	}
	out := listing{sizes: make(map[string]int64, len(entries))}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || leftover(name) || name == partitionMetaFile || name == epochFile {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return listing{}, err
		}
		out.sizes[name] = info.Size()
		if base, ok := parseOffsetName(name, logSuffix); ok {
			out.bases = append(out.bases, base)
		} else if offset, ok := parseOffsetName(name, snapshotSuffix); ok {
			out.snapshot = append(out.snapshot, offset)
		}
	}
	slices.Sort(out.bases)
	slices.Sort(out.snapshot)
	return out, l.removeOrphans(out)
}

// leftover reports whether a file is of no use any more.
func leftover(name string) bool {
	return strings.HasSuffix(name, deletedSuffix) || strings.HasSuffix(name, cleanedSuffix) || strings.HasSuffix(name, ".tmp")
}

// removeOrphans removes index files whose .log is gone.
func (l *Log) removeOrphans(ls listing) error {
	for name := range ls.sizes {
		for _, suffix := range segmentSuffixes[1:] {
			base, ok := parseOffsetName(name, suffix)
			if !ok {
				continue
			}
			if _, ok := slices.BinarySearch(ls.bases, base); ok {
				continue
			}
			l.logger.Warn("index without its log, removed", "topic", l.tp.Topic, "partition", l.tp.Partition, "file", l.name(name))
			if err := l.fsys.Remove(l.name(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// load brings up the log from its files.
func (l *Log) load(ctx context.Context, spec loadSpec) error {
	epochs, unreadable := readEpochs(l.fsys, l.name(epochFile))
	if errors.Is(unreadable, ErrNewer) {
		return fmt.Errorf("open %s: %w", l.tp, unreadable)
	}
	ls, err := l.list()
	if err != nil {
		return l.diskError("open", err)
	}
	l.snapshot = ls.snapshot
	if err := l.checkSnapshotVersion(); err != nil {
		return fmt.Errorf("open %s: %w", l.tp, err)
	}
	l.epochs = epochs
	if err := unreadable; err != nil {
		// Found again in the batches below: a checkpoint that cannot be read is no reason to stop.
		l.logger.Warn("leader epochs not readable, rebuilt from the log", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
		l.epochs = epochHistory{dirty: true}
		spec.clean, spec.trusted, spec.whole = false, false, true
	}
	if !spec.clean { // a process that was killed leaves names, and files, that the disk may not have
		l.newFiles, l.newDir, l.newMeta = true, true, !l.topicID.IsZero()
		l.loose = slices.Clone(ls.snapshot)
		// The batches from there on tell theirs, and what the file says of them may be of batches that a crash took.
		l.epochs.truncateEnd(spec.recoveryPoint)
	}
	for _, base := range ls.bases {
		seg := newSegment(l.files, l.path, base)
		seg.size = ls.sizes[offsetName(base, logSuffix)]
		seg.maxTimestamp = unknownTimestamp
		l.segments = append(l.segments, seg)
	}
	if len(l.segments) == 0 {
		return l.loadEmpty(spec)
	}
	if !spec.whole {
		spec.resume = l.resume(spec, ls)
	}
	recovered, err := l.loadSegments(ctx, spec, ls)
	if err != nil {
		return err
	}
	from := l.firstUnknownAborted(recovered)
	if from != recovered {
		spec.resume = nil
	}
	if err := l.loadMarks(spec, from, ls.newestSnapshot()); err != nil {
		return err
	}
	if recovered < 0 {
		recovered = l.logEnd
	}
	return l.settleEpochs(recovered)
}

// loadEmpty starts a log without files.
func (l *Log) loadEmpty(spec loadSpec) error {
	base := max(spec.logStart, 0)
	if spec.recoveryPoint > base {
		l.logger.Warn("log has no segments, begins anew", "topic", l.tp.Topic, "partition", l.tp.Partition, "dir", l.path, "recovery_point", spec.recoveryPoint)
	}
	seg, err := l.startSegment(base, l.cfg.Load(), time.Now())
	if err != nil {
		return err
	}
	l.segments = []*segment{seg}
	l.logStart, l.highWater, l.logEnd, l.recovery = base, base, base, base
	l.lastFlush = time.Now().UnixMilli()
	l.epochs.truncateEnd(base)
	return l.dropSnapshots(base)
}

// loadSegments checks the indexes, recovers what needs it and finds the log end offset. It returns the base of the first segment
// that was recovered, or -1.
func (l *Log) loadSegments(ctx context.Context, spec loadSpec, ls listing) (recovered int64, err error) {
	if spec.whole {
		return l.recoverFrom(ctx, 0, spec)
	}
	if !spec.clean {
		return l.recoverFrom(ctx, l.segmentOf(spec.recoveryPoint), spec)
	}
	for i, seg := range l.segments {
		err := l.loadIndexes(seg, ls)
		last := i == len(l.segments)-1
		if err == nil && last {
			err = l.loadActive(seg, spec)
		}
		switch {
		case err == nil:
		case errors.Is(err, errIndex) || errors.Is(err, os.ErrNotExist):
			l.logger.Warn("index does not fit its log, rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
			if err := l.recoverSegment(ctx, seg, allSynced, nil); err != nil {
				return -1, err
			}
		default:
			return -1, fmt.Errorf("open %s: %w", l.tp, seg.corrupt(err))
		}
	}
	return -1, nil
}

// loadActive finds the log end offset. After a clean stop that is the recovery point, and what else the tail would tell waits for the
// first append (knowTail): a node with many logs starts by reading names, sizes and epochs only.
func (l *Log) loadActive(seg *segment, spec loadSpec) (err error) {
	if spec.trusted && (seg.size > 0) == (spec.recoveryPoint > seg.base) && seg.indexed {
		l.logEnd = spec.recoveryPoint
		if seg.size > 0 {
			seg.unread, seg.maxTimestamp = true, unknownTimestamp
			return nil
		}
		seg.segmentTail = emptyTail(seg.base)
		return nil
	}
	seg.segmentTail, l.logEnd, err = l.soundTail(seg, seg.size, seg.offsets.onDisk, seg.times.onDisk)
	return err
}

// knowTail reads what an append needs of the records before it, unless it is known. Call it with writeMu held.
func (l *Log) knowTail() error {
	seg := l.active()
	if !seg.unread {
		return nil
	}
	tail, end, err := l.soundTail(seg, seg.size, seg.offsets.onDisk, seg.times.onDisk)
	if errors.Is(err, errIndex) || errors.Is(err, os.ErrNotExist) {
		l.logger.Warn("index does not fit its log, rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
		if err = l.reindex(seg); err == nil {
			tail, end, err = seg.loadTail(l.fsys, seg.size, seg.offsets.onDisk, seg.times.onDisk)
		}
	}
	if err != nil {
		return l.damaged(fmt.Errorf("%s: %w", l.tp, seg.corrupt(err)))
	}
	if end != l.logEnd {
		return l.damaged(fmt.Errorf("%s: %s: the log ends at offset %d, but ended at %d when it was closed: the file was changed meanwhile; "+
			"if another replica is in sync, delete this directory and it is copied again: %w", l.tp, seg.file.path, end, l.logEnd, ErrCorrupt))
	}
	l.mu.Lock()
	seg.segmentTail = tail
	l.mu.Unlock()
	return nil
}

// loadIndexes finds out how many entries the index files of a segment have.
func (l *Log) loadIndexes(seg *segment, ls listing) error {
	_, seg.indexed = ls.sizes[offsetName(seg.base, indexSuffix)]
	for _, x := range []struct {
		index  *sparseIndex
		suffix string
	}{{&seg.offsets, indexSuffix}, {&seg.times, timeIndexSuffix}} {
		name := offsetName(seg.base, x.suffix)
		size, ok := ls.sizes[name]
		switch {
		case !ok && seg.size > 0:
			return fmt.Errorf("%s: %w", l.name(name), os.ErrNotExist)
		case size%int64(x.index.width) != 0:
			return fmt.Errorf("%s: length %d is no multiple of %d: %w", l.name(name), size, x.index.width, errIndex)
		}
		x.index.onDisk = size / int64(x.index.width)
		// An index that Kafka had open has the length it was created with, zeros at the end. They are looked for only where there
		// are more entries than a log of that length has by default.
		if x.index.onDisk > seg.size/indexPage+1 {
			n, err := seg.unpaddedEntries(l.fsys, x.suffix, x.index.width, x.index.onDisk)
			if err != nil {
				return err
			}
			x.index.onDisk = n
			seg.indexed = false
		}
	}
	size := ls.sizes[offsetName(seg.base, txnIndexSuffix)]
	seg.aborted = int(size / txnEntrySize)
	if size%txnEntrySize != 0 {
		seg.aborted = unknownAborted
	}
	return nil
}

// unknownAborted marks a transaction index that does not hold whole entries; loading writes it anew.
const unknownAborted = -1

// firstUnknownAborted is the base of the first segment with such an index, or recovered if that comes first.
func (l *Log) firstUnknownAborted(recovered int64) int64 {
	for _, seg := range l.segments {
		if seg.aborted == unknownAborted && (recovered < 0 || seg.base < recovered) {
			l.logger.Warn("transaction index does not hold whole entries, rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path)
			return seg.base
		}
	}
	return recovered
}

// unpaddedEntries counts the entries before the zeros at the end of an index file.
func (s *segment) unpaddedEntries(fsys fs.FS, suffix string, width int, count int64) (int64, error) {
	lo, hi := int64(0), count
	for lo < hi {
		mid := (lo + hi) / 2
		e, err := s.lastEntry(fsys, suffix, width, mid+1)
		if err != nil {
			return 0, err
		}
		if slices.ContainsFunc(e, func(b byte) bool { return b != 0 }) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// loadMarks sets the offsets and the producer table once the segments are known.
func (l *Log) loadMarks(spec loadSpec, recovered, newestSnapshot int64) error {
	l.logStart = max(spec.logStart, l.segments[0].base)
	if l.logStart > l.logEnd {
		l.logger.Warn("log ends before its start offset, emptied", "topic", l.tp.Topic, "partition", l.tp.Partition, "log_end", l.logEnd, "log_start", l.logStart)
		return l.restart(l.logStart)
	}
	if l.logEnd < spec.recoveryPoint {
		return fmt.Errorf("open %s: %s: the log ends at offset %d, but was synced up to %d (recovery point): records are missing; "+
			"if another replica is in sync, delete this directory and it is copied again: %w", l.tp, l.active().file.path, l.logEnd, spec.recoveryPoint, ErrCorrupt)
	}
	l.epochs.truncateEnd(l.logEnd)
	l.epochs.truncateStart(l.logStart)
	l.recovery = min(spec.recoveryPoint, l.logEnd)
	l.checkpoint = spec.recoveryPoint
	l.lastFlush = time.Now().UnixMilli()
	l.highWater = min(max(spec.highWatermark, l.logStart), l.logEnd)
	active := l.active()
	active.created = time.Now().UnixMilli()
	active.jitter = jitter(l.cfg.Load())
	if !spec.clean {
		l.unsnapped = active.size
	}
	believed := l.logEnd
	if !spec.clean { // one above the recovery point may be of records that were truncated away: nothing says that its removal was synced
		believed = max(l.recovery, l.segments[0].base)
	}
	if err := l.dropSnapshots(believed); err != nil {
		return l.diskError("open", err)
	}
	l.recovering = !spec.clean
	err := l.loadProducers(spec, recovered, newestSnapshot)
	l.recovering = false
	if err != nil {
		return err
	}
	l.producers.replicated(l.highWater)
	return nil
}

// loadProducers brings up the producer table. Where segments were recovered, their transaction indexes are written anew on the way.
func (l *Log) loadProducers(spec loadSpec, recovered, newestSnapshot int64) (err error) {
	if recovered < 0 {
		if spec.clean && len(l.snapshot) == 0 && l.recovery == l.logEnd {
			return nil // stopped cleanly by somebody who knew no producers
		}
		if n := len(l.snapshot); spec.trusted && n > 0 && l.snapshot[n-1] == l.logEnd && newestSnapshot == snapshotHeaderSize {
			return nil
		}
		l.producers, err = l.buildProducers(l.logEnd, l.logEnd, nil)
		return err
	}
	r := spec.resume
	lists := make(map[*segment][]abortedTxn)
	note := func(seg *segment, t abortedTxn) {
		if seg.base >= recovered || r != nil && seg == r.seg {
			lists[seg] = append(lists[seg], t)
		}
	}
	if r != nil {
		l.producers = r.table
		err = l.replay(&l.producers, r.replayFrom, l.logEnd, note)
	} else {
		l.producers, err = l.buildProducers(recovered, l.logEnd, note)
	}
	if err != nil {
		return err
	}
	for _, seg := range l.segments[l.segmentOf(recovered):] {
		kept := 0
		if r != nil && seg == r.seg {
			kept = r.aborted
		}
		seg.aborted = kept + len(lists[seg])
		if seg.aborted > 0 {
			if err = writeTxnEntries(l.fsys, seg.path(txnIndexSuffix), kept, lists[seg]); err == nil {
				err = syncFile(l, seg.path(txnIndexSuffix)) // a snapshot within the segment says that it was
			}
		} else if err = l.fsys.Remove(seg.path(txnIndexSuffix)); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return l.diskError("open", err)
		}
	}
	return nil
}
