package storage

import (
	"bytes"
	"io"
	"os"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// TestBatchesThatOutgrowTheCleanersBufferAreReadWhole: also when they begin in it.
func TestBatchesThatOutgrowTheCleanersBufferAreReadWhole(t *testing.T) {
	mem := fs.NewMem()
	f, err := mem.OpenFile("/segment", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	var sizes []int
	for i, size := range []int{100, 3000, 100, 9000, 20} {
		b := record.Batch(batchOf(t, 1, string(bytes.Repeat([]byte{'a' + byte(i)}, size))))
		b.SetBaseOffset(int64(i))
		all, sizes = append(all, b...), append(sizes, len(b))
	}
	if _, err := f.WriteAt(all, 0); err != nil {
		t.Fatal(err)
	}
	r := batchReader{buf: make([]byte, 1000), read: func(int64) error { return nil }}
	r.open(nil, f, 0, int64(len(all)))
	at := 0
	for i, size := range sizes {
		_, b, err := r.next()
		if err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		if !bytes.Equal(b, all[at:at+size]) {
			t.Errorf("batch %d differs from what was written", i)
		}
		at += size
	}
	if _, _, err := r.next(); err != io.EOF {
		t.Error(err)
	}
}
