package storage

import (
	"errors"
	"os"
	"slices"

	"leat/internal/fs"
)

// A recovery may also begin at the recovery point, wherever that lies in its segment: the records below it were synced. Not so the index
// files of the active segment, which a loss of power may leave short, full of zeros, or ahead of the log. So of them only that is taken
// over which proves itself: entries up to the last one below the recovery point that the time index knows of as well and that leads to the
// batch it names. The walk goes on from that batch, and as far as the recovery point it reads headers. Should an entry before that one be
// wrong all the same, lookups notice, for they hold what they use against the log.

// maxIndexRead is the longest index file that is looked through: ten times what Kafka preallocates.
const maxIndexRead = 100 << 20

// midway looks for the last place below the recovery point from which the log can be read; nil if there is none.
func (l *Log) midway(spec loadSpec, ls listing) *resumption {
	seg := l.segments[l.segmentOf(spec.recoveryPoint)]
	if spec.clean || spec.recoveryPoint <= seg.base || len(l.epochs.starts) == 0 {
		return nil // without epochs, those of the batches below would be missing
	}
	offsets := l.soundEntries(seg, ls, indexSuffix, indexEntrySize, func(before, e []byte) bool {
		position := keyPosition(e)
		if before == nil {
			return position > 0 && keyRelativeOffset(e) > 0
		}
		return keyRelativeOffset(e) > keyRelativeOffset(before) && position > keyPosition(before)
	})
	times := l.soundEntries(seg, ls, timeIndexSuffix, timeIndexEntrySize, func(before, e []byte) bool {
		if before == nil {
			return keyTimestamp(e) >= 0 && timeRelativeOffset(e) >= 0
		}
		return keyTimestamp(e) > keyTimestamp(before) && timeRelativeOffset(e) > timeRelativeOffset(before)
	})
	if len(times) == 0 {
		return nil
	}
	// An entry of the time index is made with one of the offset index, and has an offset at or below that one's. So the time index is complete
	// up to the last offset that it has.
	known := timeRelativeOffset(times[len(times)-timeIndexEntrySize:])
	n := len(offsets) / indexEntrySize
	for n > 0 {
		e := offsets[(n-1)*indexEntrySize:]
		if keyRelativeOffset(e) <= known && seg.base+keyRelativeOffset(e) < spec.recoveryPoint && keyPosition(e) < seg.size {
			break
		}
		n--
	}
	if n == 0 {
		return nil
	}
	offsets = offsets[:n*indexEntrySize]
	r := l.resumeAt(seg, offsets, times)
	if r == nil || l.resumeTable(r, spec.recoveryPoint) != nil {
		return nil
	}
	return r
}

// soundEntries reads an index file as far as its entries rise; none if it cannot be read, for it is built anew then.
func (l *Log) soundEntries(seg *segment, ls listing, suffix string, width int, follows func(before, e []byte) bool) []byte {
	if size, ok := ls.sizes[offsetName(seg.base, suffix)]; !ok || size > maxIndexRead {
		return nil
	}
	b, err := fs.ReadFile(l.fsys, seg.path(suffix))
	if err != nil {
		return nil
	}
	var before []byte
	for at := 0; ; at += width {
		if at+width > len(b) || !follows(before, b[at:at+width]) {
			return b[:at]
		}
		before = b[at : at+width]
	}
}

// resumeAt is the resumption at the last of the given offset entries, if that one and the last time entry up to there agree with the log.
func (l *Log) resumeAt(seg *segment, offsets, times []byte) *resumption {
	n := len(offsets) / indexEntrySize
	last := offsets[(n-1)*indexEntrySize:]
	if seg.checkEntry(last) != nil {
		return nil
	}
	r := &resumption{
		seg: seg, size: keyPosition(last), offset: seg.base + keyRelativeOffset(last), offsets: int64(n), tail: emptyTail(seg.base),
	}
	for r.times < int64(len(times)/timeIndexEntrySize) && timeRelativeOffset(times[r.times*timeIndexEntrySize:]) <= keyRelativeOffset(last) {
		r.times++
	}
	if r.times == 0 {
		return r // no record up to here has a timestamp
	}
	e := times[(r.times-1)*timeIndexEntrySize:]
	r.tail.lastTime, r.tail.maxTimestamp, r.tail.maxTimestampOffset = keyTimestamp(e), keyTimestamp(e), seg.base+timeRelativeOffset(e)
	x := sparseIndex{width: indexEntrySize, pending: offsets}
	from := int64(0)
	if e, ok := x.floorPending(timeRelativeOffset(e), keyRelativeOffset); ok {
		from = keyPosition(e)
	}
	f, err := seg.file.acquire()
	if err != nil {
		return nil
	}
	defer seg.file.release()
	h, _, err := locate(f, from, seg.size, r.tail.maxTimestampOffset)
	if err != nil || h.baseOffset > r.tail.maxTimestampOffset || h.maxTimestamp != r.tail.maxTimestamp {
		return nil
	}
	return r
}

// resumeTable loads the newest producers at or below the recovery point. A snapshot within a segment says that what its transaction index
// tells of the batches below was synced before.
func (l *Log) resumeTable(r *resumption, recoveryPoint int64) (err error) {
	if r.table, r.replayFrom, err = l.loadSnapshot(recoveryPoint); err != nil || r.replayFrom <= r.seg.base {
		return err
	}
	if r.aborted = l.abortedBelow(r.seg, r.replayFrom); r.aborted >= 0 {
		return nil
	}
	r.aborted = 0
	r.table, r.replayFrom, err = l.loadSnapshot(r.seg.base)
	return err
}

// abortedBelow counts the entries of a transaction index that speak of markers below an offset; -1 if they make no sense.
func (l *Log) abortedBelow(seg *segment, offset int64) int {
	b, err := fs.ReadFile(l.fsys, seg.path(txnIndexSuffix))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		return -1
	}
	list, err := parseTxnIndex(b[:len(b)-len(b)%txnEntrySize])
	if err != nil {
		return -1
	}
	before := seg.base - 1
	n := slices.IndexFunc(list, func(t abortedTxn) bool {
		follows := t.lastOffset > before && t.lastOffset < offset
		before = t.lastOffset
		return !follows
	})
	if n < 0 {
		return len(list)
	}
	if list[n].lastOffset < offset { // zeros, or older than the one before: entries are missing here
		return -1
	}
	return n
}

// longerIndexes reports whether an index file holds more than its segment's entries. What is cut off is to stay away: entries of records that
// a crash took would come back to others.
func (l *Log) longerIndexes(seg *segment) bool {
	for suffix, want := range map[string]int64{indexSuffix: seg.offsets.entries() * indexEntrySize, timeIndexSuffix: seg.times.entries() * timeIndexEntrySize} {
		if info, err := l.fsys.Stat(seg.path(suffix)); err == nil && info.Size() > want {
			return true
		}
	}
	return false
}
