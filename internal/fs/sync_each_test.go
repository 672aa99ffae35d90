package fs

import (
	"os"
	"path/filepath"
	"testing"
)

// A log directory may be a symbolic link. What it leads to is synced, not the link.
func TestASyncFileByFileFollowsTheLinkThatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("data", link); err != nil {
		t.Fatal(err)
	}
	if err := syncEach(link); err == nil {
		t.Error("a link that leads nowhere was synced")
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syncEach(link); err != nil {
		t.Error(err)
	}
}
