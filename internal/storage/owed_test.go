package storage

import (
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// A flush that fails because the process has too many files open did not make the names durable; the next one has to.
func TestAFlushThatCouldNotOpenTheLogForgetsNothing(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Settings = func() Settings { return Settings{MaxOpenFiles: 1} }
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "a"))
	other, err := s.Create(record.TopicPartition{Topic: "other"}, record.UUID{2}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, other, batchOf(t, 1, "a")) // so that the first one's file is closed
	mem.Inject(func(op fs.Op, name string) error {
		if op == fs.OpOpen && strings.HasSuffix(name, logSuffix) {
			return syscall.EMFILE
		}
		return nil
	})
	if err := l.Flush(); err == nil {
		t.Fatal("flushed")
	}
	mem.Inject(nil)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	left := mem.Crash(nil)
	_ = s.Close()
	cfg.FS = left
	s = openTestStore(t, cfg)
	defer s.Close()
	if l, ok := s.Log(testTP); !ok || l.Offsets().LogEnd != 1 {
		t.Errorf("what was flushed is lost: opened %v, %v", ok, s.Broken(testTP))
	}
}

// The power fails after an abort was written and before anything was synced: its entry in the transaction index comes through, the records do
// not. What is written next is committed, and a reader must not be told that it was aborted.
func TestAnEntryOfAnAbortThatALossOfPowerTookHidesNothing(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 4096} }
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: 1 << 62} }
	abort := func(l *Log, sequence int32, commit bool) {
		t.Helper()
		mustAppend(t, l, batchBy(t, 7, 0, sequence, 1, true))
		if _, err := l.Append(marker(7, 0, commit, 1), coordinatorAppend); err != nil {
			t.Fatal(err)
		}
	}
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	abort(l, 0, false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, cfg)
	l, _ = s.Log(testTP)
	size := l.Size()
	abort(l, 1, false)
	left := mem.Kill()
	_ = s.Close()
	if err := resize(left, "/data/orders-3/"+offsetName(0, logSuffix), size); err != nil {
		t.Fatal(err)
	}
	cfg.FS = left
	s = openTestStore(t, cfg)
	l, _ = s.Log(testTP)
	abort(l, 1, true)
	for l.Offsets().LogStart == 0 && len(l.segments) == 1 {
		mustAppend(t, l, batchOf(t, 20, "fill"))
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
	left = left.Kill()
	_ = s.Close()
	cfg.FS = left
	s = openTestStore(t, cfg)
	defer s.Close()
	l, _ = s.Log(testTP)
	l.SetHighWatermark(l.Offsets().LogEnd)
	r, err := l.Read(2, 1<<20, ReadCommitted, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if len(r.Aborted) > 0 {
		t.Errorf("told to be aborted: %+v", r.Aborted)
	}
}
