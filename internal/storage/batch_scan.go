package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"leat/internal/fs"
	"leat/internal/record"
)

// batchHeader is what the header of a batch says; for the message formats before magic 2, what can be said without decoding.
type batchHeader struct {
	baseOffset   int64
	lastOffset   int64
	maxTimestamp int64
	size         int64 // of the whole batch
	leaderEpoch  int32
	magic        int8
}

// errBadHeader means that no batch begins at a position.
var errBadHeader = errors.New("no batch header")

// minBatchSize is the length of the shortest message of magic 0.
const minBatchSize = 26

// parseHeader reads the header at the beginning of b, which holds the file from there to at most the header's length.
func parseHeader(b []byte) (batchHeader, error) {
	if len(b) < minBatchSize {
		return batchHeader{}, io.ErrUnexpectedEOF
	}
	h := batchHeader{
		baseOffset:  int64(binary.BigEndian.Uint64(b)),
		size:        int64(int32(binary.BigEndian.Uint32(b[8:]))) + record.LogOverhead,
		leaderEpoch: record.NoLeaderEpoch,
		magic:       int8(b[16]),
	}
	switch {
	case h.baseOffset < 0 || h.size < minBatchSize:
		return h, errBadHeader
	case h.magic == 2:
		return parseHeader2(h, b)
	case h.magic == 0 || h.magic == 1:
		h.lastOffset, h.maxTimestamp = h.baseOffset, record.NoTimestamp
		if h.magic == 1 {
			h.maxTimestamp = int64(binary.BigEndian.Uint64(b[18:]))
		}
		return h, nil
	case h.magic > 2 && h.magic < 16: // further on it is damage
		return h, fmt.Errorf("%w: %w", &newerForm{"batch of magic", int64(h.magic), "2"}, errBadHeader)
	}
	return h, errBadHeader
}

func parseHeader2(h batchHeader, b []byte) (batchHeader, error) {
	if h.size < record.HeaderSize {
		return h, errBadHeader
	}
	if len(b) < record.HeaderSize {
		return h, io.ErrUnexpectedEOF
	}
	batch := record.Batch(b)
	if batch.LastOffsetDelta() < 0 {
		return h, errBadHeader
	}
	h.lastOffset = batch.LastOffset()
	h.maxTimestamp = batch.MaxTimestamp()
	h.leaderEpoch = batch.LeaderEpoch()
	return h, nil
}

// scanner walks the batch headers of a file range. It trusts no length: a batch must end within the range.
type scanner struct {
	r        io.ReaderAt
	pos, end int64
	from     int64 // position of window[0]
	window   []byte
	buf      [4096]byte
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// newScanner returns a scanner over [pos, end); give it back with done.
func newScanner(r io.ReaderAt, pos, end int64) *scanner {
	s := scanners.Get().(*scanner)
	s.r, s.pos, s.end, s.from, s.window = r, pos, end, 0, nil
	return s
}

func (s *scanner) done() {
	s.r, s.window = nil, nil
	scanners.Put(s)
}

// next returns the header of the next batch and its position; io.EOF at the end of the range, another error where the range
// holds no whole batch.
func (s *scanner) next() (batchHeader, int64, error) {
	if s.pos >= s.end {
		return batchHeader{}, s.pos, io.EOF
	}
	want := min(int64(record.HeaderSize), s.end-s.pos)
	if s.pos < s.from || s.pos+want > s.from+int64(len(s.window)) {
		n, err := s.readAt(s.buf[:min(int64(len(s.buf)), s.end-s.pos)])
		if int64(n) < want {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return batchHeader{}, s.pos, err
		}
		s.from, s.window = s.pos, s.buf[:n]
	}
	at := s.pos
	h, err := parseHeader(s.window[at-s.from:])
	if err == nil && h.size > s.end-at {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return h, at, fmt.Errorf("position %d: %w", at, err)
	}
	s.pos += h.size
	return h, at, nil
}

// readAt reads at the position.
func (s *scanner) readAt(p []byte) (int, error) {
	if f, ok := s.r.(fs.File); ok {
		return fs.ReadQuickly(f, p, s.pos)
	}
	return s.r.ReadAt(p, s.pos)
}

// header is the header of the magic 2 batch that next returned for position at; valid until the next call.
func (s *scanner) header(at int64) record.Batch {
	return record.Batch(s.window[at-s.from:][:record.HeaderSize])
}
