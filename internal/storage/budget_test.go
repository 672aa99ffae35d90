package storage

import (
	"runtime"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// What a log costs in memory that nobody writes to: before its first record, with one record, and after a clean stop.
func TestIdleLogsAreSmall(t *testing.T) {
	const n, unmade, written, opened = 300, 1250, 1500, 1450
	cfg := testStoreConfig(t, fs.OS, t.TempDir())
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: forever, MaxOpenFiles: 16} }
	live := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	check := func(what string, before int64, budget int64) {
		t.Helper()
		each := (live() - before) / n
		t.Logf("%s: %d bytes each", what, each)
		if each > budget {
			t.Errorf("%s: %d bytes each, want at most %d", what, each, budget)
		}
	}
	s := openRunningStore(t, cfg)
	before := live()
	batch := producerBatch(t, 0, 0, 1, false)
	var logs []*Log
	for p := range int32(n) {
		l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: p}, record.UUID{1}, record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		l.Configure(LogConfig{SegmentBytes: 1 << 30})
		if err := l.AssignEpoch(1); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	check("no record yet", before, unmade)
	for _, l := range logs {
		mustAppend(t, l, append([]byte(nil), batch...))
	}
	check("one record", before, written)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before = live()
	s = openRunningStore(t, cfg)
	check("after a clean stop", before, opened)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(s)
}
