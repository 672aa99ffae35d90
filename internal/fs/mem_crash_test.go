package fs_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"leat/internal/fs"
)

// disk is a Mem with shorthands that fail the test.
type disk struct {
	*fs.Mem
	t *testing.T
}

func newDisk(t *testing.T) disk { return disk{fs.NewMem(), t} }

func (d disk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) create(name string) fs.File {
	d.t.Helper()
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	d.ok(err)
	return f
}

func (d disk) write(f fs.File, content string) {
	d.t.Helper()
	_, err := f.Write([]byte(content))
	d.ok(err)
}

// has wants a file with the content; "-" for none.
func (d disk) has(fsys fs.FS, name, want string) {
	d.t.Helper()
	got, err := fs.ReadFile(fsys, name)
	if errors.Is(err, os.ErrNotExist) {
		got, err = []byte("-"), nil
	}
	if err != nil || string(got) != want {
		d.t.Fatalf("%s has %q, %v; want %q", name, got, err, want)
	}
}

func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	d := newDisk(t)
	f := d.create("/a")
	d.write(f, "synced")
	d.has(d.Crash(nil), "/a", "-") // not even the name
	d.ok(d.SyncDir("/"))
	d.has(d.Crash(nil), "/a", "")
	d.ok(f.Sync())
	d.has(d.Crash(nil), "/a", "synced")
	d.write(f, " not")
	d.has(d.Crash(nil), "/a", "synced")
	_, err := f.WriteAt([]byte("SYN"), 0)
	d.ok(err)
	d.has(d.Crash(nil), "/a", "synced")
	d.ok(f.Truncate(3))
	d.has(d.Crash(nil), "/a", "synced")
	d.has(d, "/a", "SYN")
	d.ok(f.Sync())
	d.has(d.Crash(nil), "/a", "SYN")
}

func TestCrashUndoesNamesOfUnsyncedDirectories(t *testing.T) {
	d := newDisk(t)
	d.ok(d.MkdirAll("/d", 0o755))
	d.ok(d.SyncDir("/"))
	d.ok(fs.WriteFile(d, "/d/a", []byte("old"), 0o644))
	f := d.create("/d/b")
	d.write(f, "new")
	d.ok(f.Sync())
	d.ok(d.Rename("/d/b", "/d/a"))
	d.has(d, "/d/a", "new")
	d.has(d.Crash(nil), "/d/a", "old")
	d.has(d.Crash(nil), "/d/b", "-")
	d.ok(d.SyncDir("/d"))
	d.has(d.Crash(nil), "/d/a", "new")
	d.ok(d.RemoveAll("/d"))
	d.has(d.Crash(nil), "/d/a", "new")
	d.ok(d.SyncDir("/"))
	d.has(d.Crash(nil), "/d/a", "-")
}

func TestKillKeepsWhatWasWrittenAndFreesLocks(t *testing.T) {
	d := newDisk(t)
	f := d.create("/a")
	d.write(f, "written")
	_, err := d.Lock("/lock")
	d.ok(err)
	next := d.Kill()
	d.write(f, " later")
	d.has(next, "/a", "written")
	if _, err := next.Lock("/lock"); err != nil {
		t.Fatalf("the lock of a killed process: %v", err)
	}
	d.has(next.Crash(nil), "/a", "-") // still nothing was synced
	d.ok(next.SyncDir("/"))
	d.has(next.Crash(nil), "/a", "")
}

func TestWhatACrashLeftIsIndependent(t *testing.T) {
	d := newDisk(t)
	f := d.create("/a")
	d.write(f, "one")
	d.ok(f.Sync())
	d.ok(d.SyncDir("/"))
	left := disk{d.Crash(nil), t}
	_, err := f.WriteAt([]byte("two"), 0)
	d.ok(err)
	left.has(left, "/a", "one")
	_, err = left.create("/a").WriteAt([]byte("six"), 0)
	d.ok(err)
	d.has(d, "/a", "two")
	left.has(left.Crash(nil), "/a", "one")
}

// A crash with chance leaves each page as it is or as it was, and a size in between, and the same for the same seed.
func TestSyncAllKeepsEverythingBelowADirectory(t *testing.T) {
	d := newDisk(t)
	d.ok(d.MkdirAll("/d/e", 0o755))
	d.ok(d.SyncDir("/"))
	d.write(d.create("/d/a"), "one")
	f := d.create("/d/e/b")
	d.write(f, "two")
	d.write(d.create("/beside"), "three")
	broken := errors.New("broken")
	d.Inject(func(op fs.Op, _ string) error {
		if op == fs.OpSyncAll {
			return broken
		}
		return nil
	})
	if err := d.SyncAll("/d"); !errors.Is(err, broken) {
		t.Fatalf("SyncAll = %v, want the injected error", err)
	}
	d.has(d.Crash(nil), "/d/a", "-")
	d.Inject(nil)
	d.ok(d.SyncAll("/d"))
	d.write(f, " and more")
	left := d.Crash(nil)
	d.has(left, "/d/a", "one")
	d.has(left, "/d/e/b", "two")
	d.has(left, "/beside", "-")
}

func TestCrashByChanceMixesOldAndNew(t *testing.T) {
	d := newDisk(t)
	f := d.create("/a")
	const page, pages = 4096, 8
	d.write(f, string(bytes.Repeat([]byte{1}, pages*page)))
	d.ok(f.Sync())
	d.ok(d.SyncDir("/"))
	_, err := f.WriteAt(bytes.Repeat([]byte{2}, (pages+4)*page), 0)
	d.ok(err)
	kept, lost, torn := false, false, false
	for seed := range uint64(50) {
		data, err := fs.ReadFile(d.Crash(rand.New(rand.NewPCG(seed, 0))), "/a")
		d.ok(err)
		again, err := fs.ReadFile(d.Crash(rand.New(rand.NewPCG(seed, 0))), "/a")
		d.ok(err)
		if !bytes.Equal(data, again) {
			t.Fatalf("seed %d gives two outcomes", seed)
		}
		if len(data) < pages*page || len(data) > (pages+4)*page {
			t.Fatalf("seed %d leaves %d bytes", seed, len(data))
		}
		torn = torn || len(data)%page != 0
		for i, v := range data {
			if old := i < pages*page; v != 2 && old != (v == 1) {
				t.Fatalf("seed %d: byte %d is %d", seed, i, v)
			}
			kept, lost = kept || v == 2, lost || v != 2
		}
	}
	if !kept || !lost || !torn {
		t.Fatalf("50 crashes: a page kept %t, a page lost %t, a size torn %t", kept, lost, torn)
	}
}

// The changes of directories reach the disk in order: a rename is never seen without the creation before it, nor half.
func TestCrashByChanceKeepsTheOrderOfNames(t *testing.T) {
	d := newDisk(t)
	d.ok(d.MkdirAll("/d", 0o755))
	d.ok(d.MkdirAll("/e", 0o755))
	d.ok(d.SyncDir("/"))
	d.create("/d/a")
	d.ok(d.Rename("/d/a", "/e/b"))
	d.create("/d/c")
	seen := map[string]int{}
	for seed := range uint64(100) {
		left := d.Crash(rand.New(rand.NewPCG(seed, 1)))
		state := ""
		for _, name := range []string{"/d/a", "/e/b", "/d/c"} {
			if _, err := left.Stat(name); err == nil {
				state += name
			}
		}
		seen[state]++
	}
	for _, want := range []string{"", "/d/a", "/e/b", "/e/b/d/c"} {
		if seen[want] == 0 {
			t.Errorf("never saw %q: %v", want, seen)
		}
		delete(seen, want)
	}
	if len(seen) > 0 {
		t.Errorf("impossible outcomes: %v", seen)
	}
}

func TestAFullDiskTakesWhatFits(t *testing.T) {
	d := newDisk(t)
	d.SetCapacity(3 * 4096)
	f := d.create("/a")
	d.write(f, string(make([]byte, 5000)))
	n, err := f.Write(make([]byte, 10_000))
	if n != 3*4096-5000 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Write = %d, %v", n, err)
	}
	if size, _ := f.Size(); size != 3*4096 {
		t.Fatalf("size %d", size)
	}
	total, available, err := d.Usage("/")
	if total != 3*4096 || available != 0 || err != nil {
		t.Fatalf("Usage = %d, %d, %v", total, available, err)
	}
	_, err = f.WriteAt([]byte("x"), 0) // needs no new space
	d.ok(err)
	if err := fs.WriteFile(d, "/b", []byte("x"), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("WriteFile = %v", err)
	}
	d.has(d, "/b", "-")
	d.has(d, "/b.tmp", "-")
	d.ok(d.Remove("/a"))
	if _, available, _ = d.Usage("/"); available != 0 {
		t.Fatalf("a removed file that is open gave back %d bytes", available)
	}
	d.ok(f.Close())
	if _, available, _ = d.Usage("/"); available != 3*4096 {
		t.Fatalf("available %d after the last close", available)
	}
	d.ok(fs.WriteFile(d, "/b", []byte("x"), 0o644))
}

func TestInjectedErrorsNameOperationAndFile(t *testing.T) {
	d := newDisk(t)
	broken := errors.New("broken")
	f := d.create("/a")
	d.Inject(func(op fs.Op, name string) error {
		if op == fs.OpWrite {
			return &fs.ShortWrite{N: 2, Err: broken}
		}
		return nil
	})
	n, err := f.Write([]byte("abcd"))
	var pathErr *os.PathError
	if n != 2 || !errors.Is(err, broken) || !errors.As(err, &pathErr) || pathErr.Op != "write" || pathErr.Path != "/a" {
		t.Fatalf("Write = %d, %v", n, err)
	}
	d.has(d, "/a", "ab")
}

// WriteFile either reports an error and leaves the old content, or replaces it, whichever of its operations fails; and after a crash
// the file is whole.
func TestEveryFaultOfWriteFile(t *testing.T) {
	broken := errors.New("broken")
	for n := 1; ; n++ {
		d := newDisk(t)
		d.ok(fs.WriteFile(d, "/a", []byte("old"), 0o644))
		count := 0
		d.Inject(func(op fs.Op, name string) error {
			if count++; count == n {
				return broken
			}
			return nil
		})
		err := fs.WriteFile(d, "/a", []byte("new"), 0o644)
		d.Inject(nil)
		after, readErr := fs.ReadFile(d.Crash(nil), "/a")
		d.ok(readErr)
		if err == nil {
			if count >= n || string(after) != "new" {
				t.Fatalf("fault %d of %d: no error, and %q after a crash", n, count, after)
			}
			return
		}
		if !errors.Is(err, broken) {
			t.Fatalf("fault %d: %v", n, err)
		}
		if string(after) != "old" && string(after) != "new" {
			t.Fatalf("fault %d: %q after a crash", n, after)
		}
		d.has(d, "/a.tmp", "-")
	}
}
