package storage

import (
	"path/filepath"
	"testing"

	"leat/internal/fs"
)

// A truncation keeps the entries of the transaction index that lie below it. A damaged entry that only seems to lie above must not go, or
// records of an aborted transaction are read as if committed.
func TestTruncationDoesNotBelieveADamagedTransactionIndex(t *testing.T) {
	mem := fs.NewMem()
	cfg := LogConfig{Delete: true, RetentionMs: -1, IndexIntervalBytes: 1}
	l := openTestLog(t, mem, "/log", cfg)
	for _, b := range [][]byte{producerBatch(t, 0, 0, 2, true), marker(7, 0, false, 0), batchOf(t, 1, "a", "b", "c")} {
		if _, err := l.Append(b, coordinatorAppend); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("/log", offsetName(0, txnIndexSuffix))
	b, err := fs.ReadFile(mem, name)
	if err != nil || len(b) < txnEntrySize {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	b[2+16+7] |= 4 // the last offset, 2, becomes 6
	if err := fs.WriteFile(mem, name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	l = openTestLog(t, mem, "/log", cfg)
	if err := l.TruncateTo(4); err != nil {
		t.Fatal(err)
	}
	l.SetHighWatermark(l.Offsets().LogEnd)
	s, err := l.Read(0, 1<<20, ReadCommitted, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if len(s.Aborted) != 1 {
		t.Errorf("aborted transactions among the records read: %+v", s.Aborted)
	}
}
