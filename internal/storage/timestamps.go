package storage

import (
	"errors"
	"fmt"
	"io"

	"leat/internal/fs"
	"leat/internal/record"
)

// TimestampOffset is the answer to a lookup by time. Offset -1: none.
type TimestampOffset struct {
	Timestamp   int64
	Offset      int64
	LeaderEpoch int32
}

var noTimestamp = TimestampOffset{Timestamp: -1, Offset: -1, LeaderEpoch: -1}

// segmentView is a segment as a lookup by time sees it, taken under the lock.
type segmentView struct {
	seg        *segment
	size       int64
	offsets    sparseIndex
	times      sparseIndex
	timestamp  int64 // greatest; unknownTimestamp if it must be looked up
	lastOffset int64 // of the batch with it
}

func (l *Log) views() (list []segmentView, logStart, truncates int64, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, 0, 0, l.errClosed()
	}
	if l.leaving.to > 0 {
		return nil, 0, 0, errLeaving
	}
	for _, s := range l.segments {
		list = append(list, segmentView{s, s.size, s.offsets, s.times, s.maxTimestamp, s.maxTimestampOffset})
	}
	return list, l.logStart, l.truncates, nil
}

// OffsetForTimestamp finds the first record whose timestamp is >= ts, among those in [LogStart, LogEnd); the caller bounds by
// isolation.
func (l *Log) OffsetForTimestamp(ts int64) (TimestampOffset, error) {
	return l.lookup(func(list []segmentView, logStart int64) (TimestampOffset, error) {
		for i := range list {
			v := &list[i]
			if err := l.loadTime(v); err != nil {
				return noTimestamp, err
			}
			if v.timestamp < ts {
				continue
			}
			found, err := l.searchSegment(v, ts, logStart)
			if err != nil || found.Offset >= 0 {
				return found, err
			}
		}
		return noTimestamp, nil
	})
}

// OffsetForMaxTimestamp finds the record with the greatest timestamp (the first such).
func (l *Log) OffsetForMaxTimestamp() (TimestampOffset, error) {
	return l.lookup(func(list []segmentView, logStart int64) (TimestampOffset, error) {
		for len(list) > 1 && list[1].seg.base <= logStart {
			list = list[1:]
		}
		for i := range list {
			if err := l.loadGreatest(&list[i], logStart); err != nil {
				return noTimestamp, err
			}
		}
		return l.greatestIn(list, logStart)
	})
}

// lookup runs a search and repeats it if what it looked at was truncated or deleted meanwhile.
func (l *Log) lookup(search func([]segmentView, int64) (TimestampOffset, error)) (TimestampOffset, error) {
	for attempt := 0; ; attempt++ {
		list, logStart, truncates, err := l.views()
		if errors.Is(err, errLeaving) {
			if err = l.awaitSwap(); err == nil {
				continue
			}
		}
		if err != nil {
			return noTimestamp, err
		}
		found, err := search(list, logStart)
		// However often it fails so, each time somebody else got on. What was found counts if it still holds, or if that never comes.
		if (err != nil || attempt < 3) && l.moved(&readPlan{truncates: truncates}) {
			continue
		}
		if err == nil {
			return found, nil
		}
		if errors.Is(err, ErrClosed) {
			err = l.errClosed()
		}
		return noTimestamp, l.damaged(fmt.Errorf("look up %s by time: %w", l.tp, err))
	}
}

// loadTime finds the greatest timestamp of a segment that was loaded inactive. If the time index does not fit the log, the log tells it.
func (l *Log) loadTime(v *segmentView) (err error) {
	if v.timestamp != unknownTimestamp {
		return nil
	}
	if v.timestamp, v.lastOffset, err = v.seg.readTimestamp(l.fsys, v.times.onDisk, v.size); err == nil {
		err = v.checkGreatest(l.fsys)
	}
	if errors.Is(err, errIndex) && l.healed(v.seg, err) {
		v.times, v.offsets = sparseIndex{width: timeIndexEntrySize}, sparseIndex{width: indexEntrySize}
		v.timestamp, v.lastOffset, err = v.seg.scanTimestamps(v.size)
	}
	if err != nil {
		return v.seg.corrupt(err)
	}
	return nil
}

// loadGreatest finds the greatest timestamp at or above logStart. What the time index says may be of a record that was deleted.
func (l *Log) loadGreatest(v *segmentView, logStart int64) error {
	if v.seg.base >= logStart {
		return l.loadTime(v)
	}
	f, err := v.seg.file.acquire()
	if err != nil {
		return v.seg.corrupt(err)
	}
	defer v.seg.file.release()
	v.timestamp = record.NoTimestamp
	sc := newScanner(f, 0, v.size)
	defer sc.done()
	for {
		h, at, err := sc.next()
		if err == io.EOF {
			return nil
		}
		if err == nil && h.magic == 2 && h.baseOffset < logStart && h.lastOffset >= logStart {
			h.maxTimestamp, err = l.greatestInBatch(f, h, at, logStart)
		}
		if err != nil {
			return v.seg.corrupt(err)
		}
		if h.lastOffset >= logStart {
			v.timestamp = max(v.timestamp, h.maxTimestamp)
		}
	}
}

// greatestInBatch is the greatest timestamp in a batch at or above logStart.
func (l *Log) greatestInBatch(f fs.File, h batchHeader, at, logStart int64) (int64, error) {
	greatest := record.NoTimestamp
	_, err := l.searchRecords(f, h, at, func(r *record.Record) bool {
		if r.Offset >= logStart {
			greatest = max(greatest, r.Timestamp)
		}
		return false
	})
	if errors.Is(err, errSlipped) {
		return h.maxTimestamp, nil
	}
	return greatest, err
}

// searchSegment finds the first record at or above logStart whose timestamp is at least ts. Only the batch that holds it is
// decompressed.
func (l *Log) searchSegment(v *segmentView, ts, logStart int64) (TimestampOffset, error) {
	from, err := v.startOf(l.fsys, ts)
	if errors.Is(err, errIndex) {
		from, err = 0, nil // slower, and right
	}
	if err != nil {
		return noTimestamp, v.seg.corrupt(err)
	}
	f, err := v.seg.file.acquire()
	if err != nil {
		return noTimestamp, v.seg.corrupt(err)
	}
	defer v.seg.file.release()
	sc := newScanner(f, from, v.size)
	defer sc.done()
	for {
		h, at, err := sc.next()
		if err == io.EOF {
			return noTimestamp, nil
		}
		if err != nil {
			return noTimestamp, v.seg.corrupt(err)
		}
		if h.maxTimestamp < ts || h.lastOffset < logStart {
			continue
		}
		found, err := l.searchBatch(f, h, at, ts, logStart)
		if err != nil {
			return noTimestamp, v.seg.corrupt(err)
		}
		if found.Offset >= 0 {
			return found, nil
		}
	}
}

// startOf finds by the indexes where the search for ts begins: behind the last batch known to be older.
func (v *segmentView) startOf(fsys fs.FS, ts int64) (int64, error) {
	if e, ok := v.times.floorPending(ts-1, keyTimestamp); ok {
		return v.checkTime(fsys, e)
	}
	if v.times.onDisk == 0 {
		return 0, nil
	}
	var e [timeIndexEntrySize]byte
	ok, err := v.seg.floorInFile(fsys, timeIndexSuffix, timeIndexEntrySize, v.times.onDisk, ts-1, keyTimestamp, e[:])
	if err != nil || !ok {
		return 0, err
	}
	from, err := v.checkTime(fsys, e[:])
	if err != nil {
		return 0, err
	}
	return v.startBefore(fsys, e[:], from)
}

// searchBatch looks into one batch.
func (l *Log) searchBatch(f fs.File, h batchHeader, at, ts, logStart int64) (TimestampOffset, error) {
	if h.magic < 2 { // not decoded: the message itself is the answer
		return TimestampOffset{h.maxTimestamp, h.baseOffset, h.leaderEpoch}, nil
	}
	found, err := l.searchRecords(f, h, at, func(r *record.Record) bool { return r.Timestamp >= ts && r.Offset >= logStart })
	if errors.Is(err, errSlipped) { // a reader would have to begin with this batch
		return TimestampOffset{h.maxTimestamp, max(h.baseOffset, logStart), h.leaderEpoch}, nil
	}
	return found, err
}

// searchRecords finds the first record of a batch that is wanted.
func (l *Log) searchRecords(f fs.File, h batchHeader, at int64, wanted func(*record.Record) bool) (TimestampOffset, error) {
	found := noTimestamp
	b := make(record.Batch, h.size)
	if n, err := f.ReadAt(b, at); n < len(b) {
		return found, errors.Join(err, io.ErrUnexpectedEOF)
	}
	err := b.Records(0, func(r *record.Record) bool {
		if wanted(r) {
			found = TimestampOffset{r.Timestamp, r.Offset, h.leaderEpoch}
		}
		return found.Offset < 0
	})
	if err != nil && b.Check() == nil {
		return noTimestamp, errSlipped
	}
	if err != nil {
		return noTimestamp, fmt.Errorf("position %d: %w: %w", at, err, errBadHeader)
	}
	return found, nil
}
