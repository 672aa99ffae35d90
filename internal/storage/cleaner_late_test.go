package storage

import (
	"encoding/binary"
	"hash/crc32"
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// A topic is deleted before each file operation of a cleaning: that must not touch the directory's standing, nor the next topic of that name.
func TestADeletionAtEveryStepOfACompactionHarmsNobody(t *testing.T) {
	for n := 1; ; n += stride() {
		mem := fs.NewMem()
		s, l := compactedLog(t, faultConfig(t, mem), testCompaction)
		fillKeys(t, l, 0, 14)
		settleLog(t, l)
		count, busy := 0, false
		var next *Log
		remake := func() {
			if err := s.Delete(testTP); err != nil {
				t.Errorf("operation %d: %v", n, err)
			}
			var err error
			if next, err = s.Create(testTP, record.UUID{2}, record.UUID{}); err != nil {
				t.Errorf("operation %d: %v", n, err)
			}
		}
		done := make(chan struct{})
		mem.InjectFreely(func(_ fs.Op, name string) error {
			if busy || !strings.Contains(name, "orders-3") {
				return nil
			}
			if count++; count != n {
				return nil
			}
			busy = true
			if l.writeMu.TryLock() { // else the cleaner itself holds it: the deletion comes when it lets go
				l.writeMu.Unlock()
				remake()
				close(done)
			} else {
				go func() { remake(); close(done) }()
			}
			return nil
		})
		cleanNow(s, day0)
		if !busy {
			if n < 20 {
				t.Fatalf("only %d operations", n)
			}
			mem.Inject(nil)
			_ = s.Close()
			return
		}
		<-done
		mem.Inject(nil)
		if err := s.Dirs()[0].Offline; err != nil {
			t.Fatalf("operation %d: the directory is offline: %v", n, err)
		}
		want := fillKeys(t, next, 0, 14)
		settleLog(t, next)
		cleanNow(s, day0)
		if st := s.CleanerStatus(); len(st.Uncleanable) > 0 {
			t.Fatalf("operation %d: %+v", n, st.Uncleanable)
		}
		if got := lastValues(t, next, ReadUncommitted); !maps.Equal(got, want) {
			t.Fatalf("operation %d:\n got %v\nwant %v", n, got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
	}
}

// A topic that is not compacted any more keeps what it has from then on.
func TestACleaningEndsWhenTheTopicIsNotCompactedAnyMore(t *testing.T) {
	mem := fs.NewMem()
	s, l := compactedLog(t, faultConfig(t, mem), testCompaction)
	defer s.Close()
	fillKeys(t, l, 0, 30)
	settleLog(t, l)
	before := countRecords(t, l)
	deleting := testCompaction
	deleting.Compact, deleting.Delete = false, true
	mem.Inject(func(op fs.Op, name string) error {
		if op == fs.OpCreate && strings.HasSuffix(name, logSuffix+cleanedSuffix) {
			l.Configure(deleting)
		}
		return nil
	})
	cleanNow(s, day0)
	mem.Inject(nil)
	if got := countRecords(t, l); got != before {
		t.Errorf("%d records are left of %d", got, before)
	}
	if st := s.CleanerStatus(); st.Failed > 0 || len(st.Uncleanable) > 0 {
		t.Errorf("%+v", st)
	}
}

// What is said of how far a deleted topic was compacted does not hold for the next of its name: a tombstone of that would go while the value
// before it stays.
func TestACrashLeavesNoCleanPartToTheNextTopicOfThatName(t *testing.T) {
	mem := fs.NewMem()
	cfg := faultConfig(t, mem)
	s, l := compactedLog(t, cfg, testCompaction)
	fillKeys(t, l, 0, 14)
	settleLog(t, l)
	cleanNow(s, day0)
	if _, known := s.dirs[0].cleaned.of(testTP); !known {
		t.Fatal("nothing is noted")
	}
	if err := s.Delete(testTP); err != nil {
		t.Fatal(err)
	}
	mem.Inject(func(_ fs.Op, name string) error { // the power fails when the other checkpoints are written, and this one is not
		if strings.Contains(name, cleanerPointFile) {
			return syscall.EIO
		}
		return nil
	})
	s.dirs[0].settleSoon()
	mem.Inject(nil)
	left := mem.Crash(nil)
	_ = s.Close() // of a process that is gone

	cfg.FS = left
	s, l = compactedLog(t, cfg, testCompaction)
	defer s.Close()
	mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, "gone=1"))
	mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, "gone"))
	fillKeys(t, l, 0, 30)
	settleLog(t, l)
	for i := range 3 {
		fillKeys(t, l, 30+i, 8)
		settleLog(t, l)
		cleanNow(s, day0.Add(time.Duration(i)*3*time.Hour))
	}
	if got, ok := lastValues(t, l, ReadUncommitted)["gone"]; ok {
		t.Errorf("the deleted key is back: %s", got)
	}
}

// A log is cut between the last segment that a cleaning replaced and its checkpoint.
func TestACleaningThatATruncationOvertookIsNotNoted(t *testing.T) {
	mem := fs.NewMem()
	s, l := compactedLog(t, faultConfig(t, mem), testCompaction)
	defer s.Close()
	fillKeys(t, l, 0, 30)
	settleLog(t, l)
	w := testWorker(s)
	c, err := w.begin(s.cleaner.grab(day0), day0)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.do(); err != nil {
		t.Fatal(err)
	}
	c.log.endCleaning()
	if err := l.TruncateTo(3); err != nil {
		t.Fatal(err)
	}
	fillKeys(t, l, 0, 40)
	settleLog(t, l)
	if err := s.dirs[0].cleaned.advance(l, c.run.NextDirty, c.truncates); err == nil {
		t.Error("noted")
	}
	if point, _ := s.dirs[0].cleaned.of(testTP); point > 3 {
		t.Errorf("clean up to %d, was cut at 3", point)
	}
}

// A record that an old Kafka wrote, in a format that is not rewritten, stays. So must the tombstone that came after it.
func TestATombstoneOfAValueInAnOldFormatStays(t *testing.T) {
	mem := fs.NewMem()
	if err := mem.MkdirAll("/data/orders-3", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeUnsynced(mem, "/data/orders-3/"+offsetName(0, logSuffix), messageOfMagic1("gone", "1")); err != nil {
		t.Fatal(err)
	}
	s, l := compactedLog(t, faultConfig(t, mem), testCompaction)
	defer s.Close()
	if end := l.Offsets().LogEnd; end != 1 {
		t.Fatalf("the log ends at %d", end)
	}
	mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, "gone"))
	for i := range 4 {
		fillKeys(t, l, 20*i, 20)
		settleLog(t, l)
		if n := cleanNow(s, day0.Add(time.Duration(i)*3*time.Hour)); n == 0 {
			t.Fatalf("not cleaned: %+v", s.CleanerStatus())
		}
	}
	old, err := l.Read(0, 1, ReadUncommitted, true)
	if err != nil || old.NextOffset != 1 {
		t.Fatalf("the old record: %+v, %v", old, err)
	}
	old.Release()
	next, err := l.Read(1, 1, ReadUncommitted, true)
	if err != nil || next.NextOffset != 2 {
		t.Errorf("behind the old value comes what ends at %d, %v: its tombstone is gone", next.NextOffset, err)
	}
	next.Release()
}

// messageOfMagic1 is a message at offset 0 as Kafka 0.10 wrote it.
func messageOfMagic1(key, value string) []byte {
	b := []byte{1, 0} // magic, attributes
	b = binary.BigEndian.AppendUint64(b, uint64(day0.UnixMilli()))
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(key))), key...)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
	head := binary.BigEndian.AppendUint32(make([]byte, 8), uint32(4+len(b)))
	return append(binary.BigEndian.AppendUint32(head, crc32.ChecksumIEEE(b)), b...)
}

// What compaction takes for committed, and so for the last of its key, depends on the transaction index. A damaged one must not have it keep aborted
// records and drop committed ones.
func TestCompactionDoesNotBelieveADamagedTransactionIndex(t *testing.T) {
	for _, at := range []int64{2 + 7, 2 + 8 + 7, 2 + 16 + 7} { // the last bytes of producer id, first and last offset
		mem := fs.NewMem()
		s, l := compactedLog(t, testStoreConfig(t, mem, "/data"), testCompaction)
		mustAppend(t, l, keyed(t, day0.UnixMilli(), 0, "k=committed")) // 0
		mustAppend(t, l, batchBy(t, 7, 0, 0, 3, true))                 // 1 to 3, of key k
		if _, err := l.Append(marker(7, 0, false, 1), coordinatorAppend); err != nil {
			t.Fatal(err)
		}
		want := fillKeys(t, l, 0, 30)
		want["k"] = "0=committed"
		settleLog(t, l)
		edit(t, mem, offsetName(0, txnIndexSuffix), func(b []byte) []byte {
			b[at] ^= 8
			return b
		})
		if cleanNow(s, day0) == 0 {
			t.Fatal("not compacted")
		}
		if got := lastValues(t, l, ReadCommitted); !maps.Equal(got, want) {
			t.Errorf("byte %d damaged: %v\nwant %v", at, got, want)
		}
		_ = s.Close()
	}
}
