package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

func overwrite(mem *fs.Mem, path string, b []byte) error {
	return fs.WriteFile(mem, path, b, 0o644)
}

// midwayLog is a log with transactions, whose records have timestamps of some kind.
type midwayLog struct {
	mem *fs.Mem
	cfg StoreConfig
	s   *Store
	l   *Log
	w   transactions
}

func newMidwayLog(t *testing.T, config LogConfig) *midwayLog {
	t.Helper()
	m := &midwayLog{mem: fs.NewMem(), w: transactions{rng: rand.New(rand.NewPCG(3, 4))}}
	m.cfg = testStoreConfig(t, m.mem, "/data")
	m.cfg.LogConfig = func(string) LogConfig { return config }
	m.cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: forever} }
	m.s = openTestStore(t, m.cfg)
	var err error
	if m.l, err = m.s.Create(testTP, record.UUID{1}, record.UUID{}); err != nil {
		t.Fatal(err)
	}
	return m
}

// fill appends batches with and without producers, each a millisecond later than the one before.
func (m *midwayLog) fill(t *testing.T, n int, epoch int32) {
	t.Helper()
	for range n {
		at := day0.UnixMilli() + m.l.Offsets().LogEnd
		if _, err := m.l.Append(batchOf(t, at, "some value", "another"), AppendOptions{LeaderEpoch: epoch, Now: day0}); err != nil {
			t.Fatal(err)
		}
		m.w.write(t, m.l, 1, epoch)
	}
}

// writeOut does what the schedulers do in a minute.
func (m *midwayLog) writeOut(t *testing.T, snapshot bool) {
	t.Helper()
	if snapshot {
		m.l.unsnapped = snapshotBytes
	}
	if err := m.l.writeOut(); err != nil {
		t.Fatal(err)
	}
	m.s.dirs[0].checkpoint(m.s.dirs[0].writeRecoveryPoints)
}

// After a crash a log is read from where it was synced last, and comes to the same as one that is read from its beginning.
func TestARecoveryBeginsAtTheRecoveryPoint(t *testing.T) {
	for _, dead := range []string{"killed", "power lost", "power lost, some written"} {
		for _, snapshot := range []bool{false, true} {
			for _, damage := range []string{"", "index lost", "time index lost", "indexes cut", "indexes of zeros", "indexes longer", "another log's index"} {
				t.Run(fmt.Sprintf("%s, snapshot %v, %s", dead, snapshot, damage), func(t *testing.T) {
					m := newMidwayLog(t, LogConfig{IndexIntervalBytes: 500})
					m.fill(t, 300, 1)
					m.writeOut(t, snapshot)
					m.fill(t, 100, 2)
					m.writeOut(t, snapshot)
					seg := m.l.active()
					synced, file := seg.size, seg.file.path
					// Also what the kernel has written by then, and syncs need not.
					indexes := map[string][]byte{}
					for _, suffix := range []string{indexSuffix, timeIndexSuffix} {
						b, err := fs.ReadFile(m.mem, seg.path(suffix))
						if err != nil {
							t.Fatal(err)
						}
						indexes[seg.path(suffix)] = b
					}
					m.fill(t, 20, 3)
					left := m.mem.Kill()
					if dead != "killed" {
						var rng *rand.Rand
						if strings.HasSuffix(dead, "written") {
							rng = rand.New(rand.NewPCG(5, 6))
						}
						left = m.mem.Crash(rng)
						for path, b := range indexes {
							if err := overwrite(left, path, b); err != nil {
								t.Fatal(err)
							}
						}
					}
					_ = m.s.Close() // of a process that is gone
					for path, b := range indexes {
						damageIndex(t, left, path, b, damage)
					}
					whole := left.Kill()
					for _, name := range []string{recoveryPointFile, manifestFile} {
						if err := whole.Remove("/data/" + name); err != nil && !errors.Is(err, os.ErrNotExist) {
							t.Fatal(err)
						}
					}
					resumed, bytes := recoveredState(t, m.cfg, left, file)
					full, all := recoveredState(t, m.cfg, whole, file)
					if resumed != full {
						t.Errorf("resumed\n%s\nfull\n%s", resumed, full)
					}
					switch damage {
					case "", "indexes longer":
						// What was not synced, twice: checked, and its producers; two intervals; the window of a look at an entry.
						limit := 2*(m.l.active().size-synced) + 2*1000 + 5*4096
						limit += 2 * 4096 * int64(len(m.l.epochs.starts)) // and where an epoch begins
						if !snapshot {
							limit += synced // the producers' headers
						}
						if bytes > limit || all < 2*synced {
							t.Errorf("%d bytes read, expected at most %d; %d without recovery point", bytes, limit, all)
						}
					}
				})
			}
		}
	}
}

func damageIndex(t *testing.T, mem *fs.Mem, path string, b []byte, how string) {
	t.Helper()
	offsets := strings.HasSuffix(path, "0"+indexSuffix)
	var err error
	switch how {
	case "index lost", "time index lost":
		if offsets == (how == "index lost") {
			err = mem.Remove(path)
		}
	case "indexes cut":
		err = overwrite(mem, path, b[:len(b)/2+1])
	case "indexes of zeros":
		err = overwrite(mem, path, make([]byte, len(b)))
	case "indexes longer":
		err = overwrite(mem, path, append(slices.Clone(b), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f))
	case "another log's index":
		if offsets {
			for i := 7; i < len(b); i += indexEntrySize {
				b[i]++ // no batch begins there
			}
			err = overwrite(mem, path, b)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A recovery point may lie behind an epoch that began while a flush was under way only if the file has that epoch.
func TestARecoveryPointIsNotAheadOfTheEpochsFile(t *testing.T) {
	m := newMidwayLog(t, LogConfig{IndexIntervalBytes: 500})
	m.fill(t, 50, 1)
	began := false
	m.mem.InjectFreely(func(op fs.Op, path string) error {
		if !began && op == fs.OpSync && strings.Contains(path, epochFile) {
			began = true // the file is written, and the log is still to be synced
			m.mem.Inject(nil)
			m.fill(t, 50, 2)
		}
		return nil
	})
	m.writeOut(t, false)
	if !began {
		t.Fatal("the file was not written")
	}
	m.l.recoveryPoint()
	left := m.mem.Crash(nil)
	_ = m.s.Close() // of a process that is gone
	m.cfg.FS = left
	s := openTestStore(t, m.cfg)
	defer s.Close()
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatal(s.Broken(testTP))
	}
	if o := l.Offsets(); o.LogEnd > 150 && l.EpochOf(o.LogEnd-1) != 2 {
		t.Errorf("%+v, epochs %v", o, l.epochs.starts)
	}
}

// Snapshots within a segment do not gather: the last one on disk stays, and those where segments begin.
func TestSnapshotsOfWriteOutsAreThinnedOut(t *testing.T) {
	m := newMidwayLog(t, LogConfig{IndexIntervalBytes: 500})
	defer m.s.Close()
	for range 10 {
		m.fill(t, 10, 1)
		m.writeOut(t, true)
	}
	m.fill(t, 10, 1)
	m.l.unsnapped = snapshotBytes
	if err := m.l.writeOut(); err != nil {
		t.Fatal(err)
	}
	names, err := m.mem.ReadDir(m.l.path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range names {
		if strings.HasSuffix(e.Name(), snapshotSuffix) {
			n++
		}
	}
	if n != 2 || len(m.l.snapshot) != 2 {
		t.Errorf("%d files, known %d", n, m.l.snapshot)
	}
}
