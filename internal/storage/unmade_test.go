package storage

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

func newLogIn(t *testing.T, s *Store) *Log {
	t.Helper()
	l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestALogWithoutRecordsIsNotOnDisk(t *testing.T) {
	mem := fs.NewMem()
	s := openTestStore(t, testStoreConfig(t, mem, "/data"))
	var touched []string
	mem.Inject(func(op fs.Op, name string) error {
		if strings.Contains(name, "orders") && op != fs.OpStat {
			touched = append(touched, string(op)+" "+name)
		}
		return nil
	})
	l := newLogIn(t, s)
	if err := l.AssignEpoch(4); err != nil {
		t.Fatal(err)
	}
	if err := l.AssignEpoch(5); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Retain(clientAppend.Now); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if got, err := l.OffsetForMaxTimestamp(); err != nil || got.Offset != -1 {
		t.Errorf("greatest timestamp: %+v, %v", got, err)
	}
	if got := readAll(t, l, 0, 100, ReadLogEnd); len(got) != 0 {
		t.Errorf("records %v", got)
	}
	if err := l.TruncateTo(0); err != nil {
		t.Fatal(err)
	}
	if err := s.dirs[0].checkpointAll(); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(testTP); err != nil {
		t.Fatal(err)
	}
	newLogIn(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(touched) > 0 {
		t.Errorf("touched %q", touched)
	}
	points, err := fs.ReadFile(mem, "/data/"+recoveryPointFile)
	if err != nil || string(points) != "0\n0\n" {
		t.Errorf("recovery points %q, %v", points, err)
	}
}

func TestTheFirstAppendPutsTheLogOnDisk(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	l := newLogIn(t, s)
	if err := l.AssignEpoch(7); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "a"))
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	left := mem.Crash(nil)
	_ = s.Close() // of a machine that is gone
	cfg.FS = left
	s = openTestStore(t, cfg)
	defer s.Close()
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatal("the log is not there: ", s.Broken(testTP))
	}
	if got := fmt.Sprint(readAll(t, l, 0, 100, ReadLogEnd)); got != "[0=a]" || l.TopicID() != (record.UUID{1}) {
		t.Errorf("records %s of topic id %s", got, l.TopicID())
	}
}

func TestALogThatCannotBePutOnDiskLeavesNothingThere(t *testing.T) {
	mem := fs.NewMem()
	s := openTestStore(t, testStoreConfig(t, mem, "/data"))
	defer s.Close()
	l := newLogIn(t, s)
	for _, part := range []string{"/orders-3", partitionMetaFile, logSuffix} {
		mem.Inject(func(op fs.Op, name string) error {
			if (op == fs.OpCreate || op == fs.OpMkdir) && strings.HasSuffix(name, part) {
				return syscall.ENOSPC
			}
			return nil
		})
		if _, err := l.Append(batchOf(t, 1, "a"), clientAppend); !IsFull(err) {
			t.Errorf("%s: append: %v", part, err)
		}
		mem.Inject(nil)
		if _, err := mem.Stat("/data/orders-3"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a directory was left: %v", part, err)
		}
	}
	mustAppend(t, l, batchOf(t, 1, "a"))
	if got := fmt.Sprint(readAll(t, l, 0, 100, ReadLogEnd)); got != "[0=a]" {
		t.Errorf("records %s", got)
	}
}

func TestWithSeveralDirectoriesALogIsOnDiskAtOnce(t *testing.T) {
	mem := fs.NewMem()
	s := openTestStore(t, testStoreConfig(t, mem, "/a", "/b"))
	defer s.Close()
	l := newLogIn(t, s)
	if _, err := mem.Stat(l.Path() + "/" + offsetName(0, logSuffix)); err != nil {
		t.Error(err)
	}
}

func TestALogBegunAnewElsewhereIsPutOnDisk(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	l := newLogIn(t, s)
	if err := l.TruncateFullyAndStartAt(40); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, cfg)
	defer s.Close()
	if l, _ = s.Log(testTP); l == nil || l.Offsets() != (Offsets{40, 40, 40, 40}) {
		t.Errorf("%+v", l)
	}
}
