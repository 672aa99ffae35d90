package storage

import (
	"fmt"
	"slices"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// unknownTopic is the config that logs are recovered with: what their topics are set to is found out only after that.
var unknownTopic = LogConfig{SegmentBytes: 600, IndexIntervalBytes: 100, Delete: true, RetentionMs: -1, RetentionBytes: -1, TimestampAfterMax: forever}

// A process may be killed at any moment of the first compaction of a log, when no point up to which it is compacted was noted yet, and while the recovery
// point on disk is an old one. What compaction has left out over that point is no damage.
func TestALogIsRecoveredFromAnyMomentOfItsFirstCompaction(t *testing.T) {
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
	var left []*fs.Mem
	mem.InjectFreely(func(op fs.Op, _ string) error {
		if op == fs.OpSyncDir || op == fs.OpRename {
			left = append(left, mem.Kill())
		}
		return nil
	})
	if cleanNow(s, day0) == 0 {
		t.Fatal("not compacted")
	}
	mem.Inject(nil)
	left = append(left, mem.Kill())
	_ = s.Close()
	for i, mem := range left {
		cfg.FS, cfg.LogConfig = mem, func(string) LogConfig { return unknownTopic }
		s := openTestStore(t, cfg)
		if l, ok := s.Log(testTP); !ok {
			t.Errorf("moment %d of %d: %v", i, len(left), s.Broken(testTP))
		} else if end := l.Offsets().LogEnd; end != 24 {
			t.Errorf("moment %d of %d: the log ends at %d, expected 24", i, len(left), end)
		}
		_ = s.Close()
	}
}

// Kafka's compaction leaves holes between segments, too. Those below the point that it has noted were meant, though nobody knows yet that the topic is
// compacted.
func TestAHoleBelowTheCleanerPointIsKeptWhileTheTopicIsUnknown(t *testing.T) {
	mem := fs.NewMem()
	cfg := faultConfig(t, mem)
	s, l := compactedLog(t, cfg, testCompaction)
	for i := range 12 {
		mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, fmt.Sprintf("%d=1", i)))
	}
	next := l.segments[1].base
	left := mem.Kill()
	position := 3 * l.segments[0].size / next
	_ = s.Close()
	edit(t, left, offsetName(0, logSuffix), func(b []byte) []byte { return b[:position] })
	point := formatOffsets([]partitionOffset{{testTP, next}})
	if err := fs.WriteFile(left, "/data/"+cleanerPointFile, point, 0o644); err != nil {
		t.Fatal(err)
	}
	cfg.FS, cfg.LogConfig = left, func(string) LogConfig { return unknownTopic }
	s = openTestStore(t, cfg)
	defer s.Close()
	if l, _ = s.Log(testTP); l.Offsets().LogEnd != 12 {
		t.Errorf("the log ends at %d, expected 12", l.Offsets().LogEnd)
	}
}

// A log has a gap of its leader's compaction, and after that batches that follow each other. What a power loss left of the last batch's header, with an offset
// that is too low, has nothing to do with the gap.
func TestATornHeaderIsNotTakenForProofThatAnOlderGapIsDamage(t *testing.T) {
	for _, synced := range []bool{false, true} {
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		s := openTestStore(t, cfg)
		l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		var last int64
		for i, offset := range []int64{0, 1, 500, 501, 502, 503} {
			b := record.Batch(slices.Clone(batchOf(t, day0.UnixMilli(), "v")))
			b.SetBaseOffset(offset)
			b.SetLeaderEpoch(1)
			last = l.active().size
			if _, err := l.AppendFetched(b); err != nil {
				t.Fatal(err)
			}
			if i == 3 && synced {
				if err := l.Flush(); err != nil {
					t.Fatal(err)
				}
				s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
			}
		}
		left := mem.Kill()
		_ = s.Close()
		edit(t, left, offsetName(0, logSuffix), func(b []byte) []byte { // 503 is 0x1f7: one byte of it was on a page that is lost
			b[last+6] = 0
			return b
		})
		cfg.FS = left
		s = openTestStore(t, cfg)
		l, ok := s.Log(testTP)
		if !ok {
			t.Fatalf("synced %v: %v", synced, s.Broken(testTP))
		}
		if end := l.Offsets().LogEnd; end != 503 {
			t.Errorf("synced %v: the log ends at %d, expected 503", synced, end)
		}
		_ = s.Close()
	}
}

// A reader that follows the log has read all of a segment. What comes next begins so far behind that it has a segment of its own, with a hole between them.
func TestAReaderGoesOnBehindAHoleAfterAWholeSegment(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	defer l.Close()
	put := func(offset int64) {
		t.Helper()
		b := record.Batch(slices.Clone(batchOf(t, day0.UnixMilli(), "v")))
		b.SetBaseOffset(offset)
		b.SetLeaderEpoch(1)
		if _, err := l.AppendFetched(b); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(2 * markCount) {
		put(i)
	}
	s, err := l.Read(0, 1<<20, ReadLogEnd, true) // from a batch that is not among the newest
	if err != nil || s.NextOffset != 2*markCount {
		t.Fatal(s.NextOffset, err)
	}
	s.Release()
	put(1 << 40)
	s, err = l.Read(2*markCount, 1<<20, ReadLogEnd, true)
	if err != nil || s.Len() == 0 || s.NextOffset != 1<<40+1 {
		t.Errorf("%d bytes up to %d, %v", s.Len(), s.NextOffset, err)
	}
	s.Release()
}
