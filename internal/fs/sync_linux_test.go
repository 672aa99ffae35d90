package fs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMountPointsBelowADirectory(t *testing.T) {
	const info = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /data rw shared:2 - xfs /dev/sdb rw
31 30 0:27 / /data/orders-0 rw - tmpfs tmpfs rw
32 30 0:28 / /data/with\040space\134x rw - fuse.sshfs host: rw
33 22 0:29 / /data2 rw - tmpfs tmpfs rw
34 31 0:30 / /data/orders-0/deep rw - tmpfs tmpfs rw
broken line
`
	want := []string{"/data/orders-0", `/data/with space\x`, "/data/orders-0/deep"}
	if got := mountPoints([]byte(info), "/data"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := mountPoints([]byte(info), "/"); len(got) != 5 {
		t.Errorf("below the root: %q", got)
	}
}

func TestAFileSystemMountedBelowIsSyncedToo(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(dir, "orders 0")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", below, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("mounting is not allowed here: ", err)
	}
	defer unix.Unmount(below, unix.MNT_DETACH)
	t.Chdir(dir)
	if got, err := mountsBelow("."); err != nil || !slices.Equal(got, []string{below}) {
		t.Errorf("%q, %v", got, err)
	}
	if err := OS.SyncAll("."); err != nil {
		t.Error(err)
	}
}

func TestSyncEachReachesEverything(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a/b/c"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("absent", filepath.Join(dir, "a/link")); err != nil {
		t.Fatal(err)
	}
	if err := syncEach(dir); err != nil {
		t.Error(err)
	}
	if err := syncEach(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("of nothing: %v", err)
	}
}
