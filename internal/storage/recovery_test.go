package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"leat/internal/fs"
)

var recoveryConfig = LogConfig{SegmentBytes: 600, IndexIntervalBytes: 100}

// damaged builds a log of 20 records in several segments, stops it, lets spoil change its files, and opens it again.
func damaged(t *testing.T, flushed int, clean bool, spoil func(mem *fs.Mem)) (*Log, string, error) {
	t.Helper()
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.LogConfig = func(string) LogConfig { return recoveryConfig }
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		mustAppend(t, l, batchOf(t, day0.UnixMilli()+int64(i), fmt.Sprint("v", i)))
		if i+1 == flushed {
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
		}
	}
	killed := mem.Kill()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if clean {
		killed = mem.Kill()
	}
	spoil(killed)
	cfg.FS = killed
	var logs bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	s, err = Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l, _ = s.Log(testTP)
	return l, logs.String(), s.Broken(testTP)
}

func edit(t *testing.T, mem *fs.Mem, name string, change func([]byte) []byte) {
	t.Helper()
	name = "/data/orders-3/" + name
	b, err := fs.ReadFile(mem, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := fs.WriteFile(mem, name, change(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

func values(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%d=v%d", i, i))
	}
	return list
}

// Each batch of damaged has 73 or 75 bytes, so a segment of 600 bytes holds eight: they begin at offsets 0, 8 and 16.

func TestRecoveryCutsTornTails(t *testing.T) {
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	for name, c := range map[string]struct {
		file   string
		change func([]byte) []byte
		left   int
	}{
		"nothing torn":                                  {"00000000000000000016.log", cut(0), 20},
		"half a batch":                                  {"00000000000000000016.log", cut(30), 19},
		"half a header":                                 {"00000000000000000016.log", cut(70), 19},
		"all but one byte of the segment":               {"00000000000000000016.log", func(b []byte) []byte { return b[:1] }, 16},
		"zeros behind the end":                          {"00000000000000000016.log", func(b []byte) []byte { return append(b, make([]byte, 5000)...) }, 20},
		"garbage behind the end":                        {"00000000000000000016.log", func(b []byte) []byte { return append(b, bytes.Repeat([]byte("garbage!"), 50)...) }, 20},
		"a flipped bit in an earlier segment, unsynced": {"00000000000000000008.log", func(b []byte) []byte { b[100] ^= 4; return b }, 9},
	} {
		t.Run(name, func(t *testing.T) {
			l, logs, err := damaged(t, 0, false, func(mem *fs.Mem) { edit(t, mem, c.file, c.change) })
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, l, 0, 1<<20, ReadLogEnd); fmt.Sprint(got) != fmt.Sprint(values(c.left)) {
				t.Errorf("got %v", got)
			}
			message := "torn log cut"
			if name == "zeros behind the end" {
				message = "zeros behind the last batch cut"
			}
			told := strings.Contains(logs, message) && strings.Contains(logs, c.file) && strings.Contains(logs, "offset=")
			if wantTold := name != "nothing torn"; told != wantTold {
				t.Errorf("told: %v, expected %v: %s", told, wantTold, logs)
			}
			if info := mustAppend(t, l, batchOf(t, day0.UnixMilli(), "new")); info.BaseOffset != int64(c.left) {
				t.Errorf("goes on at %+v", info)
			}
		})
	}
}

func TestDamageBelowTheRecoveryPointIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		clean  bool
		file   string
		change func([]byte) []byte
	}{
		"cut after a kill":           {false, "00000000000000000016.log", func(b []byte) []byte { return b[:40] }},
		"cut after a clean stop":     {true, "00000000000000000016.log", func(b []byte) []byte { return b[:len(b)-10] }},
		"emptied after a clean stop": {true, "00000000000000000016.log", func(b []byte) []byte { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, err := damaged(t, 20, c.clean, func(mem *fs.Mem) { edit(t, mem, c.file, c.change) })
			if l != nil || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.file) {
				t.Errorf("log %v, error %v", l, err)
			}
		})
	}
}

func TestIndexesThatDoNotFitAreRebuilt(t *testing.T) {
	first, last := "00000000000000000000", "00000000000000000016"
	for name, spoil := range map[string]func(t *testing.T, mem *fs.Mem){
		"missing index of an old segment": func(t *testing.T, mem *fs.Mem) { remove(t, mem, first+".index") },
		"missing time index":              func(t *testing.T, mem *fs.Mem) { remove(t, mem, first+".timeindex") },
		"an old entry that names the wrong offset": func(t *testing.T, mem *fs.Mem) {
			edit(t, mem, first+".index", func(b []byte) []byte { b[len(b)-5]--; return b })
		},
		"an old entry that points within a batch": func(t *testing.T, mem *fs.Mem) {
			edit(t, mem, first+".index", func(b []byte) []byte { b[len(b)-1]++; return b })
		},
		"odd length": func(t *testing.T, mem *fs.Mem) {
			edit(t, mem, first+".index", func(b []byte) []byte { return b[:len(b)-3] })
		},
		"active: points beyond the log": func(t *testing.T, mem *fs.Mem) {
			edit(t, mem, last+".index", func(b []byte) []byte { b[len(b)-2] = 0x7f; return b })
		},
		"active: names the wrong offset": func(t *testing.T, mem *fs.Mem) {
			edit(t, mem, last+".index", func(b []byte) []byte { b[len(b)-5]++; return b })
		},
	} {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", clean ", clean), func(t *testing.T) {
				if !clean && strings.HasPrefix(name, "active") {
					t.Skip("not on disk yet")
				}
				l, logs, err := damaged(t, 20, clean, func(mem *fs.Mem) { spoil(t, mem) })
				if err != nil {
					t.Fatal(err)
				}
				if got := readAll(t, l, 0, 1<<20, ReadLogEnd); fmt.Sprint(got) != fmt.Sprint(values(20)) {
					t.Errorf("got %v", got)
				}
				for i := range int64(20) {
					if got := readAll(t, l, i, 100, ReadLogEnd); fmt.Sprint(got) != fmt.Sprint(values(20)[i:]) {
						t.Errorf("from %d: %v", i, got)
					}
					if got, err := l.OffsetForTimestamp(day0.UnixMilli() + i); err != nil || got.Offset != i {
						t.Errorf("by time of %d: %+v, %v", i, got, err)
					}
				}
				if clean && !strings.HasPrefix(name, "an old entry") && !strings.Contains(logs, "rebuilt") {
					t.Errorf("nothing said: %s", logs)
				}
			})
		}
	}
}

func remove(t *testing.T, mem *fs.Mem, name string) {
	t.Helper()
	if err := mem.Remove("/data/orders-3/" + name); err != nil {
		t.Fatal(err)
	}
}

func TestLeftoversOfCompactionAreFinishedOrUndone(t *testing.T) {
	l, _, err := damaged(t, 20, true, func(mem *fs.Mem) {
		// A compaction of the first two segments had written its result and renamed it, but not yet removed what it replaces.
		b, err := fs.ReadFile(mem, "/data/orders-3/00000000000000000008.log")
		if err != nil {
			t.Fatal(err)
		}
		a, err := fs.ReadFile(mem, "/data/orders-3/00000000000000000000.log")
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{
			"00000000000000000000.log.swap":       append(a, b...),
			"00000000000000000000.index.swap":     nil,
			"00000000000000000000.timeindex.swap": nil,
			"00000000000000000016.log.cleaned":    []byte("half"),
			"00000000000000000004.log.deleted":    []byte("old"),
		} {
			if err := fs.WriteFile(mem, "/data/orders-3/"+name, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, l, 0, 1<<20, ReadLogEnd); fmt.Sprint(got) != fmt.Sprint(values(20)) {
		t.Errorf("got %v", got)
	}
	entries, err := l.fsys.ReadDir(l.path)
	if err != nil {
		t.Fatal(err)
	}
	segments := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".swap") || leftover(e.Name()) {
			t.Errorf("%s is still there", e.Name())
		}
		if strings.HasSuffix(e.Name(), ".log") {
			segments++
		}
	}
	if segments != 2 {
		t.Errorf("%d segments, expected 2", segments)
	}
}

func TestATornProducerSnapshotIsNoLoss(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", LogConfig{SegmentBytes: 300})
	for i := range int32(10) {
		mustAppend(t, l, producerBatch(t, 0, i, 1, false))
	}
	want := fmt.Sprint(l.Producers())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	snapshots := l.snapshot
	for _, offset := range snapshots[len(snapshots)-2:] {
		f, err := mem.OpenFile("/log/"+offsetName(offset, snapshotSuffix), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0xff}, 20); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l = openTestLog(t, mem, "/log", LogConfig{SegmentBytes: 300})
	if got := fmt.Sprint(l.Producers()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
