package sealed

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
)

// What is encrypted would else be taken for plaintext, and cut off as torn.
func TestADirectoryWhoseKeyringCannotBeReadIsNotRead(t *testing.T) {
	mem := fs.NewMem()
	if err := mem.MkdirAll("/data/orders-0", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/data/" + ringFile, "/data/orders-0/00000000000000000000.log"} {
		if err := fs.WriteFile(mem, name, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mem.Inject(func(_ fs.Op, name string) error {
		if strings.HasSuffix(name, ringFile) {
			return syscall.EIO
		}
		return nil
	})
	s, err := Open(context.Background(), Config{FS: mem, Dirs: []string{"/data"}})
	if err != nil {
		t.Fatal(err)
	}
	mem.Inject(nil)
	if _, err := s.ReadDir("/data"); !errors.Is(err, syscall.EIO) {
		t.Errorf("list: %v", err)
	}
	if _, err := s.OpenFile("/data/orders-0/00000000000000000000.log", os.O_RDWR, 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("open: %v", err)
	}
}
