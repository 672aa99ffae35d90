package storage

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"leat/internal/fs"
)

// FuzzOpen opens a directory whose files hold anything: an error or a log that can be read from end to end, never a panic and never
// more memory than the files are long.
func FuzzOpen(f *testing.F) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata/kafka-clean/orders-0", name))
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	const base = "00000000000000000153"
	for _, clean := range []bool{true, false} {
		f.Add(clean, read(base+".log"), read(base+".index"), read(base+".timeindex"), read(base+".txnindex"), read("00000000000000000166.snapshot"), read(epochFile))
		f.Add(clean, read("00000000000000000132.log")[:600], read("00000000000000000032.index"), []byte{}, []byte{}, []byte{}, []byte("0\n1\n3 -5\n"))
	}
	f.Fuzz(func(t *testing.T, clean bool, log, index, timeIndex, txnIndex, snapshot, epochs []byte) {
		mem := fs.NewMem()
		if err := mem.MkdirAll("/log", 0o755); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{
			base + ".log": log, base + ".index": index, base + ".timeindex": timeIndex, base + ".txnindex": txnIndex,
			"00000000000000000153.snapshot": snapshot, epochFile: epochs,
		} {
			if err := writeUnsynced(mem, "/log/"+name, b); err != nil {
				t.Fatal(err)
			}
		}
		if clean {
			if err := writeCleanShutdown(mem, "/log", -1); err != nil {
				t.Fatal(err)
			}
		}
		l, err := OpenLog(context.Background(), mem, "/log", testTP, LogConfig{}, Settings{ProducerIDExpiration: 1 << 62}, nil)
		if err != nil {
			return
		}
		o := l.SetHighWatermark(1 << 62)
		for at := o.LogStart; at < o.LogEnd; {
			s, err := l.Read(at, 1000, ReadCommitted, true)
			if err != nil || s.Len() == 0 {
				break
			}
			if s.NextOffset <= at {
				t.Fatalf("read at %d goes on at %d", at, s.NextOffset)
			}
			at = s.NextOffset
			s.Release()
		}
		_, _ = l.OffsetForTimestamp(1700000150000)
		_, _ = l.OffsetForMaxTimestamp()
		if err := l.TruncateTo(155); err == nil {
			if _, err := l.Append(batchOf(t, 1, "x"), clientAppend); err != nil {
				t.Errorf("append after opening and truncating: %v", err)
			}
		}
		_ = l.Close()
	})
}
