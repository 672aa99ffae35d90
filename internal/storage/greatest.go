package storage

import (
	"io"

	"leat/internal/record"
)

// greatestIn finds the record with the greatest timestamp at or above logStart in some segments, whose greatest timestamps are loaded. These may be
// of a batch that compaction emptied: it keeps its header, and no record has that time any more.
func (l *Log) greatestIn(list []segmentView, logStart int64) (TimestampOffset, error) {
	for {
		var best *segmentView
		for i := range list {
			if v := &list[i]; v.timestamp >= 0 && (best == nil || v.timestamp > best.timestamp) {
				best = v
			}
		}
		if best == nil {
			return noTimestamp, nil
		}
		found, err := l.searchSegment(best, best.timestamp, logStart)
		if err != nil || found.Offset >= 0 {
			return found, err
		}
		if best.timestamp, err = l.greatestRecord(best, logStart); err != nil {
			return noTimestamp, best.seg.corrupt(err)
		}
	}
}

// greatestRecord is the greatest timestamp of the records of a segment at or above logStart.
func (l *Log) greatestRecord(v *segmentView, logStart int64) (int64, error) {
	f, err := v.seg.file.acquire()
	if err != nil {
		return 0, err
	}
	defer v.seg.file.release()
	greatest := record.NoTimestamp
	sc := newScanner(f, 0, v.size)
	defer sc.done()
	for {
		h, at, err := sc.next()
		if err == io.EOF {
			return greatest, nil
		}
		if err == nil && h.magic == 2 && h.lastOffset >= logStart && h.maxTimestamp > greatest {
			h.maxTimestamp, err = l.greatestInBatch(f, h, at, logStart)
		}
		if err != nil {
			return 0, err
		}
		if h.lastOffset >= logStart {
			greatest = max(greatest, h.maxTimestamp)
		}
	}
}
