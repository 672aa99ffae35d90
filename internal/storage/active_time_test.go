package storage

import (
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// The last entry of a time index tells an append how young the active segment is, and so retention when it may go.
func TestTheTimeIndexOfTheActiveSegmentIsHeldAgainstTheLog(t *testing.T) {
	for bit := 0; bit < 8*timeIndexEntrySize; bit += stride() {
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		cfg.LogConfig = func(string) LogConfig {
			return LogConfig{
				SegmentBytes: 4000, SegmentMs: forever, IndexIntervalBytes: 100, Delete: true, RetentionMs: ms(86400_000), RetentionBytes: -1,
				FileDeleteDelay: 1, TimestampAfterMax: forever,
			}
		}
		s := openTestStore(t, cfg)
		l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		old := day0.UnixMilli() - 50*86400_000
		for i := range int64(10) {
			at := old + i
			if i == 6 {
				at = day0.UnixMilli()
			}
			mustAppend(t, l, batchOf(t, at, "v"))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		edit(t, mem, offsetName(0, timeIndexSuffix), func(b []byte) []byte {
			b[len(b)-timeIndexEntrySize+bit/8] ^= 1 << (bit % 8)
			return b
		})
		s = openTestStore(t, cfg)
		l, _ = s.Log(testTP)
		mustAppend(t, l, batchOf(t, old, "v"))
		l.SetHighWatermark(l.Offsets().LogEnd)
		if n, err := l.Retain(day0); err != nil || n > 0 {
			t.Errorf("bit %d: %d segments deleted, %v", bit, n, err)
		}
		if got, err := l.OffsetForTimestamp(day0.UnixMilli()); err != nil || got.Offset != 6 {
			t.Errorf("bit %d: %+v, %v, expected offset 6", bit, got, err)
		}
		_ = s.Close()
	}
}
