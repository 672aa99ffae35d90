package storage

import (
	"context"
	"log/slog"
	"path/filepath"
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
			s.takeFuture(tp)
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
