package storage

import (
	"errors"
	"maps"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// A compaction writes before it deletes. What it writes must not take the room below the hard mark, which is there for what cannot wait; and
// what makes room goes on.
func TestACompactionLeavesTheRoomBelowTheHardMarkAlone(t *testing.T) {
	const capacity, hard, page = 4_000_000, 1_000_000, 4096
	refused, cleaned := 0, 0
	for spare := int64(-2 * page); cleaned == 0; spare += page {
		mem := fs.NewMem()
		mem.SetCapacity(capacity)
		cfg := faultConfig(t, mem)
		cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: forever, DiskHardFree: hard} }
		lc := testCompaction
		lc.SegmentBytes = 6000
		s, l := compactedLog(t, cfg, lc)
		d := s.dirs[0]
		want := fillKeys(t, l, 0, 300)
		settleLog(t, l)
		_, available, err := mem.Usage("/data")
		if err != nil {
			t.Fatal(err)
		}
		if err := fs.WriteFile(mem, "/other", make([]byte, available-hard-spare-page), 0o644); err != nil {
			t.Fatal(err)
		}
		d.checkRoom()
		cleanNow(s, day0)
		switch list := s.CleanerStatus().Uncleanable; {
		case len(list) == 0:
			cleaned++
		case errors.Is(list[0].Err, ErrNoRoom):
			refused++
		default:
			t.Fatalf("%d bytes above the mark: %v", spare, list[0].Err)
		}
		if d.checkRoom(); spare >= 0 && d.room.status().Available < hard-2*page { // of checkpoints
			t.Errorf("%d bytes above the mark: %+v after the compaction", spare, d.room.status())
		}
		if got := lastValues(t, l, ReadLogEnd); !maps.Equal(got, want) || d.offline() != nil || count(t, mem, "/data/orders-3", cleanedSuffix) > 0 {
			t.Fatalf("%d bytes above the mark: %v, offline: %v", spare, got, d.offline())
		}
		// Deleting makes room, and the cleaner is back.
		if err := l.AdvanceLogStart(l.segments[1].base); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Retain(day0); n == 0 || err != nil {
			t.Errorf("%d bytes above the mark: %d segments deleted, %v", spare, n, err)
		}
		if err := mem.Remove("/other"); err != nil {
			t.Fatal(err)
		}
		d.checkRoom()
		cleanNow(s, day0.Add(time.Hour))
		if st := s.CleanerStatus(); len(st.Uncleanable) > 0 || st.Cleaned == 0 {
			t.Errorf("%d bytes above the mark, with room again: %+v", spare, st)
		}
		_ = s.Close()
	}
	if refused < 3 {
		t.Errorf("refused %d times", refused)
	}
}

// A record without a timestamp is as old as its file, as in Kafka.
func TestRecordsWithoutTimestampsAreKeptFromCompactionToo(t *testing.T) {
	mem := fs.NewMem()
	lc := testCompaction
	lc.MinCompactionLag = time.Hour
	s, l := compactedLog(t, faultConfig(t, mem), lc)
	defer s.Close()
	for range 30 {
		mustAppend(t, l, keyed(t, record.NoTimestamp, record.Uncompressed, "a=1"))
	}
	settleLog(t, l)
	for _, seg := range l.segments {
		if seg.maxTimestamp != record.NoTimestamp {
			t.Fatalf("timestamp %d", seg.maxTimestamp)
		}
		if err := mem.SetModTime(seg.file.path, day0); err != nil {
			t.Fatal(err)
		}
	}
	if n := cleanNow(s, day0.Add(time.Hour-time.Minute)); n > 0 {
		t.Error("cleaned before min.compaction.lag.ms had passed")
	}
	if n := cleanNow(s, day0.Add(time.Hour+time.Minute)); n == 0 {
		t.Errorf("not cleaned: %+v", s.CleanerStatus())
	}
}
