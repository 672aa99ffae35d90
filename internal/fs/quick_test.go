package fs_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"leat/internal/fs"
)

func openForQuick(t *testing.T) fs.File {
	t.Helper()
	f, err := fs.OS.OpenFile(filepath.Join(t.TempDir(), "a"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestQuickCallsReadWhatTheyWrote(t *testing.T) {
	f := openForQuick(t)
	want := bytes.Repeat([]byte("0123456789"), 1000)
	for at := 0; at < len(want); at += 1000 {
		if n, err := fs.WriteQuickly(f, want[at:at+1000], int64(at)); n != 1000 || err != nil {
			t.Fatalf("write at %d: %d, %v", at, n, err)
		}
	}
	got := make([]byte, len(want))
	if n, err := fs.ReadQuickly(f, got, 0); n != len(want) || err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read: %d, %v, the same: %v", n, err, bytes.Equal(got, want))
	}
	if n, err := fs.ReadQuickly(f, got, 5); n != len(want)-5 || err == nil {
		t.Fatalf("read beyond the end: %d, %v, want %d and an error", n, err, len(want)-5)
	}
	if n, err := fs.WriteQuickly(f, nil, 5); n != 0 || err != nil {
		t.Fatalf("write of nothing: %d, %v", n, err)
	}
}

func TestQuickWriteNamesTheFileThatFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := fs.OS.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = fs.WriteQuickly(f, []byte("x"), 0)
	var pathErr *os.PathError
	if !errors.As(err, &pathErr) || pathErr.Path != name || !errors.Is(err, syscall.EBADF) {
		t.Fatalf("write to a file that is open for reading: %v, want a path error about %s", err, name)
	}
}

func TestQuickCallsDoNotAllocate(t *testing.T) {
	f := openForQuick(t)
	p := make([]byte, 1000)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := fs.WriteQuickly(f, p, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := fs.ReadQuickly(f, p, 0); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations, want none", allocs)
	}
}
