package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"leat/internal/fs"
	"leat/internal/record"
)

// unknownTimestamp marks a greatest timestamp that has not been read from the time index yet.
const unknownTimestamp = -2

// segment is one .log file and its indexes.
//
// Fields below file are guarded by Log.mu (and written with Log.writeMu held as well).
type segment struct {
	base int64
	dir  string
	file cachedFile

	size    int64 // bytes of the .log that count; what lies behind them is a torn write
	offsets sparseIndex
	times   sparseIndex
	aborted int  // entries in the .txnindex
	indexed bool // the index files exist and end with the last entry
	segmentTail
	reserved bool // the file may have more disk space than content; guarded by Log.writeMu alone

	timeChecked atomic.Bool  // the end of its time index was held against the log
	txnChecked  atomic.Int64 // so many entries of its transaction index were held against the log

	created int64 // ms; stands in for the first timestamp if records have none
	jitter  int64 // ms by which this segment rolls early
}

// segmentTail is what an append needs to know of what stands before it.
type segmentTail struct {
	maxTimestamp       int64 // unknownTimestamp for a segment that was loaded inactive
	maxTimestampOffset int64 // last offset of the batch with the greatest timestamp
	firstTimestamp     int64 // greatest timestamp of the first batch; unknownTimestamp until needed
	lastTime           int64 // timestamp of the last time index entry
	sinceIndex         int64 // bytes appended behind the last index entry
	unread             bool  // none of this is known: the log was closed cleanly and nobody has written to it since
}

func emptyTail(base int64) segmentTail {
	return segmentTail{
		maxTimestamp: record.NoTimestamp, maxTimestampOffset: base, firstTimestamp: unknownTimestamp, lastTime: record.NoTimestamp,
	}
}

func newSegment(files *fileCache, dir string, base int64) *segment {
	return &segment{
		base:        base,
		dir:         dir,
		file:        cachedFile{cache: files, path: filepath.Join(dir, offsetName(base, logSuffix))},
		offsets:     sparseIndex{width: indexEntrySize},
		times:       sparseIndex{width: timeIndexEntrySize},
		segmentTail: emptyTail(base),
	}
}

func (s *segment) path(suffix string) string { return filepath.Join(s.dir, offsetName(s.base, suffix)) }

// create makes the .log file, empty.
func (s *segment) create(fsys fs.FS) error {
	f, err := fsys.OpenFile(s.file.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// noteBatch updates the indexes and timestamps for a batch written at position, as Kafka does: an entry is due when more than
// interval bytes lie behind the last one, and it names the batch just written.
func (s *segment) noteBatch(h batchHeader, position, interval int64) {
	if h.maxTimestamp > s.maxTimestamp {
		s.maxTimestamp, s.maxTimestampOffset = h.maxTimestamp, h.lastOffset
	}
	if position == 0 {
		s.firstTimestamp = h.maxTimestamp
	}
	if s.sinceIndex > interval {
		s.offsets.pending = appendIndexEntry(s.offsets.pending, h.lastOffset-s.base, position)
		s.noteTime()
		s.sinceIndex = 0
	}
	s.sinceIndex += h.size
}

// noteTime appends the greatest timestamp to the time index unless it is there already.
func (s *segment) noteTime() {
	if s.maxTimestamp < 0 || s.maxTimestamp <= s.lastTime {
		return
	}
	s.times.pending = appendTimeIndexEntry(s.times.pending, s.maxTimestamp, s.maxTimestampOffset-s.base)
	s.lastTime = s.maxTimestamp
}

// overflows reports whether offset is too far from the base for an index entry.
func (s *segment) overflows(offset int64) bool { return offset-s.base > 1<<31-1 }

// indexFull reports whether no further entry fits into the indexes.
func (s *segment) indexFull(maxBytes int64) bool {
	return s.offsets.entries() >= maxBytes/indexEntrySize || s.times.entries() >= maxBytes/timeIndexEntrySize-1
}

// locate finds the first batch whose last offset is at least offset, beginning the search at position from, and returns its
// header and position; io.EOF if all batches below end come before offset.
func locate(r io.ReaderAt, from, end, offset int64) (batchHeader, int64, error) {
	sc := newScanner(r, from, end)
	defer sc.done()
	for {
		h, at, err := sc.next()
		if err != nil || h.lastOffset >= offset {
			return h, at, err
		}
	}
}

// corrupt wraps an error of reading the segment, naming it.
func (s *segment) corrupt(err error) error {
	if errors.Is(err, errBadHeader) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errIndex) || errors.Is(err, fs.ErrDamaged) {
		return fmt.Errorf("%s: %w: %w", s.file.path, err, ErrCorrupt)
	}
	if errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("%s: %w: %w", s.file.path, err, ErrDisk)
}
