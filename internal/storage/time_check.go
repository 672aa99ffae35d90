package storage

import (
	"errors"
	"fmt"
	"io"

	"leat/internal/fs"
)

// A time index has no checksum, and what it says of a closed segment decides what retention deletes and which segments a lookup by time passes
// over. So its entries are held against the log before they are relied on.

// position finds by the offset index where a search for an offset begins.
func (v *segmentView) position(fsys fs.FS, relative int64) (int64, error) {
	if e, ok := v.offsets.floorPending(relative, keyRelativeOffset); ok {
		return keyPosition(e), nil
	}
	return v.seg.resolve(fsys, indexView{found: v.offsets.onDisk == 0, onDisk: v.offsets.onDisk}, relative, keyRelativeOffset)
}

// checkTime makes sure that the batch with the offset of a time index entry has the timestamp that the entry names, and returns a position at or
// before that batch; errIndex if not.
func (v *segmentView) checkTime(fsys fs.FS, entry []byte) (int64, error) {
	s, timestamp, relative := v.seg, keyTimestamp(entry), timeRelativeOffset(entry)
	offset := s.base + relative
	from, err := v.position(fsys, relative)
	if err != nil {
		return 0, err
	}
	f, err := s.file.acquire()
	if err != nil {
		return 0, err
	}
	defer s.file.release()
	h, _, err := locate(f, from, v.size, offset)
	if err == io.EOF || err == nil && (relative < 0 || h.baseOffset > offset || h.maxTimestamp != timestamp) {
		return 0, fmt.Errorf("%s: no batch with offset %d has the greatest timestamp %d: %w", s.path(timeIndexSuffix), offset, timestamp, errIndex)
	}
	return from, err
}

// furthestBefore is how much more of a segment a lookup by time reads for fear of a wrong entry.
const furthestBefore = 1 << 20

// startBefore goes back from an entry, and the position where a search would begin by it, to the entry before. Were the offset of the first one
// wrong, and that of a later batch with the same timestamp, then a batch with a greater one could lie before it.
func (v *segmentView) startBefore(fsys fs.FS, entry []byte, from int64) (int64, error) {
	var e [timeIndexEntrySize]byte
	ok, err := v.seg.floorInFile(fsys, timeIndexSuffix, timeIndexEntrySize, v.times.onDisk, keyTimestamp(entry)-1, keyTimestamp, e[:])
	if err != nil {
		return 0, err
	}
	before := int64(0)
	if ok {
		if before, err = v.position(fsys, timeRelativeOffset(e[:])); err != nil {
			return 0, err
		}
	}
	if before > from {
		return 0, fmt.Errorf("%s: entries do not rise: %w", v.seg.path(timeIndexSuffix), errIndex)
	}
	if from-before > furthestBefore {
		return from, nil
	}
	return before, nil
}

// soundTail is loadTail, and holds the greatest timestamp that it takes from the time index against the log: retention will go by it.
func (l *Log) soundTail(seg *segment, size, offsets, times int64) (segmentTail, int64, error) {
	tail, end, err := seg.loadTail(l.fsys, size, offsets, times)
	if err != nil || times == 0 {
		return tail, end, err
	}
	v := segmentView{seg: seg, size: size, offsets: sparseIndex{width: indexEntrySize, onDisk: offsets}}
	e, err := seg.lastEntry(l.fsys, timeIndexSuffix, timeIndexEntrySize, times)
	if err == nil {
		_, err = v.checkTime(l.fsys, e)
	}
	return tail, end, err
}

// checkGreatest holds the last entry of a closed segment's time index against the log, once.
func (v *segmentView) checkGreatest(fsys fs.FS) error {
	if v.times.onDisk == 0 || v.seg.timeChecked.Load() {
		return nil
	}
	e, err := v.seg.lastEntry(fsys, timeIndexSuffix, timeIndexEntrySize, v.times.onDisk)
	if err == nil {
		_, err = v.checkTime(fsys, e)
	}
	v.seg.timeChecked.Store(err == nil)
	return err
}

// confirmTime is called before a segment is deleted for what its time index says. If that does not fit the log, the indexes are built anew, the
// segment knows its greatest timestamp from then on, and the answer is false. Call it with writeMu held.
func (l *Log) confirmTime(seg *segment) (bool, error) {
	v := segmentView{seg: seg, size: seg.size, offsets: seg.offsets, times: seg.times}
	err := v.checkGreatest(l.fsys)
	if !errors.Is(err, errIndex) {
		return err == nil, err
	}
	l.logger.Warn("index does not fit its log, rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
	return false, l.reindex(seg)
}
