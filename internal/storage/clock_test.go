package storage

import (
	"testing"
	"time"

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

// Producers expire by the timestamps of their batches, as in Kafka: a clock that goes back forgets none early, and one that jumps ahead those that
// wrote before.
func TestProducersWhenTheClockJumps(t *testing.T) {
	for name, c := range map[string]struct {
		written, now time.Time
		left         int
	}{
		"just written":       {day0, day0.Add(time.Hour - 1), 1},
		"an hour":            {day0, day0.Add(time.Hour), 0},
		"an hour back":       {day0, day0.Add(-time.Hour), 1},
		"ten years back":     {day0, day0.Add(-10 * year), 1},
		"ten years ahead":    {day0, day0.Add(10 * year), 0},
		"written far ahead":  {day0.Add(10 * year), day0.Add(2 * time.Hour), 1},
		"and caught up with": {day0.Add(10 * year), day0.Add(10*year + time.Hour), 0},
	} {
		table := producerTable{}
		table.byID.put(&producerEntry{id: 7, lastTimestamp: c.written.UnixMilli(), txnFirstOffset: -1})
		table.byID.put(&producerEntry{id: 8, lastTimestamp: c.written.UnixMilli(), txnFirstOffset: 3}) // its transaction keeps it
		table.expire(c.now, time.Hour)
		if got := table.byID.find(7) != nil; got != (c.left == 1) || table.byID.find(8) == nil {
			t.Errorf("%s: kept %v", name, got)
		}
	}
}

// A segment rolls once when the clock jumps ahead, and not at each append after it went back.
func TestRollsWhenTheClockJumps(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{SegmentMs: time.Hour, SegmentJitter: 10 * time.Minute, TimestampAfterMax: 100 * year})
	for i, c := range []struct {
		now      time.Time
		segments int
	}{
		{day0, 1}, {day0.Add(49 * time.Minute), 1}, {day0.Add(10 * year), 2}, {day0.Add(10*year + time.Minute), 2},
		{day0.Add(50 * time.Minute), 2}, {day0.Add(51 * time.Minute), 2}, {day0.Add(2 * time.Hour), 3}, {day0.Add(2*time.Hour + time.Minute), 3},
		{day0.Add(time.Hour), 3}, {day0.Add(-10 * year), 3}, {day0.Add(-10*year + time.Minute), 3},
	} {
		if _, err := l.Append(batchOf(t, c.now.UnixMilli(), "v"), AppendOptions{LeaderEpoch: 1, Now: c.now}); err != nil {
			t.Fatal(err)
		}
		if got := len(l.segments); got != c.segments {
			t.Errorf("append %d, at %v: %d segments, expected %d", i, c.now, got, c.segments)
		}
	}
}
