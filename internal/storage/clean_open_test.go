package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// restarted closes a store with one log of two batches and opens it again; between is done to the files meanwhile.
func restarted(t *testing.T, mem *fs.Mem, between func()) (*Store, *Log) {
	t.Helper()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 1000, IndexIntervalBytes: 1} }
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1000, "a", "b"))
	mustAppend(t, l, batchOf(t, 3000, "c"))
	l.SetHighWatermark(3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if between != nil {
		between()
	}
	s = openTestStore(t, cfg)
	t.Cleanup(func() { s.Close() })
	if l, _ = s.Log(testTP); l == nil {
		t.Fatal(s.Broken(testTP))
	}
	return s, l
}

func TestAfterACleanStopNoRecordIsReadUntilTheFirstAppend(t *testing.T) {
	mem := fs.NewMem()
	var opened []string
	_, l := restarted(t, mem, func() {
		mem.Inject(func(op fs.Op, name string) error {
			if op == fs.OpOpen {
				opened = append(opened, name[strings.LastIndexByte(name, '/')+1:])
			}
			return nil
		})
	})
	for _, name := range opened {
		if strings.HasSuffix(name, logSuffix) || strings.HasSuffix(name, indexSuffix) || strings.HasSuffix(name, snapshotSuffix) {
			t.Errorf("%s was opened; all: %q", name, opened)
		}
	}
	if got := l.Offsets(); got != (Offsets{0, 3, 3, 3}) {
		t.Errorf("offsets %+v", got)
	}
	if got, err := l.OffsetForMaxTimestamp(); err != nil || got.Timestamp != 3000 || got.Offset != 2 {
		t.Errorf("greatest timestamp: %+v, %v", got, err)
	}
	// An older record does not move the greatest timestamp, whether the tail was known or not.
	if info := mustAppend(t, l, batchOf(t, 2000, "d")); info.BaseOffset != 3 {
		t.Errorf("appended at %d", info.BaseOffset)
	}
	if got, err := l.OffsetForMaxTimestamp(); err != nil || got.Timestamp != 3000 || got.Offset != 2 {
		t.Errorf("greatest timestamp after an older record: %+v, %v", got, err)
	}
	if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != "[0=a 1=b 2=c 3=d]" {
		t.Errorf("records %s", got)
	}
}

func TestAnUnreadTailCanBeTruncatedRolledAndClosed(t *testing.T) {
	for name, use := range map[string]func(*testing.T, *Log){
		"truncate": func(t *testing.T, l *Log) {
			if err := l.TruncateTo(2); err != nil {
				t.Fatal(err)
			}
		},
		"roll": func(t *testing.T, l *Log) {
			l.writeMu.Lock()
			defer l.writeMu.Unlock()
			if err := l.roll(3, l.cfg.Load(), time.Now()); err != nil {
				t.Fatal(err)
			}
		},
		"nothing": func(*testing.T, *Log) {},
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			s, l := restarted(t, mem, nil)
			use(t, l)
			end := l.Offsets().LogEnd
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTestStore(t, testStoreConfig(t, mem, "/data"))
			defer s.Close()
			l, _ = s.Log(testTP)
			mustAppend(t, l, batchOf(t, 4000, "d"))
			want := []string{"0=a", "1=b", "2=c"}[:end]
			if got := readAll(t, l, 0, 1<<20, ReadLogEnd); fmt.Sprint(got) != fmt.Sprint(append(want, fmt.Sprintf("%d=d", end))) {
				t.Errorf("records %s", got)
			}
			if got, err := l.OffsetForTimestamp(3500); err != nil || got.Offset != end {
				t.Errorf("found by time: %+v, %v", got, err)
			}
		})
	}
}

func TestALogThatWasChangedWhileStoppedTakesNoAppends(t *testing.T) {
	mem := fs.NewMem()
	_, l := restarted(t, mem, func() {
		f, err := mem.OpenFile("/data/orders-3/"+offsetName(0, logSuffix), 2, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		size := int64(record.Batch(batchOf(t, 1000, "a", "b")).Size())
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := l.Append(batchOf(t, 1, "d"), clientAppend); !errors.Is(err, ErrCorrupt) {
		t.Errorf("append behind a gap: %v", err)
	}
}

func TestProducersAreKnownAfterACleanStop(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: 1 << 62} } // the batches are old
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, producerBatch(t, 0, 0, 1, false))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, cfg)
	defer s.Close()
	l, _ = s.Log(testTP)
	if info := mustAppend(t, l, producerBatch(t, 0, 0, 1, false)); !info.Duplicate {
		t.Errorf("a repeated batch was taken for a new one: %+v", info)
	}
}

func TestAnUncleanStartTellsWhatItRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		s := openTestStore(t, cfg)
		for p := range int32(3) {
			l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: p}, newUUID(), record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batchOf(t, 1, "a"))
		}
		left := mem.Kill()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		cfg.FS, cfg.Logger = left, slog.New(slog.NewTextHandler(&log, nil))
		cfg.Settings = func() Settings { return Settings{RecoveryThreadsPerDir: 1} }
		left.InjectFreely(func(op fs.Op, name string) error {
			if op == fs.OpOpen && strings.HasSuffix(name, logSuffix) {
				time.Sleep(4 * time.Second) // a slow disk
			}
			return nil
		})
		s, err := Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, line := range []string{
			`level=INFO msg="recovering logs" dir=/data done=1 count=3 duration=5s`,
			`level=INFO msg="recovering logs" dir=/data done=2 count=3 duration=10s`,
			`level=INFO msg="logs recovered after an unclean stop" dir=/data count=3 duration=12s`,
		} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("not told: %s\n%s", line, &log)
			}
		}
	})
}

// BenchmarkCleanOpen opens 1,000 logs with one batch each after a clean stop.
func BenchmarkCleanOpen(b *testing.B) {
	cfg := testStoreConfig(b, fs.OS, b.TempDir())
	cfg.Logger = nil
	s := openTestStore(b, cfg)
	for p := range int32(1000) {
		l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: p}, record.UUID{1}, record.UUID{})
		if err != nil {
			b.Fatal(err)
		}
		mustAppend(b, l, batchOf(b, 1, "a"))
		if err := l.AssignEpoch(1); err != nil {
			b.Fatal(err)
		}
	}
	dir := s.dirs[0].path
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := openTestStore(b, cfg)
		b.StopTimer()
		s.tasks.stop()
		s.unlock()
		if err := writeCleanShutdown(fs.OS, dir, -1); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
