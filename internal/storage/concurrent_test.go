package storage

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// TestReadersSeeWholeBatchesInOrderWhileTheLogChanges runs appends, rolls, retention, flushes and two kinds of readers at once.
func TestReadersSeeWholeBatchesInOrderWhileTheLogChanges(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{SegmentBytes: 4000, IndexIntervalBytes: 300, Delete: true, RetentionBytes: 20000, RetentionMs: -1})
	const appends = 1500
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		defer done.Store(true)
		for i := range appends {
			if info, err := l.Append(batchOf(t, day0.UnixMilli(), fmt.Sprint(i)), clientAppend); err != nil || info.BaseOffset != int64(i) {
				t.Errorf("append %d: %+v, %v", i, info, err)
				return
			}
			if i%3 == 0 {
				l.SetHighWatermark(int64(i))
			}
		}
		l.SetHighWatermark(appends)
	})
	wg.Go(func() {
		for !done.Load() {
			if _, err := l.Retain(day0); err != nil {
				t.Error(err)
			}
			if err := l.Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	for seed := range uint64(2) {
		wg.Go(func() { follow(t, l, appends, rand.New(rand.NewPCG(seed, 0))) })
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// follow consumes up to end as a consumer would, starting over at the log start when its offset is gone.
func follow(t *testing.T, l *Log, end int64, rng *rand.Rand) {
	for at := int64(0); at < end; {
		s, err := l.Read(at, 1+rng.IntN(2000), ReadUncommitted, true)
		if err != nil {
			if start := l.Offsets().LogStart; at < start {
				at = start
				continue
			}
			t.Errorf("read at %d: %v", at, err)
			return
		}
		b := make([]byte, s.Len())
		if s.Len() > 0 {
			if _, err := s.ReadAt(b, 0); err != nil {
				t.Errorf("slice at %d: %v", at, err)
			}
		}
		s.Release()
		for len(b) > 0 {
			batch, rest, err := record.Split(b)
			if err != nil || batch.Check() != nil || batch.BaseOffset() != at {
				t.Errorf("read at %d: %v, base offset %d", at, err, batch.BaseOffset())
				return
			}
			if hw := l.Offsets().HighWatermark; batch.LastOffset() >= hw {
				t.Errorf("offset %d shown, high watermark %d", batch.LastOffset(), hw)
			}
			at, b = batch.NextOffset(), rest
		}
	}
}

func TestSlicesOutliveTheirSegment(t *testing.T) {
	for name, fsys := range map[string]fs.FS{"memory": fs.NewMem(), "system": fs.OS} {
		t.Run(name, func(t *testing.T) {
			l := openTestLog(t, fsys, t.TempDir(), LogConfig{SegmentBytes: 100, Delete: true, RetentionBytes: 0, RetentionMs: -1})
			mustAppend(t, l, batchOf(t, 1, "first"))
			mustAppend(t, l, batchOf(t, 1, "second"))
			l.SetHighWatermark(2)
			s, err := l.Read(0, 1000, ReadUncommitted, true)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := l.Retain(day0); n != 2 || err != nil {
				t.Fatal(n, err)
			}
			b := make([]byte, s.Len())
			if _, err := s.ReadAt(b, 0); err != nil {
				t.Errorf("read of a deleted segment that is held: %v", err)
			}
			if record.Batch(b).Check() != nil {
				t.Error("content changed")
			}
			s.Release()
			if l.files.open > 1 {
				t.Errorf("%d files open", l.files.open)
			}
			if got := l.Offsets(); got != (Offsets{2, 2, 2, 2}) {
				t.Errorf("%+v", got)
			}
			if info := mustAppend(t, l, batchOf(t, 1, "third")); info.BaseOffset != 2 {
				t.Errorf("%+v", info)
			}
		})
	}
}

func TestOpenFilesStayWithinTheirLimit(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Settings = func() Settings { return Settings{MaxOpenFiles: 3} }
	s := openRunningStore(t, cfg)
	defer s.Close()
	var held []Slice
	for p := range int32(10) {
		l, err := s.Create(record.TopicPartition{Topic: "t", Partition: p}, newUUID(), record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batchOf(t, 1, "v"))
		if s.files.open > 3 {
			t.Fatalf("%d files open", s.files.open)
		}
	}
	for l := range s.Logs() {
		slice, err := l.Read(0, 1000, ReadLogEnd, true)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, slice)
	}
	if s.files.open != 10 {
		t.Errorf("%d files open while ten are in use", s.files.open)
	}
	for _, slice := range held {
		slice.Release()
	}
	if s.files.open != 3 {
		t.Errorf("%d files open after use", s.files.open)
	}
}
