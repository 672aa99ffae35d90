package pages

import (
	"path/filepath"
	"testing"
)

func TestFillStopsWhenMemoryIsTaken(t *testing.T) {
	b, err := Open(filepath.Join(t.TempDir(), "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	// Each look finds one step less.
	left := int64(full + 2*step)
	b.free = func() (int64, error) {
		left -= step
		return left + step, nil
	}
	if err := b.Fill(); err != nil {
		t.Fatal(err)
	}
	info, err := b.f.Stat()
	if err != nil || info.Size() != 2*step || b.head != 2*step {
		t.Errorf("%d bytes were taken, the file has %d, %v; want %d", b.head, info.Size(), err, 2*step)
	}
}

func TestFreeMemoryIsRead(t *testing.T) {
	got, err := parseFree("MemTotal:  100 kB\nMemFree:    3 kB\n")
	if err != nil || got != 3072 {
		t.Errorf("%d, %v; want 3072", got, err)
	}
	if _, err := parseFree("MemTotal: 100 kB\n"); err == nil {
		t.Error("no MemFree, no error")
	}
}
