package storage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// A recovery reads what was written since the last clean stop, not the whole segment, and comes to the same as one that reads everything.
func TestARecoveryBeginsWhereTheLastCleanStopWas(t *testing.T) {
	for name, cfgs := range map[string]struct {
		config LogConfig
		before int  // batches before the clean stop
		after  int  // after it
		flush  bool // somewhere in the second half
	}{
		"a few batches more": {LogConfig{IndexIntervalBytes: 500}, 200, 7, false},
		"with a flush":       {LogConfig{IndexIntervalBytes: 500}, 200, 7, true},
		"rolled since":       {LogConfig{IndexIntervalBytes: 500, SegmentBytes: 4000}, 30, 40, false},
		"rolled and flushed": {LogConfig{IndexIntervalBytes: 500, SegmentBytes: 4000}, 30, 40, true},
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			cfg := testStoreConfig(t, mem, "/data")
			cfg.LogConfig = func(string) LogConfig { return cfgs.config }
			cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: forever} }
			w := transactions{rng: rand.New(rand.NewPCG(1, 2))}
			s := openTestStore(t, cfg)
			l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			w.write(t, l, cfgs.before, 0)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTestStore(t, cfg)
			l, _ = s.Log(testTP)
			active := l.active()
			cleanSize, file := active.size, active.file.path
			w.write(t, l, cfgs.after/2, 1)
			if cfgs.flush {
				if err := l.Flush(); err != nil {
					t.Fatal(err)
				}
				s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
			}
			w.write(t, l, cfgs.after-cfgs.after/2, 2)
			left, whole := mem.Kill(), mem.Kill()
			_ = s.Close() // of a process that is gone
			if err := whole.Remove("/data/" + manifestFile); err != nil {
				t.Fatal(err)
			}
			resumed, bytes := recoveredState(t, cfg, left, file)
			full, all := recoveredState(t, cfg, whole, file)
			if resumed != full {
				t.Errorf("resumed\n%s\nfull\n%s", resumed, full)
			}
			if !strings.Contains(name, "rolled") && (bytes >= cleanSize/2+4096 || all < cleanSize) {
				t.Errorf("%d bytes read of a segment that had %d at the clean stop, %d without the manifest", bytes, cleanSize, all)
			}
		})
	}
}

// transactions writes batches of a few producers, some in transactions that are committed or aborted.
type transactions struct {
	rng  *rand.Rand
	seqs [3]int32
	open [3]bool
}

func (w *transactions) write(t *testing.T, l *Log, batches int, epoch int32) {
	t.Helper()
	for range batches {
		id := w.rng.IntN(3)
		if w.open[id] && w.rng.IntN(2) == 0 {
			w.open[id] = false
			b := marker(int64(id), 0, w.rng.IntN(2) == 0, 0)
			if _, err := l.Append(b, AppendOptions{LeaderEpoch: epoch, Origin: FromCoordinator, Now: day0}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		b := batchBy(t, int64(id), 0, w.seqs[id], 1, id > 0)
		if _, err := l.Append(b, AppendOptions{LeaderEpoch: epoch, Now: day0}); err != nil {
			t.Fatal(err)
		}
		w.open[id] = id > 0
		w.seqs[id]++
	}
	l.SetHighWatermark(l.Offsets().LogEnd)
}

// recoveredState opens a store and tells all of its log, and how many bytes of a file were read meanwhile.
func recoveredState(t *testing.T, cfg StoreConfig, left *fs.Mem, file string) (string, int64) {
	t.Helper()
	counting := &countingFS{Mem: left, file: file}
	cfg.FS = counting
	s := openTestStore(t, cfg)
	defer s.Close()
	read := counting.bytes.Load()
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatal(s.Broken(testTP))
	}
	out := fmt.Sprintln(l.Offsets().LogStart, l.Offsets().LogEnd, l.epochs.starts, l.Producers(), l.producers.ongoing)
	for _, seg := range l.segments {
		out += fmt.Sprintln(seg.base, seg.size, seg.offsets.onDisk, seg.times.onDisk, seg.aborted)
		for _, suffix := range segmentSuffixes {
			b, err := fs.ReadFile(left, seg.path(suffix))
			out += fmt.Sprintf("%s %v %x\n", suffix, err != nil, b)
		}
	}
	return out, read
}

// countingFS counts the bytes read of one file.
type countingFS struct {
	*fs.Mem
	file  string
	bytes atomic.Int64
}

func (c *countingFS) OpenFile(name string, flag int, perm os.FileMode) (fs.File, error) {
	f, err := c.Mem.OpenFile(name, flag, perm)
	if err != nil || name != c.file {
		return f, err
	}
	return countingFile{f, &c.bytes}, nil
}

type countingFile struct {
	fs.File
	bytes *atomic.Int64
}

func (f countingFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.bytes.Add(int64(n))
	return n, err
}
