package storage

import (
	"context"

	"leat/internal/fs"
	"leat/internal/fs/sealed"
)

// sealedOver is a file system that encrypts the segments of logs whose config says so, in log directories "/data" and "/".
func sealedOver(mem *fs.Mem) (*sealed.FS, error) {
	if _, err := mem.Stat("/keys"); err != nil {
		if err := fs.WriteFile(mem, "/keys", []byte("2026:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0o600); err != nil {
			return nil, err
		}
	}
	if err := makeDir(mem, "/data"); err != nil {
		return nil, err
	}
	keys, err := sealed.FileKeys(mem, "/keys")
	if err != nil {
		return nil, err
	}
	s, err := sealed.Open(context.Background(), sealed.Config{FS: mem, Dirs: []string{"/data", "/"}, Keys: keys})
	if err != nil {
		return nil, err
	}
	return s, s.Refresh(context.Background())
}
