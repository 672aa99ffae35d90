package storage

import (
	"fmt"
	"io"
	"os"

	"leat/internal/fs"
)

// indexView is what a lookup needs of a segment's index, taken under Log.mu: the answer, if it was found in memory, or where to
// look on disk.
type indexView struct {
	found    bool
	position int64 // if found
	onDisk   int64
}

// viewOffset looks for the index entry at or below offset.
func (s *segment) viewOffset(offset int64) indexView {
	if e, ok := s.offsets.floorPending(offset-s.base, keyRelativeOffset); ok {
		return indexView{found: true, position: keyPosition(e)}
	}
	return indexView{found: s.offsets.onDisk == 0, onDisk: s.offsets.onDisk}
}

// viewPosition looks for the index entry at or below a position in the file.
func (s *segment) viewPosition(position int64) indexView {
	if e, ok := s.offsets.floorPending(position, keyPosition); ok {
		return indexView{found: true, position: keyPosition(e)}
	}
	return indexView{found: s.offsets.onDisk == 0, onDisk: s.offsets.onDisk}
}

// resolve finishes the lookup of a view: the position from which to scan the log. An entry from disk is held against the log, lest
// a wrong one make a reader skip records; errIndex if they do not fit.
func (s *segment) resolve(fsys fs.FS, v indexView, target int64, key indexKey) (int64, error) {
	if v.found {
		return v.position, nil
	}
	var entry [timeIndexEntrySize]byte
	ok, err := s.floorInFile(fsys, indexSuffix, indexEntrySize, v.onDisk, target, key, entry[:])
	if err != nil || !ok {
		return 0, err
	}
	return keyPosition(entry[:]), s.checkEntry(entry[:])
}

// checkEntry makes sure that the batch which an index entry points to is the one it names.
func (s *segment) checkEntry(entry []byte) error {
	f, err := s.file.acquire()
	if err != nil {
		return err
	}
	defer s.file.release()
	position, offset := keyPosition(entry), s.base+keyRelativeOffset(entry)
	if position >= 0 {
		sc := newScanner(f, position, position+1<<31)
		defer sc.done()
		h, _, err := sc.next()
		if err == nil && h.lastOffset == offset {
			return nil
		}
	}
	return fmt.Errorf("%s: the entry of offset %d points to position %d, where no batch ends with it: %w", s.path(indexSuffix), offset, position, errIndex)
}

// floorInFile opens an index file for one lookup.
func (s *segment) floorInFile(fsys fs.FS, suffix string, width int, count, target int64, key indexKey, entry []byte) (bool, error) {
	path := s.path(suffix)
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	ok, err := floorOnDisk(f, width, count, target, key, entry)
	_ = f.Close() // only read
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return ok, nil
}

// lastEntry reads the last of count entries of an index file.
func (s *segment) lastEntry(fsys fs.FS, suffix string, width int, count int64) ([]byte, error) {
	path := s.path(suffix)
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	b := make([]byte, width)
	err = readIndex(f, b, (count-1)*int64(width))
	_ = f.Close() // only read
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// loadTail finds out what is kept for an active segment from so many entries of its indexes on disk and the few batches behind
// the last of them, and the offset after the last batch. size bytes of the .log must hold whole batches.
func (s *segment) loadTail(fsys fs.FS, size, offsets, times int64) (t segmentTail, nextOffset int64, err error) {
	t = emptyTail(s.base)
	if times > 0 {
		e, err := s.lastEntry(fsys, timeIndexSuffix, timeIndexEntrySize, times)
		if err != nil {
			return t, 0, err
		}
		t.lastTime, t.maxTimestamp, t.maxTimestampOffset = keyTimestamp(e), keyTimestamp(e), s.base+timeRelativeOffset(e)
	}
	from, indexed := int64(0), int64(-1)
	if offsets > 0 {
		e, err := s.lastEntry(fsys, indexSuffix, indexEntrySize, offsets)
		if err != nil {
			return t, 0, err
		}
		from, indexed = keyPosition(e), s.base+keyRelativeOffset(e)
		if from <= 0 || from >= size || indexed <= s.base {
			return t, 0, fmt.Errorf("%s: last entry is offset %d at position %d, the log has %d bytes: %w", s.path(indexSuffix), indexed, from, size, errIndex)
		}
	}
	nextOffset, err = s.scanTail(&t, from, size, indexed)
	return t, nextOffset, err
}

// scanTail reads the headers from position from to size; the batch there must have the last offset indexed, unless that is -1.
func (s *segment) scanTail(t *segmentTail, from, size, indexed int64) (nextOffset int64, err error) {
	nextOffset = s.base
	if size == 0 {
		return nextOffset, nil
	}
	f, err := s.file.acquire()
	if err != nil {
		return 0, err
	}
	defer s.file.release()
	sc := newScanner(f, from, size)
	defer sc.done()
	for {
		h, at, err := sc.next()
		if err == io.EOF {
			return nextOffset, nil
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.file.path, err)
		}
		if at == from && indexed >= 0 && h.lastOffset != indexed {
			return 0, fmt.Errorf("%s: entry of offset %d points to a batch that ends with %d: %w", s.path(indexSuffix), indexed, h.lastOffset, errIndex)
		}
		if h.lastOffset < nextOffset {
			return 0, fmt.Errorf("%s: position %d: offset %d follows %d: %w", s.file.path, at, h.lastOffset, nextOffset-1, errBadHeader)
		}
		if h.maxTimestamp > t.maxTimestamp {
			t.maxTimestamp, t.maxTimestampOffset = h.maxTimestamp, h.lastOffset
		}
		if at == 0 {
			t.firstTimestamp = h.maxTimestamp
		}
		t.sinceIndex += h.size
		nextOffset = h.lastOffset + 1
	}
}

// greatestTimestamp returns the segment's greatest timestamp and the last offset of its batch. Call it with Log.writeMu held.
func (s *segment) greatestTimestamp(fsys fs.FS) (timestamp, lastOffset int64, err error) {
	if s.maxTimestamp != unknownTimestamp {
		return s.maxTimestamp, s.maxTimestampOffset, nil
	}
	return s.readTimestamp(fsys, s.times.onDisk, s.size)
}

// readTimestamp reads the greatest timestamp of an inactive segment, which is the last entry of its time index.
func (s *segment) readTimestamp(fsys fs.FS, times, size int64) (timestamp, lastOffset int64, err error) {
	if times > 0 {
		e, err := s.lastEntry(fsys, timeIndexSuffix, timeIndexEntrySize, times)
		if err != nil {
			return 0, 0, s.corrupt(err)
		}
		return keyTimestamp(e), s.base + timeRelativeOffset(e), nil
	}
	return s.scanTimestamps(size)
}

// scanTimestamps finds the greatest timestamp by reading all headers.
func (s *segment) scanTimestamps(size int64) (timestamp, lastOffset int64, err error) {
	timestamp, lastOffset = -1, s.base
	f, err := s.file.acquire()
	if err != nil {
		return 0, 0, err
	}
	defer s.file.release()
	sc := newScanner(f, 0, size)
	defer sc.done()
	for {
		h, _, err := sc.next()
		if err == io.EOF {
			return timestamp, lastOffset, nil
		}
		if err != nil {
			return 0, 0, s.corrupt(err)
		}
		if h.maxTimestamp > timestamp {
			timestamp, lastOffset = h.maxTimestamp, h.lastOffset
		}
	}
}

// writeIndexes puts pending entries into the files. Final also cuts both files behind them, making them if they do not exist.
// Call it with Log.writeMu held.
func (s *segment) writeIndexes(fsys fs.FS, final bool) error {
	if final || len(s.offsets.pending) > 0 {
		if err := s.offsets.writePending(fsys, s.path(indexSuffix), final); err != nil {
			return err
		}
	}
	if final || len(s.times.pending) > 0 {
		if err := s.times.writePending(fsys, s.path(timeIndexSuffix), final); err != nil {
			return err
		}
	}
	s.indexed = final
	return nil
}
