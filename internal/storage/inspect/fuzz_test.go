package inspect

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzFiles reads bytes as a segment and as both kinds of index.
func FuzzFiles(f *testing.F) {
	for _, name := range []string{"00000000000000000132.log", "00000000000000000153.log", "00000000000000000032.index", "00000000000000000032.timeindex"} {
		b, err := os.ReadFile(filepath.Join(recorded, "kafka-clean", "orders-0", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 600)])
	}
	// A message of magic 1, not compressed, with key and value.
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x18\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01k\x00\x00\x00\x01v"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size := bytes.NewReader(b), int64(len(b))
		walk, end := NewWalk(r, 0, size), int64(0)
		for {
			e, err := walk.Next()
			if err != nil {
				break
			}
			if e.Position != end || e.Size <= 0 || e.Position+e.Size > size {
				t.Fatalf("batch at %d of %d bytes after %d, in %d", e.Position, e.Size, end, size)
			}
			end = e.Position + e.Size
			if _, _, err := walk.CRC(e); err != nil {
				t.Fatal(err)
			}
			_ = walk.Rows(e, func(*Row) error { return nil })
		}
		_ = OffsetEntries(r, size, 7, func(OffsetEntry) error { return nil })
		_ = TimeEntries(r, size, 7, func(TimeEntry) error { return nil })
	})
}
