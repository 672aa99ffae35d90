package storage

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"

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

func TestCompactionOfAnEncryptedLogIsEncrypted(t *testing.T) {
	mem := fs.NewMem()
	lc := testCompaction
	lc.Encrypted = true
	open := func(mem *fs.Mem) StoreConfig {
		t.Helper()
		fsys, err := sealedOver(mem)
		if err != nil {
			t.Fatal(err)
		}
		cfg := testStoreConfig(t, fsys, "/data")
		cfg.LogConfig = func(string) LogConfig { return lc }
		return cfg
	}
	s, l := compactedLog(t, open(mem), lc)
	want := fillKeys(t, l, 0, 60)
	settleLog(t, l)
	before := countRecords(t, l)
	if n := cleanNow(s, day0); n != 1 {
		t.Fatalf("cleaned %d logs: %+v", n, s.CleanerStatus())
	}
	if after := countRecords(t, l); after >= before/2 {
		t.Errorf("%d records are left of %d", after, before)
	}
	if got := lastValues(t, l, ReadUncommitted); !maps.Equal(got, want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
	entries, err := mem.ReadDir(l.Path())
	if err != nil {
		t.Fatal(err)
	}
	segments := 0
	for _, e := range entries {
		if !strings.Contains(e.Name(), logSuffix) {
			continue
		}
		b, err := fs.ReadFile(mem, filepath.Join(l.Path(), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 0 {
			segments++
		}
		if len(b) > 0 && !bytes.HasPrefix(b, []byte("\x89leatSEG")) {
			t.Errorf("%s is not encrypted", e.Name())
		}
	}
	if segments < 2 {
		t.Errorf("only %d segments with records", segments)
	}
	killed := openTestStore(t, open(mem.Kill()))
	l, _ = killed.Log(testTP)
	if got := lastValues(t, l, ReadLogEnd); !maps.Equal(got, want) {
		t.Fatalf("after a kill: got %v\nwant %v", got, want)
	}
	for _, s := range []*Store{killed, s} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
