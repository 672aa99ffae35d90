package fs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"leat/internal/fs"
	"leat/internal/fs/fstest"
)

func TestUsageOfMissingDirectoryNamesIt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "absent")
	_, _, err := fs.OS.Usage(name)
	var pathErr *os.PathError
	if !errors.As(err, &pathErr) || pathErr.Path != name || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("Usage = %v, want a path error about %s", err, name)
	}
}

func TestOSFilesHaveDescriptors(t *testing.T) {
	f, err := fs.OS.OpenFile(filepath.Join(t.TempDir(), "a"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	called := false
	if err := conn.Control(func(uintptr) { called = true }); err != nil || !called {
		t.Fatalf("Control = %v, called %t", err, called)
	}
}

func TestOSConforms(t *testing.T) {
	fstest.Run(t, func(t *testing.T) (fs.FS, string) { return fs.OS, t.TempDir() })
}
