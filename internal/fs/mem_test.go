package fs_test

import (
	"testing"

	"leat/internal/fs"
	"leat/internal/fs/fstest"
)

func TestMemConforms(t *testing.T) {
	fstest.Run(t, func(t *testing.T) (fs.FS, string) {
		m := fs.NewMem()
		if err := m.MkdirAll("/data/x", 0o755); err != nil {
			t.Fatal(err)
		}
		return m, "/data/x"
	})
}
