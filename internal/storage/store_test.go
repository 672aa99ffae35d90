package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

func testStoreConfig(t testing.TB, fsys fs.FS, dirs ...string) StoreConfig {
	return StoreConfig{FS: fsys, Dirs: dirs, NodeID: 1, ClusterID: "Some-Cluster_Id", Logger: testLogger(t)}
}

// openTestStore opens a store in which nothing happens by itself: no scheduler runs, and the syncs that rolls ask for are left to the next
// flush. So all is done by the test's own calls, and the n-th operation on files is the same one in every run.
func openTestStore(t testing.TB, cfg StoreConfig) *Store {
	t.Helper()
	s, err := open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.tasks.mu.Lock()
	s.tasks.initLocked()
	s.tasks.mu.Unlock()
	s.tasks.store = s
	for _, d := range s.dirs {
		d.syncs.stop()
	}
	return s
}

// openRunningStore opens a store that works as in a node, for tests of what it does by itself. Where that has its time, it belongs into a
// bubble of synctest.
func openRunningStore(t testing.TB, cfg StoreConfig) *Store {
	t.Helper()
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreFindsItsLogsAgain(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	cfg := testStoreConfig(t, fs.OS, a, b)
	s := openTestStore(t, cfg)
	id := newUUID()
	for p := range int32(4) {
		l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: p}, id, record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batchOf(t, day0.UnixMilli(), "a", "b"))
		l.SetHighWatermark(1)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{a, b} {
		entries, _ := filepath.Glob(dir + "/orders-*")
		if len(entries) != 2 {
			t.Errorf("%s holds %v, expected two logs", dir, entries)
		}
	}

	cfg.ClusterID = ""
	s = openTestStore(t, cfg)
	defer s.Close()
	if s.ClusterID() != "Some-Cluster_Id" {
		t.Errorf("cluster id %q", s.ClusterID())
	}
	for p := range int32(4) {
		l, ok := s.Log(record.TopicPartition{Topic: "orders", Partition: p})
		if !ok {
			t.Fatalf("partition %d is gone", p)
		}
		if got := l.Offsets(); got != (Offsets{0, 1, 1, 2}) || l.TopicID() != id {
			t.Errorf("partition %d: %+v, topic id %s", p, got, l.TopicID())
		}
		if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadUncommitted)); got != "[]" {
			t.Errorf("partition %d: %s: the batch reaches above the high watermark", p, got)
		}
	}
	if _, err := s.Create(record.TopicPartition{Topic: "orders", Partition: 0}, newUUID(), record.UUID{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another topic id: %v", err)
	}
}

func TestStoreRefusesLockedAndForeignDirectories(t *testing.T) {
	dir := t.TempDir()
	cfg := testStoreConfig(t, fs.OS, dir)
	s := openTestStore(t, cfg)
	if _, err := Open(context.Background(), cfg); !errors.Is(err, ErrDirLocked) {
		t.Errorf("second open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.ClusterID = "another"
	if _, err := Open(context.Background(), other); !errors.Is(err, ErrForeignDir) {
		t.Errorf("other cluster: %v", err)
	}
	other = cfg
	other.NodeID = 2
	if _, err := Open(context.Background(), other); !errors.Is(err, ErrForeignDir) {
		t.Errorf("other node: %v", err)
	}
	cluster, node, ok, err := ReadClusterID(fs.OS, []string{filepath.Join(dir, "missing"), dir})
	if cluster != "Some-Cluster_Id" || node != 1 || !ok || err != nil {
		t.Errorf("got %q, %d, %v, %v", cluster, node, ok, err)
	}
	if _, err := os.Stat(filepath.Join(dir, cleanShutdownFile)); err != nil {
		t.Errorf("no clean shutdown marker after refusals: %v", err)
	}
}

func TestAPartitionMadeAnewIsNotTakenForItsPredecessor(t *testing.T) {
	for name, forget := range map[string]func(t *testing.T, mem *fs.Mem, cfg StoreConfig, s *Store) *Store{
		"deleted": func(t *testing.T, mem *fs.Mem, cfg StoreConfig, s *Store) *Store {
			if err := s.Delete(testTP); err != nil {
				t.Fatal(err)
			}
			return s
		},
		"directory removed by hand": func(t *testing.T, mem *fs.Mem, cfg StoreConfig, s *Store) *Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := mem.RemoveAll("/data/orders-3"); err != nil {
				t.Fatal(err)
			}
			return openTestStore(t, cfg)
		},
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			cfg := testStoreConfig(t, mem, "/data")
			s := openTestStore(t, cfg)
			l, err := s.Create(testTP, newUUID(), record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				mustAppend(t, l, batchOf(t, 1, "old"))
			}
			l.SetHighWatermark(10)
			if err := l.AdvanceLogStart(5); err != nil {
				t.Fatal(err)
			}
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			if err := s.dirs[0].checkpointAll(); err != nil {
				t.Fatal(err)
			}
			s = forget(t, mem, cfg, s)
			if l, err = s.Create(testTP, newUUID(), record.UUID{}); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batchOf(t, 1, "new"))
			cfg.FS = mem.Kill()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTestStore(t, cfg)
			defer s.Close()
			l, ok := s.Log(testTP)
			if !ok {
				t.Fatal(s.Broken(testTP))
			}
			if got := l.Offsets(); got != (Offsets{0, 0, 0, 1}) {
				t.Errorf("%+v", got)
			}
		})
	}
}
