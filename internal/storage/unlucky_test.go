package storage

import (
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// A power loss may leave the beginning of a file that was not synced. An epoch that began at 120 must not be taken for one that began at 12.
func TestLeaderEpochsWhoseFileWasCutAreRebuilt(t *testing.T) {
	f := newFlips(t, false, "killed")
	path := "/data/orders-3/" + epochFile
	whole, err := fs.ReadFile(f.mem, path)
	if err != nil {
		t.Fatal(err)
	}
	want := f.want[flipLogs[0]]
	for n := range whole {
		mem := f.mem.Kill()
		if err := overwrite(mem, path, whole[:n]); err != nil {
			t.Fatal(err)
		}
		seen, err := f.look(mem)
		if err != nil {
			t.Fatal(err)
		}
		if got := seen[flipLogs[0]]; got.err != nil || !got.same(want) {
			t.Errorf("cut at %d: %v %s", n, got.err, got.difference(want))
		}
	}
}

// A start offset that a truncation lowered is written down at once: records that are appended below the old one are not deleted ones.
func TestAStartOffsetThatATruncationLoweredHoldsAfterAKill(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		mustAppend(t, l, batchOf(t, 1, "old"))
	}
	l.SetHighWatermark(10)
	if err := l.AdvanceLogStart(8); err != nil {
		t.Fatal(err)
	}
	if err := s.dirs[0].checkpointAll(); err != nil {
		t.Fatal(err)
	}
	if err := l.TruncateFullyAndStartAt(3); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "new"))
	cfg.FS = mem.Kill()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, cfg)
	defer s.Close()
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatal(s.Broken(testTP))
	}
	if got := strings.Join(readAll(t, l, 3, 1<<20, ReadLogEnd), " "); got != "3=new" || l.Offsets().LogStart != 3 {
		t.Errorf("%q, %+v", got, l.Offsets())
	}
}

// Retention takes the segments that tell of a producer only after a durable snapshot does. One that a power loss tore is not relied on.
func TestATornSnapshotIsReplacedBeforeRetentionTakesWhatItToldOf(t *testing.T) {
	f := newFlips(t, false, "killed")
	cfg, err := f.config(f.mem)
	if err != nil {
		t.Fatal(err)
	}
	for path, b := range contents(t, f.mem, "/data/orders-3") {
		if strings.HasSuffix(path, snapshotSuffix) {
			if err := overwrite(f.mem, path, []byte(b[:len(b)/2])); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := openAlone(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := s.Log(flipLogs[0])
	want := map[int64]int32{7: 15, 8: 7} // the last sequences in what was synced
	l.SetHighWatermark(l.Offsets().LogEnd)
	if n, err := l.Retain(day0.Add(ms(10 * 86400_000))); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	cfg.FS = f.mem.Crash(nil)
	_ = closeAlone(s) // of a process that is gone
	if s, err = openAlone(cfg); err != nil {
		t.Fatal(err)
	}
	defer closeAlone(s)
	l, ok := s.Log(flipLogs[0])
	if !ok {
		t.Fatal(s.Broken(flipLogs[0]))
	}
	got := l.Producers()
	if len(got) != len(want) {
		t.Fatalf("%+v, expected %+v", got, want)
	}
	for _, p := range got {
		if last, ok := want[p.ProducerID]; !ok || p.LastSequence != last {
			t.Errorf("%+v, expected %+v", p, want)
		}
	}
}

// A flipped bit may lead an entry of a time index to a later batch with the same timestamp. A greater one before that must be found all the same.
func TestATimeIndexEntryOfALaterBatchHidesNothing(t *testing.T) {
	f := newFlips(t, false, "stopped")
	path := "/data/orders-3/00000000000000000050.timeindex"
	if err := flip(f.mem, path, 8*11+3); err != nil { // eight offsets further
		t.Fatal(err)
	}
	seen, err := f.look(f.mem)
	if err != nil {
		t.Fatal(err)
	}
	want := f.want[flipLogs[0]]
	if got := seen[flipLogs[0]]; got.err != nil || !got.same(want) {
		t.Errorf("%v %s", got.err, got.difference(want))
	}
}
