package storage

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"leat/internal/fs"
)

// opens tells the operations for which a process needs one more open file.
func opens(op fs.Op) bool {
	switch op {
	case fs.OpOpen, fs.OpCreate, fs.OpReadDir, fs.OpSyncDir, fs.OpLock:
		return true
	}
	return false
}

// failNthOpen lets the n-th operation that opens something fail, as if too many files were open just then.
func failNthOpen(mem *fs.Mem, n int) (failed func() bool) {
	count := 0
	mem.Inject(func(op fs.Op, name string) error {
		if !opens(op) || !strings.HasPrefix(name, "/data") {
			return nil
		}
		if count++; count == n {
			return syscall.EMFILE
		}
		return nil
	})
	return func() bool {
		mem.Inject(nil)
		return count >= n
	}
}

// A flush needs open files, and there are too many of them for a moment. That is no failure of the disk; and the next flush does everything
// that this one did not come to, so that a loss of power then takes nothing, not even an index.
func TestAFlushThatFindsTooManyFilesOpenIsMadeUpFor(t *testing.T) {
	for n := 1; ; n++ {
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		cfg.Settings = func() Settings { return Settings{MaxOpenFiles: 1, ProducerIDExpiration: forever} }
		cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 300, IndexIntervalBytes: 1} }
		s := openTestStore(t, cfg)
		l := newLogIn(t, s)
		for i := range int32(9) {
			mustAppend(t, l, batchBy(t, 7, 0, i, 1, false))
		}
		unsynced := l.unsynced
		failed := failNthOpen(mem, n)
		err := l.Flush()
		if !failed() {
			if err != nil || n < 15 {
				t.Fatalf("%d files opened, then %v", n-1, err)
			}
			_ = s.Close()
			return
		}
		if offline := s.Dirs()[0].Offline; offline != nil {
			t.Fatalf("too many open files at number %d: the directory is offline: %v", n, offline)
		}
		if !errors.Is(err, syscall.EMFILE) || l.recoveryPoint() != 0 || l.unsynced != unsynced {
			t.Fatalf("too many open files at number %d: %v, recovery point %d, %d bytes count as not synced of %d", n, err, l.recoveryPoint(), l.unsynced, unsynced)
		}
		if err := l.Flush(); err != nil || l.unsynced != 0 {
			t.Fatalf("too many open files at number %d: the next flush: %v, %d bytes not synced", n, err, l.unsynced)
		}
		s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
		left := mem.Crash(nil)
		_ = s.Close() // of a machine that is gone
		var log bytes.Buffer
		cfg.FS, cfg.Logger = left, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		s = openTestStore(t, cfg)
		l, ok := s.Log(testTP)
		if !ok || l.Offsets().LogEnd != 9 || len(l.Producers()) != 1 {
			t.Fatalf("too many open files at number %d: opened %v: %v", n, ok, s.Broken(testTP))
		}
		if log.Len() > 0 {
			t.Fatalf("too many open files at number %d: %s", n, &log)
		}
		_ = s.Close()
	}
}

// So it is with all else that a log and its directory do again later.
func TestTooManyOpenFilesTakeNoDirectoryOffline(t *testing.T) {
	for what, do := range map[string]func(s *Store, l *Log) error{
		"append": func(_ *Store, l *Log) error {
			_, err := l.Append(batchBy(t, 7, 0, 9, 1, false), clientAppend)
			return err
		},
		"retention":  func(_ *Store, l *Log) error { _, err := l.Retain(day0.Add(time.Hour)); return err },
		"write-out":  func(_ *Store, l *Log) error { l.unsnapped = snapshotBytes; return l.writeOut() },
		"checkpoint": func(s *Store, _ *Log) error { s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints); return nil },
		"read":       func(_ *Store, l *Log) error { r, err := l.Read(0, 1000, ReadLogEnd, true); r.Release(); return err },
		"deletion":   func(s *Store, _ *Log) error { return s.Delete(testTP) },
		"close":      func(_ *Store, l *Log) error { return l.close() },
	} {
		t.Run(what, func(t *testing.T) {
			for n := 1; ; n++ {
				mem := fs.NewMem()
				cfg := testStoreConfig(t, mem, "/data")
				cfg.Logger = nil
				cfg.Settings = func() Settings { return Settings{MaxOpenFiles: 1, ProducerIDExpiration: forever} }
				cfg.LogConfig = func(string) LogConfig {
					return LogConfig{SegmentBytes: 300, IndexIntervalBytes: 1, Delete: true, RetentionBytes: 0, RetentionMs: -1}
				}
				s := openTestStore(t, cfg)
				l := newLogIn(t, s)
				for i := range int32(9) {
					mustAppend(t, l, batchBy(t, 7, 0, i, 1, false))
				}
				if err := l.Flush(); err != nil {
					t.Fatal(err)
				}
				l.SetHighWatermark(9)
				failed := failNthOpen(mem, n)
				err := do(s, l)
				ended := !failed()
				if offline := s.Dirs()[0].Offline; offline != nil {
					t.Fatalf("at number %d: the directory is offline: %v", n, offline)
				}
				if err != nil && !errors.Is(err, syscall.EMFILE) {
					t.Fatalf("at number %d: %v", n, err)
				}
				if what != "deletion" && what != "close" {
					if err := do(s, l); err != nil {
						t.Fatalf("at number %d: once more: %v", n, err)
					}
				}
				_ = s.Close()
				if ended {
					return
				}
			}
		})
	}
}

// unreadableEpochs makes a log of several segments whose records were synced, and whose epochs cannot be read any more.
func unreadableEpochs(t *testing.T, cfg StoreConfig, mem *fs.Mem) {
	t.Helper()
	s := openTestStore(t, cfg)
	l := newLogIn(t, s)
	for i := range 12 {
		mustAppend(t, l, batchOf(t, day0.UnixMilli(), fmt.Sprint("v", i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := fs.WriteFile(mem, "/data/orders-3/"+epochFile, []byte("nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// That the epochs have to be looked for in all records does not make what was synced a torn tail: where it is damaged, records that were
// acknowledged must not be cut off without a word.
func TestDamageIsNoTornTailWhereTheEpochsAreLost(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 300, IndexIntervalBytes: 1} }
	unreadableEpochs(t, cfg, mem)
	whole := mem.Kill()
	cfg.FS = whole
	s := openTestStore(t, cfg)
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatal(s.Broken(testTP))
	}
	if got := readAll(t, l, 0, 1<<20, ReadLogEnd); len(got) != 12 || l.EpochOf(0) != 1 || l.LatestEpoch() != 1 {
		t.Errorf("%v, epoch %d", got, l.EpochOf(0))
	}
	_ = s.Close()

	f, err := mem.OpenFile("/data/orders-3/"+offsetName(0, logSuffix), 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{99}, 16); err != nil { // the magic of the first batch
		t.Fatal(err)
	}
	cfg.FS = mem
	s = openTestStore(t, cfg)
	defer s.Close()
	if l, ok := s.Log(testTP); ok {
		t.Errorf("opened, with %+v", l.Offsets())
	} else if err := s.Broken(testTP); !errors.Is(err, ErrCorrupt) {
		t.Errorf("not opened: %v", err)
	}
}
