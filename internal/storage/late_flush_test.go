package storage

import (
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// A flush that comes to a segment just when retention takes it away finds no file, which is no failure of the disk.
func TestRetentionDuringAFlushIsNoFailureOfTheDirectory(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Settings = func() Settings { return Settings{MaxOpenFiles: 1} }
	cfg.LogConfig = func(string) LogConfig {
		return LogConfig{SegmentBytes: 100, Delete: true, RetentionMs: -1, RetentionBytes: 1}
	}
	s := openTestStore(t, cfg)
	defer s.Close()
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	l.flushMu.Lock() // so that the flushes that the rolls ask for wait
	for range 3 {
		mustAppend(t, l, batchOf(t, 1, "a"))
	}
	l.SetHighWatermark(3)
	begun := false
	mem.InjectFreely(func(op fs.Op, name string) error {
		if op == fs.OpOpen && name == "/data/orders-3/00000000000000000000.log" && !begun {
			begun = true
			if n, err := l.Retain(day0); n == 0 || err != nil {
				t.Errorf("%d segments deleted: %v", n, err)
			}
		}
		return nil
	})
	err = l.flushLocked(3)
	mem.Inject(nil)
	l.flushMu.Unlock()
	if err != nil || !begun {
		t.Errorf("flush, with retention meanwhile %v: %v", begun, err)
	}
	if err := s.Dirs()[0].Offline; err != nil {
		t.Errorf("the directory went offline: %v", err)
	}
}
