package inspect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/fs/sealed"
	"leat/internal/record"
	"leat/internal/storage"
)

// openSealed is a file system that encrypts, over mem, with keys or without.
func openSealed(t *testing.T, mem *fs.Mem, withKeys bool) *sealed.FS {
	t.Helper()
	cfg := sealed.Config{FS: mem}
	if withKeys {
		keys, err := sealed.FileKeys(mem, "/keys")
		if err != nil {
			t.Fatal(err)
		}
		cfg.Dirs, cfg.Keys = []string{"/data"}, keys
	}
	s, err := sealed.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// written is a store with a log of some segments, on a file system that may encrypt.
func written(t *testing.T, mem *fs.Mem, encrypted bool) *storage.Store {
	t.Helper()
	for _, err := range []error{mem.MkdirAll("/data", 0o755), mem.SyncDir("/"), fs.WriteFile(mem, "/keys", []byte("1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := storage.Open(context.Background(), storage.StoreConfig{
		FS: openSealed(t, mem, true), Dirs: []string{"/data"}, NodeID: 1, ClusterID: "c",
		LogConfig: func(string) storage.LogConfig {
			return storage.LogConfig{SegmentBytes: 4000, IndexIntervalBytes: 200, RetentionMs: -1, RetentionBytes: -1, Encrypted: encrypted}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Create(record.TopicPartition{Topic: "orders"}, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		spec := record.NewSpec()
		spec.Codec = record.Gzip
		b, err := record.AppendBatch(nil, spec, []record.Record{{Key: fmt.Append(nil, i), Value: []byte(strings.Repeat(fmt.Sprint(rand.Uint64()), 8)), Timestamp: int64(1000 + i)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(b, storage.AppendOptions{LeaderEpoch: int32(i / 20)}); err != nil {
			t.Fatal(err)
		}
		if i == 30 {
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func verifyMem(t *testing.T, fsys fs.FS) *Report {
	t.Helper()
	r, err := Verify(context.Background(), VerifyConfig{FS: fsys, Dirs: []string{"/data"}, Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNothingIsWrongWithWhatLeatClosed(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		mem := fs.NewMem()
		if err := written(t, mem, encrypted).Close(); err != nil {
			t.Fatal(err)
		}
		r := verifyMem(t, openSealed(t, mem, true))
		if r.Damage+r.Repairs+r.Encrypted != 0 || r.Records != 60 || r.Segments < 2 {
			t.Errorf("encrypted %t: looked at %d records in %d segments, found\n%s", encrypted, r.Records, r.Segments, lines("/data", r))
		}
		r = verifyMem(t, openSealed(t, mem, false))
		if encrypted && (r.Damage+r.Repairs != 0 || r.Encrypted != r.Segments || r.Records != 0) {
			t.Errorf("without keys: %d of %d segments are encrypted, found\n%s", r.Encrypted, r.Segments, lines("/data", r))
		}
	}
}

// TestBatchesLieAcrossWindows verifies a segment of several windows, whose batches end anywhere in them.
func TestBatchesLieAcrossWindows(t *testing.T) {
	mem := fs.NewMem()
	var log []byte
	for i := range int64(4000) {
		spec := record.NewSpec()
		spec.BaseOffset = i
		b, err := record.AppendBatch(nil, spec, []record.Record{{Offset: i, Value: make([]byte, 500+i%997), Timestamp: i}})
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, b...)
	}
	for _, err := range []error{
		mem.MkdirAll("/data/orders-0", 0o755), fs.WriteFile(mem, "/data/orders-0/00000000000000000000.log", log, 0o644),
		fs.WriteFile(mem, "/data/.kafka_cleanshutdown", nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if r := verifyMem(t, mem); r.Damage+r.Repairs != 0 || r.Records != 4000 || r.Bytes != int64(len(log)) || len(log) < 3*windowSize {
		t.Errorf("looked at %d records in %d of %d bytes, found\n%s", r.Records, r.Bytes, len(log), lines("/data", r))
	}
}

// TestACrashIsNoDamage stops the machine at once: what was not synced is lost, torn or there by chance, and none of it is damage.
func TestACrashIsNoDamage(t *testing.T) {
	for seed := range uint64(40) {
		mem := fs.NewMem()
		s := written(t, mem, seed%2 == 1)
		crashed := mem.Crash(rand.New(rand.NewPCG(seed, 1)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		r := verifyMem(t, openSealed(t, crashed, true))
		if r.Damage != 0 {
			t.Fatalf("seed %d: found\n%s", seed, lines("/data", r))
		}
	}
}
