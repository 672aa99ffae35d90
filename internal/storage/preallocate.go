package storage

import (
	"bytes"
	"io"

	"leat/internal/fs"
	"leat/internal/record"
)

// Where a topic wants its segments preallocated, a segment has the disk space of segment.bytes from its first record on, and what it did not
// need is given back when it is rolled or closed. Unlike Kafka's, the file is never longer than what was written: there are no zeros to be
// told from records, neither by this process after it was killed, nor by another program that reads the file meanwhile.

// reserve takes the disk space of a whole segment before its first record. Call it with writeMu held.
func (l *Log) reserve(seg *segment, f fs.File, cfg *LogConfig) error {
	if !cfg.Preallocate || seg.reserved || seg.size > 0 {
		return nil
	}
	if err := f.Reserve(cfg.SegmentBytes); err != nil {
		return l.diskError("preallocate a segment of", err)
	}
	seg.reserved = true
	_, _ = l.host.admit(cfg.SegmentBytes, false) // refuses clients only
	return nil
}

// release gives back what a segment has not used of its space. Call it with writeMu held.
func (s *segment) release() error {
	if !s.reserved {
		return nil
	}
	f, err := s.file.acquire()
	if err != nil {
		return err
	}
	defer s.file.release()
	if err := f.Release(); err != nil {
		return err
	}
	s.reserved = false
	return nil
}

// reclaim deals with the space that a process which was killed left to a segment: the active one may go on using it.
func (l *Log) reclaim(seg *segment, f fs.File) error {
	if l.cfg.Load().Preallocate && seg == l.active() {
		seg.reserved = true
		return nil
	}
	return f.Release()
}

// blankLook is how much of either end of a range blankFrom looks at.
const blankLook = 64 << 10

// blankFrom reports whether a file ends in zeros from a position on: space that Kafka preallocates by making the file longer, or that a loss
// of power has left without content. Of a long range it looks at both ends only, for what is in between is as lost. A few zeros may be the
// beginning of a batch.
func blankFrom(r io.ReaderAt, position, size int64) bool {
	if size-position < record.HeaderSize {
		return false
	}
	buf := make([]byte, min(size-position, blankLook))
	for _, at := range []int64{position, size - int64(len(buf))} {
		if n, _ := r.ReadAt(buf, at); n < len(buf) || len(bytes.TrimLeft(buf, "\x00")) > 0 {
			return false
		}
	}
	return true
}
