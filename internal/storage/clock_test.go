package storage

import (
	"testing"

	"leat/internal/fs"
)

func TestTheGreatestTimestampIsThatOfARecordWhichIsStillThere(t *testing.T) {
	for _, segmentBytes := range []int64{200, 1 << 20} {
		l := openTestLog(t, fs.NewMem(), "/log", LogConfig{SegmentBytes: segmentBytes})
		mustAppend(t, l, batchOf(t, 9000, "a")) // 0
		mustAppend(t, l, batchOf(t, 8000, "b", "c", "d"))
		mustAppend(t, l, batchOf(t, 5000, "e")) // 4
		l.SetHighWatermark(5)
		for start, want := range []TimestampOffset{{9000, 0, 1}, {8002, 3, 1}, {8002, 3, 1}, {8002, 3, 1}, {5000, 4, 1}, {-1, -1, -1}} {
			if err := l.AdvanceLogStart(int64(start)); err != nil {
				t.Fatal(err)
			}
			if got, err := l.OffsetForMaxTimestamp(); err != nil || got != want {
				t.Errorf("segments of %d bytes, from offset %d: %+v, %v, expected %+v", segmentBytes, start, got, err, want)
			}
		}
	}
}
