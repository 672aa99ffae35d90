package storage

import (
	"os"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// What the model tests found, told by one case each.

// The machine stops, the end of an unsynced segment is lost and the next one survives. In a compacted log, too, what follows such a hole goes:
// compaction leaves holes only below the point that it has reached.
func TestAHoleThatAPowerLossLeftInACompactedLogEndsIt(t *testing.T) {
	for _, cleaned := range []int64{0, 6} {
		mem := fs.NewMem()
		cfg := faultConfig(t, mem)
		s, l := compactedLog(t, cfg, testCompaction)
		for i := range 12 {
			mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, string(rune('a'+i))+"=1"))
		}
		if len(l.segments) < 2 || l.segments[1].base < 5 {
			t.Fatalf("segments %d", len(l.segments))
		}
		left := mem.Kill()
		_ = s.Close()
		f, err := left.OpenFile("/data/orders-3/"+offsetName(0, logSuffix), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(3 * l.segments[0].size / l.segments[1].base); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		if cleaned > 0 {
			point := formatOffsets([]partitionOffset{{testTP, cleaned}})
			if err := fs.WriteFile(left, "/data/"+cleanerPointFile, point, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cfg.FS = left
		s, l = compactedLog(t, cfg, testCompaction)
		want := int64(3)
		if cleaned > 0 {
			want = 12
		}
		if got := l.Offsets().LogEnd; got != want {
			t.Errorf("compacted up to %d: the log ends at %d, expected %d", cleaned, got, want)
		}
		_ = s.Close()
	}
}

// A batch that compaction emptied keeps the greatest timestamp in its header; no record has it. Lookups by time find what is left.
func TestLookupsByTimeDoNotFindARecordThatCompactionTook(t *testing.T) {
	s, l := compactedLog(t, faultConfig(t, fs.NewMem()), testCompaction)
	defer s.Close()
	at := day0.UnixMilli()
	mustAppend(t, l, keyed(t, at, record.Uncompressed, "stays=1"))
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 7, 0, 0
	if _, err := l.Append(keyedBatch(t, spec, at+50_000, "goes=1"), clientAppend); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		mustAppend(t, l, keyed(t, at+1000, record.Uncompressed, "goes=2"))
	}
	settleLog(t, l)
	cleanNow(s, day0)
	if n := countRecords(t, l); n == 22 {
		t.Fatal("not compacted")
	}
	if got, err := l.OffsetForMaxTimestamp(); err != nil || got.Timestamp != at+1000 || got.Offset < 2 {
		t.Errorf("greatest time: %+v, %v, expected %d", got, err, at+1000)
	}
	if got, err := l.OffsetForTimestamp(at + 1001); err != nil || got.Offset != -1 {
		t.Errorf("time behind all records: %+v, %v", got, err)
	}
}

// A topic was compacted and is not any more. What compaction left out over the last recovery point is no damage.
func TestALogThatWasOnceCompactedIsRecovered(t *testing.T) {
	mem := fs.NewMem()
	cfg := faultConfig(t, mem)
	s, l := compactedLog(t, cfg, testCompaction)
	for i := range 24 {
		mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, "same=1"))
		if i == 2 {
			settleLog(t, l)
			s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
		}
	}
	settleLog(t, l)
	if cleanNow(s, day0) == 0 {
		t.Fatal("not compacted")
	}
	cfg.FS = mem.Kill()
	_ = s.Close()
	deleting := testCompaction
	deleting.Compact, deleting.Delete = false, true
	s, l = compactedLog(t, cfg, deleting)
	defer s.Close()
	if end := l.Offsets().LogEnd; end != 24 {
		t.Errorf("the log ends at %d, expected 24", end)
	}
}
