package storage

import (
	"fmt"

	"leat/internal/record"
)

// TimestampAt is about when the record was written that is read first from an offset on, as its batch says: the time of the batch's first
// record if that is the one, else that of its latest. ok is false if there is no record at or after the offset.
func (l *Log) TimestampAt(offset int64) (timestamp int64, ok bool, err error) {
	s, err := l.Read(offset, record.HeaderSize, ReadLogEnd, true)
	if err != nil {
		return 0, false, err
	}
	defer s.Release()
	if s.Len() < record.HeaderSize {
		return 0, false, nil
	}
	header := make(record.Batch, record.HeaderSize)
	if _, err := s.ReadAt(header, 0); err != nil {
		return 0, false, fmt.Errorf("read at offset %d: %w", offset, err)
	}
	if offset <= header.BaseOffset() && !header.LogAppendTime() {
		return header.BaseTimestamp(), true, nil
	}
	return header.MaxTimestamp(), true, nil
}
