package storage

import (
	"errors"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

func TestTimestampAtIsThatOfTheFirstRecordToRead(t *testing.T) {
	cfg := testStoreConfig(t, fs.NewMem(), "/data")
	cfg.LogConfig = func(string) LogConfig {
		return LogConfig{SegmentBytes: 400, SegmentMs: forever, IndexIntervalBytes: 100, Delete: true, RetentionMs: -1, RetentionBytes: -1,
			FileDeleteDelay: 1, TimestampAfterMax: forever}
	}
	s := openTestStore(t, cfg)
	defer s.Close()
	l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	begin := day0.UnixMilli()
	for i := range int64(20) { // offsets 0 and 1 at begin, 2 and 3 a second later
		mustAppend(t, l, batchOf(t, begin+1000*i, "a", "b"))
	}
	for _, offset := range []int64{0, 1, 2, 17, 39} {
		at, ok, err := l.TimestampAt(offset)
		if err != nil || !ok || at < begin+offset/2*1000 || at > begin+offset/2*1000+1 {
			t.Errorf("offset %d: %d ms after the first, %v %v", offset, at-begin, ok, err)
		}
	}
	if at, ok, err := l.TimestampAt(40); ok || err != nil {
		t.Errorf("at the end: %d %v %v", at, ok, err)
	}
	if _, _, err := l.TimestampAt(41); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("past the end: %v", err)
	}
}
