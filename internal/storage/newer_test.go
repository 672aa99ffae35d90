package storage

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"leat/internal/fs"
)

// contents are the files below a directory, but for those that only say who has it open.
func contents(t *testing.T, mem *fs.Mem, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := mem.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			maps.Copy(all, contents(t, mem, path))
		} else if e.Name() != lockFile {
			b, err := fs.ReadFile(mem, path)
			if err != nil {
				t.Fatal(err)
			}
			all[path] = string(b)
		}
	}
	return all
}

func replaced(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(with), 1) }
}

func setByte(at int, to byte) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] = to
		return b
	}
}

// TestAFileOfANewerVersionStopsWhatItBelongsTo changes a version and wants to be told: the file, what was found, what is known, what to do; and all
// as it was.
func TestAFileOfANewerVersionStopsWhatItBelongsTo(t *testing.T) {
	const dir = "/data/orders-3/"
	for _, end := range []string{"stopped", "killed"} {
		f := newFlips(t, false, end)
		snapshots, segments := []string{}, []string{}
		for path := range contents(t, f.mem, "/data/orders-3") {
			if strings.HasSuffix(path, snapshotSuffix) {
				snapshots = append(snapshots, path)
			}
			if strings.HasSuffix(path, logSuffix) {
				segments = append(segments, path)
			}
		}
		for _, c := range []struct {
			path   string
			change func([]byte) []byte
			found  string
			known  string
		}{
			{"/data/meta.properties", replaced("version=1", "version=2"), "version 2", "known is 1"},
			{"/data/recovery-point-offset-checkpoint", setByte(0, '1'), "version 1", "known is 0"},
			{"/data/log-start-offset-checkpoint", setByte(0, '1'), "version 1", "known is 0"},
			{"/data/replication-offset-checkpoint", setByte(0, '1'), "version 1", "known is 0"},
			{"/data/cleaner-offset-checkpoint", func([]byte) []byte { return []byte("7\nwhat comes is not known\n") }, "version 7", "known is 0"},
			{dir + "partition.metadata", replaced("version: 0", "version: 1"), "version 1", "known is 0"},
			{dir + "leader-epoch-checkpoint", setByte(0, '1'), "version 1", "known is 0"},
			{slices.Max(snapshots), setByte(1, 2), "version 2", "known is 1"},
			{slices.Max(segments), setByte(16, 3), "batch of magic 3", "known is 2"},
		} {
			if end == "stopped" && strings.HasPrefix(c.path, dir) {
				continue // what the manifest knows is not looked at again
			}
			t.Run(end+" "+filepath.Base(c.path), func(t *testing.T) {
				mem := f.mem.Kill()
				old, _ := fs.ReadFile(mem, c.path)
				if err := overwrite(mem, c.path, c.change(old)); err != nil {
					t.Fatal(err)
				}
				before := contents(t, mem, "/data")
				cfg, err := f.config(mem)
				if err != nil {
					t.Fatal(err)
				}
				s, err := openAlone(cfg)
				scope := "/data"
				if err == nil {
					defer closeAlone(s)
					if err = s.dirs[0].offline(); err == nil {
						err, scope = s.Broken(flipLogs[0]), "/data/orders-3"
						if _, ok := s.Log(flipLogs[1]); !ok {
							t.Errorf("the other log is not there: %v", s.Broken(flipLogs[1]))
						}
					}
				}
				if !errors.Is(err, ErrNewer) || !errors.Is(err, ErrCorrupt) {
					t.Fatalf("%v, expected that the version is told", err)
				}
				for _, want := range []string{c.path, c.found, c.known, "use that one or a later one"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
				for path, b := range contents(t, mem, "/data") {
					index := strings.HasSuffix(path, indexSuffix) || strings.HasSuffix(path, timeIndexSuffix)
					if strings.HasPrefix(path, scope) && before[path] != b && (!index || !strings.HasSuffix(c.path, logSuffix)) {
						t.Errorf("%s was changed", path)
					}
				}
			})
		}
	}
}

func TestATransactionIndexOfANewerVersionIsNotReplaced(t *testing.T) {
	f := newFlips(t, false, "stopped")
	path := "/data/orders-3/" + offsetName(0, txnIndexSuffix)
	b, err := fs.ReadFile(f.mem, path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.mem.Stat("/data/orders-3")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(overwrite(f.mem, path, setByte(1, 1)(b)), f.mem.SetModTime("/data/orders-3", info.ModTime())); err != nil {
		t.Fatal(err)
	}
	cfg, err := f.config(f.mem)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAlone(s)
	l, _ := s.Log(flipLogs[0])
	l.SetHighWatermark(l.Offsets().LogEnd)
	_, err = l.Read(3, 1<<20, ReadCommitted, true)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "entry of version 1, known is 0") {
		t.Errorf("%v", err)
	}
	if after, _ := fs.ReadFile(f.mem, path); !bytes.Equal(after, b) {
		t.Error("the index was replaced")
	}
}
