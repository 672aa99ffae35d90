package fs_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"leat/internal/fs"
)

const reservedBytes = 8 << 20

// allocated is how much of the disk a file takes.
func allocated(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Skip("this system does not tell what a file takes of the disk")
	}
	return st.Blocks * 512
}

func TestReservedSpaceOutlivesTheDescriptorAndIsReleased(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	open := func() fs.File {
		f, err := fs.OS.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open()
	if err := f.Reserve(reservedBytes); err != nil {
		t.Fatal(err)
	}
	if allocated(t, name) < reservedBytes {
		t.Skip("the file system of the temporary directory reserves nothing")
	}
	if size, err := f.Size(); size != 0 || err != nil {
		t.Fatalf("size %d, %v: the length must not change", size, err)
	}
	if _, err := f.WriteAt([]byte("content"), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open()
	defer f.Close()
	if err := f.Release(); err != nil {
		t.Fatal(err)
	}
	if left := allocated(t, name); left > reservedBytes/8 {
		t.Errorf("%d bytes are still taken", left)
	}
	if b, err := fs.ReadFile(fs.OS, name); string(b) != "content" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestReserveWithoutRoomTakesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	f, err := fs.OS.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = f.Reserve(1 << 50)
	if err == nil {
		t.Skip("the file system of the temporary directory reserves nothing")
	}
	if path, ok := errors.AsType[*os.PathError](err); !ok || path.Path != name {
		t.Errorf("%v does not name the file", err)
	}
	if left := allocated(t, name); left > 1<<20 {
		t.Errorf("%d bytes are taken", left)
	}
}

// used is what a Mem with a limit of 100 pages has given away.
func used(t *testing.T, m *fs.Mem) int64 {
	t.Helper()
	total, available, err := m.Usage("/")
	if err != nil {
		t.Fatal(err)
	}
	return total - available
}

func TestMemCountsReservedSpaceOnce(t *testing.T) {
	const page = 4096
	m := fs.NewMem()
	m.SetCapacity(100 * page)
	f, err := m.OpenFile("/a", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	step := func(what string, want int64, err, wantErr error) {
		t.Helper()
		if !errors.Is(err, wantErr) || used(t, m) != want*page {
			t.Errorf("%s: %v, %d pages used; want %v, %d", what, err, used(t, m)/page, wantErr, want)
		}
	}
	step("reserve 50 pages", 50, f.Reserve(50*page), nil)
	step("the same again", 50, f.Reserve(50*page), nil)
	step("more than there is", 50, f.Reserve(101*page), syscall.ENOSPC)
	_, err = f.WriteAt(make([]byte, 3*page+1), 0)
	step("write into it", 50, err, nil)
	_, err = f.WriteAt(make([]byte, page), 60*page)
	step("write behind it", 51, err, nil)
	step("cut behind it", 50, f.Truncate(50*page), nil)
	step("release what nothing stands behind", 50, f.Release(), nil)
	killed := m.Kill()
	killed.SetCapacity(100 * page)
	if got := used(t, killed); got != 50*page {
		t.Errorf("after a kill: %d pages used", got/page)
	}
	step("cut within it", 2, f.Truncate(2*page), nil)
	step("reserve again", 10, f.Reserve(10*page), nil)
	step("release", 2, f.Release(), nil)
	step("remove with a reservation", 10, f.Reserve(10*page), nil)
	if err := errors.Join(m.Remove("/a"), f.Close()); err != nil || used(t, m) != 0 {
		t.Errorf("removed: %v, %d bytes used", err, used(t, m))
	}
}

func TestReserveAndReleaseCanFail(t *testing.T) {
	m := fs.NewMem()
	f, err := m.OpenFile("/a", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	var ops []fs.Op
	m.Inject(func(op fs.Op, _ string) error {
		ops = append(ops, op)
		return syscall.EIO
	})
	if err := f.Release(); err != nil || len(ops) > 0 {
		t.Errorf("a release of nothing: %v, %v", err, ops)
	}
	if err := f.Reserve(10000); !errors.Is(err, syscall.EIO) {
		t.Errorf("reserve: %v", err)
	}
	m.Inject(nil)
	if err := f.Reserve(10000); err != nil {
		t.Fatal(err)
	}
	m.Inject(func(op fs.Op, _ string) error {
		ops = append(ops, op)
		return syscall.EIO
	})
	if err := f.Release(); !errors.Is(err, syscall.EIO) || ops[len(ops)-1] != fs.OpTruncate {
		t.Errorf("release: %v, %v", err, ops)
	}
}
