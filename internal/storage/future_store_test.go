package storage

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// twoDirStore opens a store with two directories.
func twoDirStore(t *testing.T, fsys fs.FS) *Store {
	t.Helper()
	s, err := Open(context.Background(), StoreConfig{FS: fsys, Dirs: []string{"/a", "/b"}, NodeID: 1, ClusterID: "test-cluster-000000000",
		Settings: func() Settings {
			return Settings{RetentionCheck: time.Hour, FlushCheck: time.Hour, RecoveryPointCheckpoint: time.Hour, LogStartOffsetCheckpoint: time.Hour, InitialTaskDelay: time.Hour,
				RecoveryThreadsPerDir: 1, MaxOpenFiles: 100, ProducerIDExpiration: time.Hour, TransactionMaxTimeout: time.Hour}
		},
		LogConfig: func(string) LogConfig { return LogConfig{SegmentBytes: 1 << 20, Delete: true} }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A crash between the two renames of a move leaves two directories of one partition: the one that was moved in counts, whichever is loaded first.
func TestOfTwoDirectoriesThatACrashLeavesTheMovedOneCounts(t *testing.T) {
	for from, to := range map[string]string{"/a": "/b", "/b": "/a"} {
		t.Run("from "+from, func(t *testing.T) {
			fsys := fs.NewMem()
			s := twoDirStore(t, fsys)
			tp := record.TopicPartition{Topic: "orders"}
			ids := map[string]record.UUID{}
			for _, d := range s.Dirs() {
				ids[d.Path] = d.ID
			}
			l, err := s.Create(tp, record.UUID{15: 9}, ids[from])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Append(batchOf(t, 1, "a", "b"), AppendOptions{}); err != nil {
				t.Fatal(err)
			}
			f, err := s.CreateFuture(tp, ids[to])
			if err != nil {
				t.Fatal(err)
			}
			slice, err := l.Read(0, 1<<20, ReadLogEnd, true)
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, slice.Len())
			_, _ = slice.ReadAt(b, 0)
			slice.Release()
			if _, err := f.AppendFetched(b); err != nil {
				t.Fatal(err)
			}
			s.takeFuture(tp, f)
			moved, err := s.reopenFuture(f) // and then the power fails
			if err != nil {
				t.Fatal(err)
			}
			moved.abandon()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := twoDirStore(t, fsys)
			defer again.Close()
			got, ok := again.Log(tp)
			if !ok || again.Broken(tp) != nil || got.Path() != filepath.Join(to, "orders-0") || got.Offsets().LogEnd != 2 {
				t.Fatalf("%v, %v", ok, again.Broken(tp))
			}
		})
	}
}

// ofOrders is a store with a log of two records in /a, and the id of /b.
func ofOrders(t *testing.T, fsys fs.FS) (s *Store, l *Log, other record.UUID) {
	t.Helper()
	s = twoDirStore(t, fsys)
	ids := map[string]record.UUID{}
	for _, d := range s.Dirs() {
		ids[d.Path] = d.ID
	}
	l, err := s.Create(record.TopicPartition{Topic: "orders"}, record.UUID{15: 9}, ids["/a"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(batchOf(t, 1, "a", "b"), AppendOptions{}); err != nil {
		t.Fatal(err)
	}
	return s, l, ids["/b"]
}

// copyOf makes the future log of a log, with all of its records.
func copyOf(t *testing.T, s *Store, l *Log, dir record.UUID) *Log {
	t.Helper()
	f, err := s.CreateFuture(l.TopicPartition(), dir)
	if err != nil {
		t.Fatal(err)
	}
	slice, err := l.Read(0, 1<<20, ReadLogEnd, true)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, slice.Len())
	_, _ = slice.ReadAt(b, 0)
	slice.Release()
	if _, err := f.AppendFetched(b); err != nil {
		t.Fatal(err)
	}
	return f
}

// Who compared one copy with the log does not put another in its place, which was begun meanwhile and is empty.
func TestOnlyTheCopyThatWasComparedTakesTheLogsPlace(t *testing.T) {
	s, l, other := ofOrders(t, fs.NewMem())
	defer s.Close()
	tp := l.TopicPartition()
	f := copyOf(t, s, l, other)
	if err := s.DropFuture(tp); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateFuture(tp, other); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Promote(f); err == nil {
		t.Error("a copy that was given up was promoted")
	}
	if now, ok := s.Log(tp); !ok || now != l || now.Offsets().LogEnd != 2 {
		t.Errorf("the log was replaced: %v", ok)
	}
}

// A copy whose directory has its new name, but not for sure durably, does not take the log's place; nor does it at the next start, when the log has gone on.
func TestACopyThatFailedInTheMiddleOfItsPromotionDoesNotOutdoTheLog(t *testing.T) {
	fsys := fs.NewMem()
	s, l, other := ofOrders(t, fsys)
	f := copyOf(t, s, l, other)
	renamed := false
	fsys.Inject(func(op fs.Op, name string) error {
		if !strings.HasPrefix(name, "/b") {
			return nil
		}
		if renamed {
			return syscall.EIO
		}
		renamed = op == fs.OpRename && strings.HasSuffix(name, "-future")
		return nil
	})
	if _, err := s.Promote(f); err == nil {
		t.Fatal("promoted")
	}
	fsys.Inject(nil)
	if _, err := l.Append(batchOf(t, 1, "c"), AppendOptions{}); err != nil {
		t.Fatal(err)
	}
	_ = s.Close() // /b is out of service
	again := twoDirStore(t, fsys)
	defer again.Close()
	if got, ok := again.Log(l.TopicPartition()); ok && got.Offsets().LogEnd != 3 {
		t.Errorf("%s is served, which ends at offset %d", got.Path(), got.Offsets().LogEnd)
	}
	if _, err := fsys.Stat("/a/orders-0"); err != nil {
		t.Errorf("the log that was written last: %v", err)
	}
}
