package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

var sampleManifest = manifest{marker: 1_700_000_000_123_456_789, logs: []cleanLog{
	{
		tp: record.TopicPartition{Topic: "a", Partition: 0}, topicID: record.UUID{1, 15: 9}, changed: 7, logStart: 2, highWater: 3, logEnd: 9,
		segments: []cleanSegment{{0, 500, 1, 2, 0}, {5, 70, 0, 1, 3}}, epochs: []epochStart{{0, 0}, {4, 5}}, snapshots: []int64{5, 9}, newestSnapshot: 10,
	},
	{tp: record.TopicPartition{Topic: "a", Partition: 12}, topicID: record.UUID{1, 15: 9}, segments: []cleanSegment{{}}},
	{tp: record.TopicPartition{Topic: "b", Partition: 1 << 30}, changed: -1, segments: []cleanSegment{{base: 1 << 40}}, logStart: 1 << 40, highWater: 1 << 40, logEnd: 1 << 40},
}}

func TestAManifestIsReadAsItWasWritten(t *testing.T) {
	got, err := decodeManifest(sampleManifest.encode())
	if err != nil || !reflect.DeepEqual(*got, sampleManifest) {
		t.Errorf("%v\n%+v\n%+v", err, got, sampleManifest)
	}
}

// The format is written down in docs/format; a directory is read by later versions, too.
func TestManifestBytes(t *testing.T) {
	m := manifest{marker: 1, logs: []cleanLog{{
		tp: record.TopicPartition{Topic: "ab", Partition: 3}, topicID: record.UUID{7}, changed: -2, highWater: 1, logEnd: 2,
		segments: []cleanSegment{{0, 300, 4, 5, 6}}, epochs: []epochStart{{8, 0}}, snapshots: []int64{2}, newestSnapshot: 10,
	}}}
	const want = "6c6561746c6f6773" + "00000001" + "b72eef10" + "02" + "01" + "026162" + "03" + "0107000000000000000000000000000000" +
		"03000402" + "0100ac02040506" + "010800" + "0102" + "0a"
	if got := fmt.Sprintf("%x", m.encode()); got != want {
		t.Errorf("\n%s\n%s", got, want)
	}
}

func TestAManifestThatIsNoneIsRefused(t *testing.T) {
	whole := sampleManifest.encode()
	sealed := func(change func(b []byte) []byte) []byte {
		b := change(bytes.Clone(whole))
		binary.BigEndian.PutUint32(b[manifestHeaderSize-4:], crc32.Checksum(b[manifestHeaderSize:], castagnoli))
		return b
	}
	for name, b := range map[string][]byte{
		"empty":           {},
		"another file":    []byte("0\n1\norders 0 2\nsome more bytes"),
		"another version": append(append([]byte(manifestMagic), 0, 0, 0, 2), whole[12:]...),
		"a flipped bit":   append(bytes.Clone(whole[:40]), append([]byte{whole[40] ^ 1}, whole[41:]...)...),
		"cut":             whole[:len(whole)-1],
		"cut, CRC right":  sealed(func(b []byte) []byte { return b[:len(b)-1] }),
		"longer":          sealed(func(b []byte) []byte { return append(b, 0) }),
		"more logs than bytes": sealed(func(b []byte) []byte {
			return binary.AppendUvarint(binary.AppendVarint(b[:manifestHeaderSize], 1), 1<<40)
		}),
	} {
		if _, err := decodeManifest(b); !errors.Is(err, errManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unsound := sampleManifest
	unsound.logs = []cleanLog{{tp: testTP, segments: []cleanSegment{{base: 5}, {base: 5}}, logStart: 5, highWater: 5, logEnd: 5}}
	if _, err := decodeManifest(unsound.encode()); !errors.Is(err, errManifest) {
		t.Errorf("segments that do not rise: %v", err)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	f.Add(sampleManifest.encode()[manifestHeaderSize:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		b := binary.BigEndian.AppendUint32([]byte(manifestMagic), manifestVersion)
		b = append(binary.BigEndian.AppendUint32(b, crc32.Checksum(body, castagnoli)), body...)
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		again, err := decodeManifest(m.encode())
		if err != nil || len(again.logs) != len(m.logs) {
			t.Errorf("%v: %+v", err, again)
		}
	})
}

// manifestStore is a store of four logs with a record each, and what happens to its files.
type manifestStore struct {
	cfg     StoreConfig
	mem     *fs.Mem
	log     bytes.Buffer
	touched []string // below the logs' directories
}

func newManifestStore(t *testing.T) *manifestStore {
	t.Helper()
	m := &manifestStore{mem: fs.NewMem()}
	m.cfg = testStoreConfig(t, m.mem, "/data")
	s := openTestStore(t, m.cfg)
	for p := range int32(4) {
		mustAppend(t, m.create(t, s, p), batchOf(t, 1, fmt.Sprint("v", p)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	m.cfg.Logger = slog.New(slog.NewTextHandler(&m.log, nil))
	return m
}

func (m *manifestStore) create(t *testing.T, s *Store, p int32) *Log {
	t.Helper()
	l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: p}, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AssignEpoch(l.LatestEpoch() + 1); err != nil {
		t.Fatal(err)
	}
	return l
}

// open opens the store on what is left of the files and notes what it touches.
func (m *manifestStore) open(t *testing.T, left *fs.Mem) *Store {
	t.Helper()
	m.mem, m.cfg.FS, m.touched = left, left, nil
	m.log.Reset()
	left.Inject(func(op fs.Op, name string) error {
		if strings.Contains(name, "orders-") {
			m.touched = append(m.touched, fmt.Sprint(op, " ", strings.TrimPrefix(name, "/data/")))
		}
		return nil
	})
	s := openTestStore(t, m.cfg)
	left.Inject(nil)
	return s
}

// wantRecords checks the log of a partition, writes to it and reads again.
func (m *manifestStore) wantRecords(t *testing.T, s *Store, p int32, want string) {
	t.Helper()
	l, ok := s.Log(record.TopicPartition{Topic: "orders", Partition: p})
	if !ok {
		t.Errorf("orders-%d is not there: %v", p, s.Broken(record.TopicPartition{Topic: "orders", Partition: p}))
		return
	}
	if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != want {
		t.Errorf("orders-%d holds %s, want %s", p, got, want)
	}
	end := l.Offsets().LogEnd
	if info := mustAppend(t, l, batchOf(t, 9, "w")); info.BaseOffset != end || l.TopicID() != (record.UUID{1}) {
		t.Errorf("orders-%d, topic id %s: appended at %d, want %d", p, l.TopicID(), info.BaseOffset, end)
	}
}

func TestACleanStartLooksIntoNoDirectory(t *testing.T) {
	m := newManifestStore(t)
	s := m.open(t, m.mem)
	defer s.Close()
	if got := fmt.Sprint(m.touched); len(m.touched) != 4 || strings.Count(got, "stat orders-") != 4 {
		t.Errorf("touched %s", got)
	}
	for p := range int32(4) {
		m.wantRecords(t, s, p, fmt.Sprintf("[0=v%d]", p))
	}
	if strings.Contains(m.log.String(), "level=WARN") {
		t.Error(m.log.String())
	}
}

func TestEverythingOfALogIsInTheManifest(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 300, IndexIntervalBytes: 1} }
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: forever} }
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if err := l.AssignEpoch(int32(i / 3)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(producerBatch(t, 0, int32(i), 1, false), AppendOptions{LeaderEpoch: int32(i / 3), Now: day0}); err != nil {
			t.Fatal(err)
		}
	}
	l.SetHighWatermark(11)
	if err := l.AdvanceLogStart(4); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	state := func(cfg StoreConfig) (string, *Store) {
		s := openTestStore(t, cfg)
		l, ok := s.Log(testTP)
		if !ok {
			t.Fatal(s.Broken(testTP))
		}
		out := fmt.Sprintln(l.Offsets(), l.LatestEpoch(), l.epochs.starts, l.Producers(), l.snapshot, l.Size())
		for _, seg := range l.segments {
			out += fmt.Sprintln(seg.base, seg.size, seg.offsets.onDisk, seg.times.onDisk, seg.aborted)
		}
		return out, s
	}
	without := cfg
	other := mem.Kill()
	if err := other.Remove("/data/" + manifestFile); err != nil {
		t.Fatal(err)
	}
	without.FS = other
	want, b := state(without)
	defer b.Close()
	got, a := state(cfg)
	defer a.Close()
	if got != want {
		t.Errorf("with the manifest\n%swithout\n%s", got, want)
	}
}

func TestAManifestThatIsNotOfThisStopIsIgnored(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, mem *fs.Mem){
		"the marker is another": func(t *testing.T, mem *fs.Mem) {
			if err := mem.SetModTime("/data/"+cleanShutdownFile, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		},
		"it is damaged": func(t *testing.T, mem *fs.Mem) {
			if err := writeUnsynced(mem, "/data/"+manifestFile, []byte("leatlogs and nonsense")); err != nil {
				t.Fatal(err)
			}
		},
		"it is empty": func(t *testing.T, mem *fs.Mem) {
			if err := writeUnsynced(mem, "/data/"+manifestFile, nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManifestStore(t)
			change(t, m.mem)
			s := m.open(t, m.mem)
			defer s.Close()
			if !strings.Contains(m.log.String(), "level=WARN msg=\"manifest of clean logs") {
				t.Errorf("not told: %s", &m.log)
			}
			for p := range int32(4) {
				m.wantRecords(t, s, p, fmt.Sprintf("[0=v%d]", p))
			}
		})
	}
}

func TestDirectoriesThatComeAndGoWhileStopped(t *testing.T) {
	m := newManifestStore(t)
	if err := m.mem.RemoveAll("/data/orders-0"); err != nil {
		t.Fatal(err)
	}
	// orders-1 is replaced by a copy of another log, orders-7 is new.
	copyLog := func(to string) {
		if err := m.mem.MkdirAll("/data/"+to, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{offsetName(0, logSuffix), partitionMetaFile} {
			b, err := fs.ReadFile(m.mem, "/data/orders-3/"+name)
			if err != nil {
				t.Fatal(err)
			}
			if err := writeUnsynced(m.mem, filepath.Join("/data", to, name), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.mem.RemoveAll("/data/orders-1"); err != nil {
		t.Fatal(err)
	}
	copyLog("orders-1")
	copyLog("orders-7")
	s := m.open(t, m.mem)
	defer s.Close()
	if _, ok := s.Log(record.TopicPartition{Topic: "orders", Partition: 0}); ok {
		t.Error("orders-0 is there")
	}
	m.wantRecords(t, s, 1, "[0=v3]")
	m.wantRecords(t, s, 2, "[0=v2]")
	m.wantRecords(t, s, 3, "[0=v3]")
	m.wantRecords(t, s, 7, "[0=v3]")
}

func TestAFileThatChangedBehindTheManifestIsFoundOut(t *testing.T) {
	const file = "/data/orders-2/00000000000000000000.log"
	for name, change := range map[string]func(mem *fs.Mem) error{
		"cut":    func(mem *fs.Mem) error { return resize(mem, file, 5) },
		"longer": func(mem *fs.Mem) error { return resize(mem, file, 5000) },
		"gone": func(mem *fs.Mem) error {
			info, err := mem.Stat(filepath.Dir(file))
			return errors.Join(err, mem.Remove(file), mem.SetModTime(filepath.Dir(file), info.ModTime()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManifestStore(t)
			if err := change(m.mem); err != nil {
				t.Fatal(err)
			}
			s := m.open(t, m.mem)
			defer s.Close()
			l, ok := s.Log(record.TopicPartition{Topic: "orders", Partition: 2})
			if !ok {
				t.Fatal("orders-2 is not there")
			}
			if _, err := l.Read(0, 100, ReadLogEnd, true); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), file) {
				t.Errorf("read: %v", err)
			}
			if _, err := l.Append(batchOf(t, 9, "w"), clientAppend); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), file) {
				t.Errorf("append: %v", err)
			}
			if err := s.dirs[0].offline(); err != nil {
				t.Errorf("the directory went offline: %v", err)
			}
			m.wantRecords(t, s, 3, "[0=v3]")
		})
	}
}

func resize(mem *fs.Mem, path string, size int64) error {
	f, err := mem.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

func TestAfterAKillOnlyWhatWasWrittenToIsRecovered(t *testing.T) {
	for name, die := range map[string]func(*fs.Mem) *fs.Mem{"kill": (*fs.Mem).Kill, "power loss": func(m *fs.Mem) *fs.Mem { return m.Crash(nil) }} {
		t.Run(name, func(t *testing.T) {
			m := newManifestStore(t)
			s := m.open(t, m.mem)
			appended := m.create(t, s, 1)
			mustAppend(t, appended, batchOf(t, 2, "more"))
			started := m.create(t, s, 3)
			started.SetHighWatermark(1)
			left := die(m.mem)
			_ = s.Close() // of a process that is gone
			s = m.open(t, left)
			defer s.Close()
			for _, x := range m.touched {
				if (strings.Contains(x, "orders-0") || strings.Contains(x, "orders-3")) && !strings.HasPrefix(x, "stat ") {
					t.Errorf("looked into a log that nobody wrote to: %s", x)
				}
			}
			m.wantRecords(t, s, 0, "[0=v0]")
			m.wantRecords(t, s, 3, "[0=v3]")
			if name == "kill" {
				m.wantRecords(t, s, 1, "[0=v1 1=more]")
			} else {
				m.wantRecords(t, s, 1, "[0=v1]")
			}
		})
	}
}

// The log is as long as it was at the clean stop, and its recovery point stands where it stood, but it is another.
func TestATruncatedLogIsNotTakenForTheOneBefore(t *testing.T) {
	m := newManifestStore(t)
	s := m.open(t, m.mem)
	l := m.create(t, s, 2)
	if err := l.TruncateTo(0); err != nil {
		t.Fatal(err)
	}
	producer := batchBy(t, 8, 0, 0, 1, false)
	mustAppend(t, l, producer)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
	size := l.Size()
	left := m.mem.Kill()
	_ = s.Close() // of a process that is gone
	if err := resize(left, "/data/orders-2/"+offsetName(0, logSuffix), size); err != nil {
		t.Fatal(err)
	}
	m.cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: forever} }
	s = m.open(t, left)
	defer s.Close()
	l, _ = s.Log(l.TopicPartition())
	if got := l.Producers(); len(got) != 1 || got[0].ProducerID != 8 {
		t.Errorf("producers %+v", got)
	}
}

// Power is lost, or the process killed, before each file operation of a stop: the next start finds everything that was synced, and after a
// kill everything.
func TestEveryCrashWhileClosing(t *testing.T) {
	for step := 0; ; step += stride() {
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		s := openTestStore(t, cfg)
		m := &manifestStore{cfg: cfg, mem: mem}
		for p := range int32(3) {
			l := m.create(t, s, p)
			mustAppend(t, l, batchOf(t, 1, "synced"))
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batchOf(t, 1, "not"))
		}
		s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
		n, died := 0, false
		mem.Inject(func(fs.Op, string) error {
			if died = died || n == step; died {
				return syscall.EIO
			}
			n++
			return nil
		})
		err := s.Close()
		mem.Inject(nil)
		for how, left := range map[string]*fs.Mem{"kill": mem.Kill(), "power loss": mem.Crash(nil)} {
			after := &manifestStore{cfg: cfg}
			s := after.open(t, left)
			for p := range int32(3) {
				want := "[0=synced 1=not]"
				l, _ := s.Log(record.TopicPartition{Topic: "orders", Partition: p})
				if how == "power loss" && l != nil && l.Offsets().LogEnd == 1 && died {
					want = "[0=synced]"
				}
				after.wantRecords(t, s, p, want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Fatalf("%s before operation %d", how, step)
			}
		}
		if !died {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}
