package storage

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
	"leat/internal/storage/compact"
)

// keyed builds a batch of records written "key=value", or "key" for a tombstone.
func keyed(t testing.TB, ts int64, codec record.Codec, list ...string) []byte {
	t.Helper()
	spec := record.NewSpec()
	spec.Codec = codec
	return keyedBatch(t, spec, ts, list...)
}

func keyedBatch(t testing.TB, spec record.BatchSpec, ts int64, list ...string) []byte {
	t.Helper()
	records := make([]record.Record, len(list))
	for i, x := range list {
		k, v, ok := strings.Cut(x, "=")
		records[i] = record.Record{Timestamp: ts + int64(i), Key: []byte(k)}
		if ok {
			records[i].Value = []byte(v)
		}
	}
	b, err := record.AppendBatch(nil, spec, records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testCompaction is the config of a compacted topic with small segments.
var testCompaction = LogConfig{
	SegmentBytes: 600, IndexIntervalBytes: 100, Compact: true, RetentionMs: -1, RetentionBytes: -1, MinCleanableDirtyRatio: 0.01,
	DeleteRetention: time.Hour, MaxCompactionLag: forever, FileDeleteDelay: time.Hour, TimestampAfterMax: 1000 * time.Hour,
}

// compactedLog makes a store with one compacted log.
func compactedLog(t testing.TB, cfg StoreConfig, lc LogConfig) (*Store, *Log) {
	t.Helper()
	cfg.LogConfig = func(string) LogConfig { return lc }
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

// settleLog makes all of a log cleanable, but for its active segment.
func settleLog(t testing.TB, l *Log) {
	t.Helper()
	l.SetHighWatermark(l.Offsets().LogEnd)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
}

func testWorker(s *Store) *cleanWorker {
	return &cleanWorker{cleaner: &s.cleaner, offsets: compact.NewOffsetMap(1<<20, 0.9)}
}

// cleanNow lets the cleaner do all that is due, and returns how many logs it cleaned.
func cleanNow(s *Store, now time.Time) (n int) {
	w := testWorker(s)
	for ; n < 100; n++ {
		t := s.cleaner.grab(now)
		if t == nil {
			break
		}
		s.cleaner.cleanOne(w, t, now)
	}
	return n
}

// lastValues is what a reader of the whole log ends up with: "key=value" of the last record of each key, tombstones as "key".
func lastValues(t testing.TB, l *Log, iso Isolation) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for offset := l.Offsets().LogStart; ; {
		s, err := l.Read(offset, 1<<20, iso, true)
		if err != nil {
			t.Fatalf("read at %d: %v", offset, err)
		}
		if s.Len() == 0 {
			return out
		}
		b := make([]byte, s.Len())
		if _, err := s.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		skip := map[int64]bool{}
		for _, a := range s.Aborted {
			skip[a.ProducerID] = true // in these tests a producer aborts all or nothing
		}
		offset = s.NextOffset
		s.Release()
		for len(b) > 0 {
			batch, rest, err := record.Split(b)
			if err == nil {
				err = batch.Check()
			}
			if err != nil {
				t.Fatal(err)
			}
			b = rest
			if batch.Control() || iso == ReadCommitted && batch.Transactional() && skip[batch.ProducerID()] {
				continue
			}
			_ = batch.Records(0, func(r *record.Record) bool {
				out[string(r.Key)] = fmt.Sprintf("%d=%s", r.Offset, r.Value)
				if r.Value == nil {
					out[string(r.Key)] = fmt.Sprintf("%d deleted", r.Offset)
				}
				return true
			})
		}
	}
}

// fillKeys writes n batches over a few keys, and returns the last value of each.
func fillKeys(t testing.TB, l *Log, from, n int) map[string]string {
	t.Helper()
	want := make(map[string]string)
	for i := from; i < from+n; i++ {
		var list []string
		base := l.Offsets().LogEnd
		for j := range 3 {
			k := fmt.Sprintf("key-%d", (i*3+j*j)%11)
			v := fmt.Sprintf("%d.%d", i, j)
			list = append(list, k+"="+v)
			want[k] = fmt.Sprintf("%d=%s", base+int64(j), v)
		}
		mustAppend(t, l, keyed(t, day0.UnixMilli()+int64(10*i), record.Codec(i%4), list...)) // zstd has a test of its own: its encoder is slow to make
	}
	return want
}

func countRecords(t testing.TB, l *Log) int {
	t.Helper()
	return len(readAll(t, l, 0, 1<<20, ReadLogEnd))
}

func TestCompactionKeepsTheLastValueOfEachKey(t *testing.T) {
	for name, fsys := range map[string]fs.FS{"in memory": fs.NewMem(), "on disk": fs.OS} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := testStoreConfig(t, fsys, dir)
			s, l := compactedLog(t, cfg, testCompaction)
			want := fillKeys(t, l, 0, 60)
			settleLog(t, l)
			before, offsets := countRecords(t, l), l.Offsets()
			if n := cleanNow(s, day0); n != 1 {
				t.Fatalf("cleaned %d logs: %+v", n, s.CleanerStatus())
			}
			check := func(l *Log) {
				t.Helper()
				if got := lastValues(t, l, ReadUncommitted); !maps.Equal(got, want) {
					t.Fatalf("got %v\nwant %v", got, want)
				}
				if l.Offsets() != offsets {
					t.Errorf("offsets %+v, were %+v", l.Offsets(), offsets)
				}
				for at := range offsets.LogEnd { // from wherever a reader begins
					if got := readAll(t, l, at, 200, ReadLogEnd); len(got) == 0 {
						t.Fatalf("nothing to read from %d", at)
					}
				}
				first := readAll(t, l, 0, 1<<20, ReadLogEnd)[0]
				found, err := l.OffsetForTimestamp(day0.UnixMilli())
				if err != nil || !strings.HasPrefix(first, fmt.Sprint(found.Offset, "=")) {
					t.Errorf("the oldest record is %s, by time it is %+v, %v", first, found, err)
				}
			}
			check(l)
			after := countRecords(t, l)
			if after >= before/2 {
				t.Errorf("%d records are left of %d", after, before)
			}
			b, err := fs.ReadFile(fsys, filepath.Join(dir, cleanerPointFile))
			if want := string(formatOffsets([]partitionOffset{{l.tp, l.active().base}})); err != nil || string(b) != want {
				t.Errorf("checkpoint %q, %v; want %q", b, err, want)
			}
			if n := cleanNow(s, day0); n != 0 {
				t.Errorf("cleaned %d logs again though nothing came", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			cfg.LogConfig = func(string) LogConfig { return testCompaction }
			s = openTestStore(t, cfg)
			l, _ = s.Log(testTP)
			check(l)
			// Not closed: the next one recovers.
			if mem, ok := fsys.(*fs.Mem); ok {
				cfg.FS = mem.Kill()
				s2 := openTestStore(t, cfg)
				l, _ = s2.Log(testTP)
				check(l)
				_ = s2.Close()
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSmallSegmentsBecomeOne(t *testing.T) {
	s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), testCompaction)
	defer s.Close()
	fillKeys(t, l, 0, 60)
	settleLog(t, l)
	first := l.active().base
	before := len(l.segments)
	cleanNow(s, day0)
	want := fillKeys(t, l, 60, 60)
	settleLog(t, l)
	cleanNow(s, day0)
	cleaned := slices.IndexFunc(l.segments, func(s *segment) bool { return s.base >= first })
	if cleaned >= before/3 {
		t.Errorf("%d segments became %d", before, cleaned)
	}
	if got := lastValues(t, l, ReadLogEnd); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	for _, offset := range l.snapshot { // those of segments that are gone are gone
		if offset != l.Offsets().LogEnd && !slices.Contains(segmentBases(l), offset) {
			t.Errorf("snapshot at %d, segments at %v", offset, segmentBases(l))
		}
	}
}

func TestTombstonesGoAfterTheirHorizon(t *testing.T) {
	s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), testCompaction)
	defer s.Close()
	mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Zstd, "a=1", "b=1", "c=1"))
	mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Zstd, "a", "c=2"))
	roll := func() { // and make it worth a cleaning
		t.Helper()
		mustAppend(t, l, keyed(t, day0.UnixMilli(), 0, "filler="+strings.Repeat("x", 400)))
		mustAppend(t, l, keyed(t, day0.UnixMilli(), 0, "filler="+strings.Repeat("y", 400)))
		settleLog(t, l)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "[1=1 3= 4=2"},
		{59 * time.Minute, "[1=1 3= 4=2"},
		{time.Hour, "[1=1 4=2"},
	} {
		roll()
		if n := cleanNow(s, day0.Add(step.after)); n != 1 {
			t.Fatalf("after %v: %d cleanings", step.after, n)
		}
		if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); !strings.HasPrefix(got, step.want) {
			t.Errorf("after %v: %s, want %s", step.after, got, step.want)
		}
	}
}

func TestAProducerGoesOnAfterItsRecordsWereCompactedAway(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s, l := compactedLog(t, cfg, testCompaction)
	mustAppend(t, l, batchBy(t, 7, 0, 0, 2, false)) // key k
	fillKeys(t, l, 0, 20)
	mustAppend(t, l, keyed(t, day0.UnixMilli(), 0, "k=other"))
	fillKeys(t, l, 20, 20)
	settleLog(t, l)
	if n := cleanNow(s, day0); n != 1 {
		t.Fatal(n)
	}
	// All snapshots go, so that the table has to be found in the batches.
	for _, offset := range l.snapshot {
		if err := mem.Remove(l.name(offsetName(offset, snapshotSuffix))); err != nil {
			t.Fatal(err)
		}
	}
	cfg.FS = mem.Kill()
	cfg.LogConfig = func(string) LogConfig { return testCompaction }
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: 1 << 62} }
	s2 := openTestStore(t, cfg)
	defer s2.Close()
	l, _ = s2.Log(testTP)
	if info, err := l.Append(batchBy(t, 7, 0, 0, 2, false), clientAppend); err != nil || !info.Duplicate || info.BaseOffset != 0 {
		t.Errorf("the last batch again: %+v, %v", info, err)
	}
	if info, err := l.Append(batchBy(t, 7, 0, 2, 1, false), clientAppend); err != nil || info.Duplicate {
		t.Errorf("the next batch: %+v, %v", info, err)
	}
}

func TestAbortedTransactionsGoAndMarkersFollow(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: 1 << 62} }
	s, l := compactedLog(t, cfg, testCompaction)
	mustAppend(t, l, keyed(t, day0.UnixMilli(), 0, "k=committed")) // 0
	mustAppend(t, l, batchBy(t, 7, 0, 0, 3, true))                 // 1 to 3, of key k
	mustAppend(t, l, batchBy(t, 7, 0, 3, 1, true))                 // 4
	if _, err := l.Append(marker(7, 0, false, 1), coordinatorAppend); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchBy(t, 8, 0, 0, 1, true)) // 6
	if _, err := l.Append(marker(8, 0, true, 1), coordinatorAppend); err != nil {
		t.Fatal(err)
	}
	want := fillKeys(t, l, 0, 30)
	want["k"] = "6=8-0"
	settleLog(t, l)
	now := day0
	for round := range 4 {
		if n := cleanNow(s, now); n != 1 {
			t.Fatalf("round %d: %d cleanings", round, n)
		}
		for _, l := range []*Log{l, reopened(t, mem, cfg)} {
			if got := lastValues(t, l, ReadCommitted); !maps.Equal(got, want) {
				t.Fatalf("round %d: %v\nwant %v", round, got, want)
			}
			if o := l.Offsets(); o.LastStable != o.HighWatermark {
				t.Errorf("round %d: %+v", round, o)
			}
		}
		want = maps.Clone(want)
		maps.Copy(want, fillKeys(t, l, 30+30*round, 30))
		settleLog(t, l)
		now = now.Add(2 * time.Hour)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// reopened is the log as another process finds it after this one was killed.
func reopened(t *testing.T, mem *fs.Mem, cfg StoreConfig) *Log {
	t.Helper()
	cfg.FS = mem.Kill()
	cfg.LogConfig = func(string) LogConfig { return testCompaction }
	s := openTestStore(t, cfg)
	t.Cleanup(func() { _ = s.Close() })
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatal(s.Broken(testTP))
	}
	l.SetHighWatermark(l.Offsets().LogEnd)
	return l
}

func TestAMapThatIsFullEndsTheRoundEarly(t *testing.T) {
	s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), testCompaction)
	defer s.Close()
	want := make(map[string]string)
	for i := range 400 {
		k := fmt.Sprintf("key-%d", i%150)
		info := mustAppend(t, l, keyed(t, day0.UnixMilli(), 0, fmt.Sprintf("%s=%d", k, i)))
		want[k] = fmt.Sprintf("%d=%d", info.BaseOffset, i)
	}
	settleLog(t, l)
	w := &cleanWorker{cleaner: &s.cleaner, offsets: compact.NewOffsetMap(0, 1)} // the least: 56 keys
	rounds := 0
	for ; ; rounds++ {
		job := s.cleaner.grab(day0)
		if job == nil {
			break
		}
		s.cleaner.cleanOne(w, job, day0)
		if st := s.CleanerStatus(); len(st.Uncleanable) > 0 || st.Runs[0].NextDirty <= st.Runs[0].FirstDirty || rounds > 20 {
			t.Fatalf("round %d: %+v", rounds, st)
		}
	}
	if rounds < 4 {
		t.Errorf("done in %d rounds", rounds)
	}
	if got := lastValues(t, l, ReadLogEnd); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if n := countRecords(t, l); n > 250 {
		t.Errorf("%d records are left", n)
	}
}

func TestADamagedLogIsNamedOnceAndKeepsNoOtherFromBeingCleaned(t *testing.T) {
	mem := fs.NewMem()
	s, l := compactedLog(t, testStoreConfig(t, mem, "/data"), testCompaction)
	defer s.Close()
	other, err := s.Create(record.TopicPartition{Topic: "payments"}, record.UUID{2}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Log{l, other} {
		fillKeys(t, l, 0, 40)
		settleLog(t, l)
	}
	broken := l.segments[2]
	f, err := mem.OpenFile(broken.file.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff, 0xff}, broken.size-3); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	bases := segmentBases(l)
	if n := cleanNow(s, day0); n != 2 {
		t.Fatalf("%d logs tried", n)
	}
	st := s.CleanerStatus()
	if len(st.Uncleanable) != 1 || st.Cleaned != 1 || st.Runs[0].Partition != other.tp {
		t.Fatalf("%+v", st)
	}
	u := st.Uncleanable[0]
	if u.Partition != testTP || u.Dir != "/data" || u.Bytes == 0 || !strings.Contains(u.Err.Error(), broken.file.path) ||
		!strings.Contains(u.Err.Error(), "position") {
		t.Errorf("%+v", u)
	}
	if got := segmentBases(l); !slices.Equal(got, bases) {
		t.Errorf("segments %v, were %v", got, bases)
	}
	if n := cleanNow(s, day0.Add(firstPause-time.Second)); n != 0 {
		t.Errorf("tried again within the pause")
	}
	if n := cleanNow(s, day0.Add(firstPause)); n != 1 {
		t.Errorf("not tried again after the pause")
	}
	// What was damaged goes, and with it the reason.
	l.SetHighWatermark(0)
	if err := l.TruncateFullyAndStartAt(0); err != nil {
		t.Fatal(err)
	}
	fillKeys(t, l, 0, 40)
	settleLog(t, l)
	if n := cleanNow(s, day0.Add(firstPause)); n != 1 || len(s.CleanerStatus().Uncleanable) != 0 {
		t.Errorf("%d logs cleaned, %+v", n, s.CleanerStatus())
	}
}

func segmentBases(l *Log) (list []int64) {
	for _, seg := range l.segments {
		list = append(list, seg.base)
	}
	return list
}

func TestTruncationAndDeletionEndACleaning(t *testing.T) {
	for name, disturb := range map[string]func(s *Store, l *Log) error{
		"truncation":             func(_ *Store, l *Log) error { return l.TruncateTo(60) },
		"truncation and growth":  func(_ *Store, l *Log) error { fillKeys(t, l, 0, 30); return l.TruncateTo(20) },
		"truncation to nothing":  func(_ *Store, l *Log) error { return l.TruncateFullyAndStartAt(0) },
		"deletion":               func(s *Store, l *Log) error { return s.Delete(l.tp) },
		"deletion and new topic": func(s *Store, l *Log) error { return recreate(s, l.tp) },
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %t", name, late), func(t *testing.T) {
				s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), testCompaction)
				defer s.Close()
				fillKeys(t, l, 0, 60)
				settleLog(t, l)
				c, err := testWorker(s).begin(s.cleaner.grab(day0), day0)
				if err == nil {
					err = c.survey()
				}
				if err == nil {
					err = c.buildMap()
				}
				if err == nil && late { // only the swap is still to come
					err = c.fill(c.newFilter(), 0, 2)
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := disturb(s, l); err != nil {
					t.Fatal(err)
				}
				want := logContent(t, s)
				if late {
					_, err = l.swap(c.out.seg, []*segment{c.sources[0].seg, c.sources[1].seg}, c.truncates)
				} else {
					err = c.rewrite(c.offsets.End())
				}
				if !errors.Is(err, errSwapLost) && !isClosed(err) {
					t.Errorf("the cleaning went on: %v", err)
				}
				l.endCleaning()
				if got := logContent(t, s); got != want {
					t.Errorf("the log is %s, was %s", got, want)
				}
			})
		}
	}
}

func recreate(s *Store, tp record.TopicPartition) error {
	if err := s.Delete(tp); err != nil {
		return err
	}
	l, err := s.Create(tp, record.UUID{9}, record.UUID{})
	if err == nil {
		_, err = l.Append(marker(1, 0, true, 1), coordinatorAppend)
	}
	return err
}

// logContent is all that is in the log of testTP.
func logContent(t *testing.T, s *Store) string {
	t.Helper()
	l, ok := s.Log(testTP)
	if !ok {
		return "gone"
	}
	return fmt.Sprint(l.Offsets(), readAll(t, l, 0, 1<<20, ReadLogEnd))
}
