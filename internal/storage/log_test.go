package storage

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

var testTP = record.TopicPartition{Topic: "orders", Partition: 3}

// day0 is the time at which tests begin.
var day0 = time.UnixMilli(1_700_000_000_000)

// batchOf builds an uncompressed batch of records with the given values, one ms apart from ts on.
func batchOf(t testing.TB, ts int64, values ...string) []byte {
	t.Helper()
	records := make([]record.Record, len(values))
	for i, v := range values {
		records[i] = record.Record{Timestamp: ts + int64(i), Key: []byte("k" + v), Value: []byte(v)}
	}
	b, err := record.AppendBatch(nil, record.NewSpec(), records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openTestLog(t testing.TB, fsys fs.FS, dir string, cfg LogConfig) *Log {
	t.Helper()
	l, err := OpenLog(context.Background(), fsys, dir, testTP, cfg, Settings{ProducerIDExpiration: 1 << 62}, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testLogger(t testing.TB) *slog.Logger {
	w := &testWriter{t: t}
	t.Cleanup(w.end)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// testWriter writes to a test's log while the test runs: a store that a failed test has left open may speak later.
type testWriter struct {
	t     testing.TB
	mu    sync.Mutex
	ended bool
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.t.Logf("%s", p)
	}
	return len(p), nil
}

func (w *testWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

// mustAppend appends a client's batch.
func mustAppend(t testing.TB, l *Log, batch []byte) AppendInfo {
	t.Helper()
	info, err := l.Append(batch, AppendOptions{LeaderEpoch: 1, Now: day0})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// readAll reads from offset to the bound in slices of at most maxBytes and returns "offset=value" of each record.
func readAll(t testing.TB, l *Log, offset int64, maxBytes int, iso Isolation) []string {
	t.Helper()
	var out []string
	for {
		s, err := l.Read(offset, maxBytes, iso, true)
		if err != nil {
			t.Fatal(err)
		}
		if s.Len() == 0 {
			return out
		}
		b := make([]byte, s.Len())
		if _, err := s.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		s.Release()
		for len(b) > 0 {
			batch, rest, err := record.Split(b)
			if err != nil {
				t.Fatalf("read at %d: %v", offset, err)
			}
			if err := batch.Check(); err != nil {
				t.Fatal(err)
			}
			err = batch.Records(0, func(r *record.Record) bool {
				if r.Offset >= offset {
					out = append(out, fmt.Sprintf("%d=%s", r.Offset, r.Value))
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			offset, b = batch.NextOffset(), rest
		}
	}
}

func TestAppendedRecordsAreReadBackAfterCleanAndUncleanStops(t *testing.T) {
	dir := t.TempDir()
	cfg := LogConfig{SegmentBytes: 1000, IndexIntervalBytes: 200}
	l := openTestLog(t, fs.OS, dir, cfg)
	var want []string
	for i := range 100 {
		v := fmt.Sprintf("v%d", i)
		info := mustAppend(t, l, batchOf(t, day0.UnixMilli()+int64(i), v))
		if info.BaseOffset != int64(i) || info.LogEnd != int64(i)+1 {
			t.Fatalf("append %d: %+v", i, info)
		}
		want = append(want, fmt.Sprintf("%d=%s", i, v))
	}
	check := func(l *Log) {
		t.Helper()
		for _, maxBytes := range []int{1, 100, 300, 1 << 20} {
			if got := readAll(t, l, 0, maxBytes, ReadLogEnd); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("max bytes %d: got %v", maxBytes, got)
			}
		}
		for i := range want {
			if got := readAll(t, l, int64(i), 250, ReadLogEnd); fmt.Sprint(got) != fmt.Sprint(want[i:]) {
				t.Fatalf("from %d: got %v", i, got)
			}
		}
	}
	check(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openTestLog(t, fs.OS, dir, cfg)
	check(l)
	// No Close: what was written must be there all the same.
	l2 := openTestLog(t, fs.OS, dir, cfg)
	check(l2)
	if got := l2.Offsets(); got.LogEnd != 100 {
		t.Fatal(got)
	}
}
