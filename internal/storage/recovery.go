package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"leat/internal/fs"
	"leat/internal/record"
)

// recoverFrom goes through the segments from index first on, batch by batch: their indexes are built anew, and the log is cut
// before the first thing that is no valid batch, which can only be where nothing was synced yet.
func (l *Log) recoverFrom(ctx context.Context, first int, spec loadSpec) (recovered int64, err error) {
	for _, seg := range l.segments[:first] {
		if err := l.adoptIndexes(ctx, seg); err != nil {
			return -1, err
		}
	}
	recovered = l.segments[first].base
	if spec.resume != nil {
		recovered = spec.resume.offset
	}
	l.epochs.truncateEnd(recovered) // the file may tell of records that are gone; those that are there tell for themselves
	for i := first; i < len(l.segments); i++ {
		if i > first {
			if err := l.checkContinues(i, spec.recoveryPoint); err != nil {
				return -1, err
			}
			if i == len(l.segments) {
				break
			}
		}
		if err := l.recoverSegment(ctx, l.segments[i], spec.recoveryPoint, spec.resume); err != nil {
			return -1, err
		}
	}
	l.rolled = append(l.rolled, l.segments[first:len(l.segments)-1]...)
	return recovered, nil
}

// checkContinues looks at how the segment with index i follows what was recovered before it. When the machine stops, the end of an
// unsynced segment may be lost while the next one survives; what follows such a hole is no continuation and goes. An empty segment that begins
// too early is a roll that failed. What begins up to the recovery point was synced, and a hole before it is older than the crash.
func (l *Log) checkContinues(i int, recoveryPoint int64) error {
	seg := l.segments[i]
	switch {
	case seg.base < l.logEnd && seg.size > 0:
		return fmt.Errorf("open %s: %s begins at offset %d, the segment before it, %s, ends at %d: %w", l.tp, seg.file.path, seg.base, l.segments[i-1].file.path, l.logEnd, ErrCorrupt)
	case seg.base < l.logEnd, seg.base > max(l.logEnd, recoveryPoint) && !l.holeIsMeant(i):
		return l.dropFrom(i)
	}
	return nil
}

// wasCompacted reports whether compaction may have left gaps in the log: it is compacted, or was before its topic was changed, or nobody
// knows.
func (l *Log) wasCompacted() bool {
	if l.cfg.Load().Compact {
		return true
	}
	d, ok := l.host.(*logDir)
	if !ok {
		return false
	}
	_, known := d.cleaned.of(l.tp)
	return known || d.forgetful() != ""
}

// holeIsMeant reports whether compaction may have left the hole before the segment with index i: that of another broker, or of the leader if it is
// so wide that a follower began a segment for it. The compaction of this log, if it was leat's, has left none above the point that is noted. The
// config is not asked: that of a topic is not known yet when the logs of a broker are opened.
func (l *Log) holeIsMeant(i int) bool {
	d, ok := l.host.(*logDir)
	if !ok {
		return l.cfg.Load().Compact
	}
	if l.segments[i].base-l.segments[i-1].base > 1<<31-1 {
		return true
	}
	point, known := d.cleaned.of(l.tp)
	return known && l.logEnd < point || l.keepHole(d, i)
}

// dropFrom removes the segments from index i on, the last one first, so that what a crash leaves of this is a shorter log and not
// one with a hole.
func (l *Log) dropFrom(i int) error {
	rest := slices.Clone(l.segments[i:])
	if len(rest) == 0 {
		return nil
	}
	l.segments = l.segments[:i:i]
	slices.Reverse(rest)
	for _, seg := range rest {
		l.logger.Warn("segment behind a torn one, removed", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "offset", l.logEnd)
	}
	if err := l.removeSegments(rest, 0); err != nil {
		return l.diskError("recover", err)
	}
	if err := l.fsys.SyncDir(l.path); err != nil {
		return l.diskError("recover", err)
	}
	return nil
}

// adoptIndexes takes over the indexes of a segment below the recovery point.
func (l *Log) adoptIndexes(ctx context.Context, seg *segment) error {
	sizes := make(map[string]int64)
	for _, suffix := range segmentSuffixes[1:] {
		info, err := l.fsys.Stat(seg.path(suffix))
		if err == nil {
			sizes[offsetName(seg.base, suffix)] = info.Size()
		} else if !errors.Is(err, os.ErrNotExist) {
			return l.diskError("open", err)
		}
	}
	err := l.loadIndexes(seg, listing{sizes: sizes})
	if errors.Is(err, errIndex) || errors.Is(err, os.ErrNotExist) {
		l.logger.Warn("index does not fit its log, rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
		if err := l.recoverSegment(ctx, seg, allSynced, nil); err != nil {
			return err
		}
		if err := l.syncIndexes(seg); err != nil {
			return l.diskError("open", err)
		}
		return nil
	}
	if err != nil {
		return l.diskError("open", err)
	}
	return nil
}

// allSynced is the recovery point for segments in which nothing may be torn.
const allSynced = 1<<63 - 1

// recoverSegment reads all batches of a segment, checks the CRC of those at or above the recovery point, and builds its indexes. At
// something torn it ends the log. What is broken below the recovery point was synced once: that is not torn but damaged, and an
// error.
func (l *Log) recoverSegment(ctx context.Context, seg *segment, recoveryPoint int64, resume *resumption) error {
	f, err := seg.file.acquire()
	if err != nil {
		return l.diskError("recover", err)
	}
	defer seg.file.release()
	seg.offsets = sparseIndex{width: indexEntrySize}
	seg.times = sparseIndex{width: timeIndexEntrySize}
	seg.segmentTail = emptyTail(seg.base)
	walk := recoveryWalk{r: f, size: seg.size, base: seg.base, next: seg.base, verifyFrom: recoveryPoint, compacted: l.wasCompacted(), began: true}
	if resume != nil && resume.seg == seg {
		resume.begin(&walk)
	}
	interval := l.cfg.Load().IndexIntervalBytes
	var bad error
	for bad == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, at, err := walk.batch()
		if err == io.EOF {
			break
		}
		if err != nil {
			bad = err
			continue
		}
		seg.noteBatch(h, at, interval)
		l.epochs.assign(h.leaderEpoch, h.baseOffset)
	}
	if bad != nil {
		if err := l.cutTorn(seg, f, &walk, bad); err != nil {
			return err
		}
		if walk.misled { // indexes and epochs know of a batch that is gone
			l.epochs.truncateEnd(walk.next)
			return l.recoverSegment(ctx, seg, recoveryPoint, resume)
		}
	}
	if err := l.reclaim(seg, f); err != nil {
		return l.diskError("recover", err)
	}
	l.holed = l.holed || walk.crossed && l.forgetful()
	l.logEnd = walk.next
	seg.noteTime()
	cut := l.longerIndexes(seg)
	if err := seg.writeIndexes(l.fsys, true); err != nil {
		return l.diskError("recover", err)
	}
	if cut {
		if err := l.syncIndexFiles(seg); err != nil {
			return l.unsyncedError("recover", err)
		}
	}
	seg.offsets.pendingWritten()
	seg.times.pendingWritten()
	return nil
}

// cutTorn ends the log at the last whole valid batch of a segment.
func (l *Log) cutTorn(seg *segment, f cuttable, walk *recoveryWalk, bad error) error {
	if !errors.Is(bad, errBadHeader) && !errors.Is(bad, io.ErrUnexpectedEOF) && !errors.Is(bad, fs.ErrDamaged) {
		return l.diskError("recover", bad)
	}
	if errors.Is(bad, ErrNewer) {
		return fmt.Errorf("open %s: %s: position %d: %w", l.tp, seg.file.path, walk.position, bad)
	}
	if walk.next < walk.verifyFrom {
		return fmt.Errorf("open %s: %s: position %d: %w: offset %d was synced, so this is damage, not a torn write; "+
			"if another replica is in sync, delete this directory and it is copied again: %w",
			l.tp, seg.file.path, walk.position, bad, walk.next, ErrCorrupt)
	}
	logger := l.logger.With("topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "position", walk.position,
		"bytes", seg.size-walk.position, "offset", walk.next)
	if blankFrom(walk.r, walk.position, seg.size) {
		logger.Info("zeros behind the last batch cut")
	} else {
		logger.Warn("torn log cut", "err", bad)
	}
	if err := l.dropFrom(slices.Index(l.segments, seg) + 1); err != nil {
		return err
	}
	if err := cutTo(f, walk.position); err != nil {
		return l.diskError("recover", err)
	}
	seg.size = walk.position
	return nil
}

// recoveryWalk reads a segment from its beginning.
type recoveryWalk struct {
	r          io.ReaderAt
	size       int64
	position   int64
	base       int64 // of the segment
	next       int64 // offset expected at least
	verifyFrom int64
	compacted  bool     // gaps are to be expected
	began      bool     // the next batch begins at next or behind a gap, and not before
	misled     bool     // the batch before was taken for good, and is not
	crossed    bool     // a gap reaches over verifyFrom
	gap        struct { // the batch before, if offsets are missing before it: its position, the first of those, and where it would end without the gap
		seen          bool
		at, next, end int64
	}
	buf  []byte
	from int64 // position of buf[0]
}

// readAhead is how much recovery reads at once.
const readAhead = 1 << 20

// window returns n bytes at the current position, which lie within the file.
func (w *recoveryWalk) window(n int64) ([]byte, error) {
	if at := w.position - w.from; w.buf != nil && at >= 0 && at+n <= int64(len(w.buf)) {
		return w.buf[at : at+n], nil
	}
	want := min(max(n, readAhead), w.size-w.position)
	if int64(cap(w.buf)) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.from = w.buf[:want], w.position
	got, err := w.r.ReadAt(w.buf, w.position)
	if int64(got) >= n { // what lies behind may be torn
		w.buf = w.buf[:got]
		return w.buf[:n], nil
	}
	w.buf = nil
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

// batch returns the next valid batch; io.EOF at the end, errBadHeader or io.ErrUnexpectedEOF where there is none.
func (w *recoveryWalk) batch() (batchHeader, int64, error) {
	left := w.size - w.position
	if left == 0 {
		return batchHeader{}, w.position, io.EOF
	}
	b, err := w.window(min(left, record.HeaderSize))
	if err != nil {
		return batchHeader{}, w.position, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return h, w.position, err
	}
	if h.size > left {
		return h, w.position, fmt.Errorf("batch of %d bytes, %d are left: %w", h.size, left, io.ErrUnexpectedEOF)
	}
	if h.lastOffset-w.base > 1<<31-1 {
		return h, w.position, fmt.Errorf("offset %d is too far from the segment's base %d: %w", h.lastOffset, w.base, errBadHeader)
	}
	if err := w.follows(h); err != nil {
		return h, w.position, err
	}
	if h.lastOffset >= w.verifyFrom {
		b, err := w.window(h.size)
		if err != nil {
			return h, w.position, err
		}
		if h.magic == 2 {
			err = record.Batch(b).Check()
		} else {
			err = checkOldMessage(b)
		}
		if err != nil {
			return h, w.position, fmt.Errorf("%w: %w", err, errBadHeader)
		}
	}
	at := w.position
	w.position += h.size
	w.next = h.lastOffset + 1
	return h, at, nil
}

// follows looks at how a batch follows the one before. The CRC does not cover the base offset: one that was damaged upwards leaves a gap, as
// compaction does, but the batch after it, or what was synced, then shows that there was none. An offset lower than that batch could have is one
// of a torn header.
func (w *recoveryWalk) follows(h batchHeader) error {
	first := h.lastOffset
	if h.magic == 2 && w.began {
		first = h.baseOffset
	}
	if first < w.next {
		if w.gap.seen && first >= w.gap.end {
			w.position, w.next, w.misled = w.gap.at, w.gap.next, true
			return fmt.Errorf("a batch jumps over offset %d, and the one behind it begins with %d: %w", w.gap.next, first, errBadHeader)
		}
		return fmt.Errorf("offset %d, expected at least %d: %w", first, w.next, errBadHeader)
	}
	if h.magic == 2 && first > w.next && w.began {
		if w.next < w.verifyFrom && first > w.verifyFrom {
			if !w.compacted {
				return fmt.Errorf("offset %d, expected %d: %w", first, w.next, errBadHeader)
			}
			w.crossed = true
		}
		w.gap.seen, w.gap.at, w.gap.next, w.gap.end = true, w.position, w.next, w.next+h.lastOffset-h.baseOffset+1
	} else {
		w.gap.seen = false
	}
	w.began = true
	return nil
}
