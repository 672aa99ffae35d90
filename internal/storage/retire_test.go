package storage

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

func TestASetAsideLogKeepsItsRecordsAndFreesItsName(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	old, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, old, batchOf(t, 1, "old", "older"))
	if err := s.SetAside(testTP); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Append(batchOf(t, 1, "late"), clientAppend); !isClosed(err) {
		t.Errorf("append to a log that was set aside: %v", err)
	}
	if err := s.SetAside(testTP); err == nil {
		t.Error("the log was set aside twice")
	}
	fresh, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, fresh, batchOf(t, 1, "new"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s = openTestStore(t, cfg)
	defer s.Close()
	if l, ok := s.Log(testTP); !ok || l.Offsets().LogEnd != 1 {
		t.Errorf("the new log did not come back: %v", s.Broken(testTP))
	}
	var strays []string
	entries, err := mem.ReadDir("/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), testTP.String()+".") {
			strays = append(strays, e.Name())
		}
	}
	if want := len(testTP.String()) + len(".0123456789abcdef0123456789abcdef-stray"); len(strays) != 1 || len(strays[0]) != want || !strings.HasSuffix(strays[0], "-stray") {
		t.Fatalf("directories set aside: %q", strays)
	}
	if n := strings.Count(log.String(), strays[0]); n != 1 {
		t.Errorf("the stray is named %d times in the log:\n%s", n, &log)
	}
	stray := openTestLog(t, mem, "/data/"+strays[0], LogConfig{})
	defer stray.Close()
	if o := stray.Offsets(); o.LogEnd != 2 {
		t.Errorf("offsets of the stray: %+v", o)
	}
}

func TestNewLogsGoWhereTheFewestAre(t *testing.T) {
	s := openTestStore(t, testStoreConfig(t, fs.NewMem(), "/a", "/b"))
	defer s.Close()
	in := func(p int32) string {
		l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: p}, record.UUID{1}, record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		return l.Path()[:2]
	}
	if got := in(0) + in(1) + in(2) + in(3); got != "/a/b/a/b" {
		t.Fatalf("directories %s", got)
	}
	for _, p := range []int32{1, 3} {
		if err := s.Delete(record.TopicPartition{Topic: "orders", Partition: p}); err != nil {
			t.Fatal(err)
		}
	}
	if got := in(4) + in(5) + in(6); got != "/b/b/a" {
		t.Fatalf("directories after two deletions %s", got)
	}
}
