package storage

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

func TestWhatIsDueForACleaning(t *testing.T) {
	// Ten segments of one batch each, an hour apart, and the active one.
	fill := func(t *testing.T, lc LogConfig) (*Store, *Log) {
		s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), lc)
		for i := range 11 {
			v := strings.Repeat("v", 350)
			mustAppend(t, l, keyed(t, day0.Add(time.Duration(i)*time.Hour).UnixMilli(), 0, fmt.Sprintf("k=%s", v)))
		}
		settleLog(t, l)
		if got := segmentBases(l); len(got) != 11 {
			t.Fatalf("segments %v", got)
		}
		return s, l
	}
	end := day0.Add(11 * time.Hour)
	for name, c := range map[string]struct {
		change func(lc *LogConfig)
		log    func(t *testing.T, s *Store, l *Log)
		limit  int64
		due    bool
	}{
		"all but the active segment": {limit: 10, due: true},
		"up to the high watermark":   {log: func(_ *testing.T, _ *Store, l *Log) { l.SetHighWatermark(5) }, limit: 5, due: true},
		"up to what is synced": {log: func(_ *testing.T, _ *Store, l *Log) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.recovery = 7
		}, limit: 7, due: true},
		"up to an open transaction": {log: func(t *testing.T, _ *Store, l *Log) {
			if err := l.TruncateTo(4); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batchBy(t, 7, 0, 0, 1, true))
			fillKeys(t, l, 0, 10)
			settleLog(t, l)
		}, limit: 4, due: true},
		"not what is younger than min.compaction.lag.ms": {change: func(lc *LogConfig) { lc.MinCompactionLag = 5*time.Hour + time.Minute }, limit: 6, due: true},
		"not below min.cleanable.dirty.ratio": {change: func(lc *LogConfig) { lc.MinCleanableDirtyRatio = 0.5 },
			log: func(t *testing.T, s *Store, l *Log) {
				if err := s.dirs[0].cleaned.advance(l, 5, l.truncates); err != nil {
					t.Fatal(err)
				}
			}, limit: 10, due: false},
		"above it": {change: func(lc *LogConfig) { lc.MinCleanableDirtyRatio = 0.5 },
			log: func(t *testing.T, s *Store, l *Log) {
				if err := s.dirs[0].cleaned.advance(l, 4, l.truncates); err != nil {
					t.Fatal(err)
				}
			}, limit: 10, due: true},
		"below it, but waiting for longer than max.compaction.lag.ms": {
			change: func(lc *LogConfig) { lc.MinCleanableDirtyRatio, lc.MaxCompactionLag = 1, 10*time.Hour }, limit: 10, due: true},
		"below it, and not waiting that long": {
			change: func(lc *LogConfig) { lc.MinCleanableDirtyRatio, lc.MaxCompactionLag = 1, 12*time.Hour }, limit: 10, due: false},
		"all again if the checkpoint lies behind the end": {log: func(_ *testing.T, s *Store, l *Log) {
			s.dirs[0].cleaned.load()
			s.dirs[0].cleaned.points[l.tp] = 1000
		}, limit: 10, due: true},
	} {
		t.Run(name, func(t *testing.T) {
			lc := testCompaction
			if c.change != nil {
				c.change(&lc)
			}
			s, l := fill(t, lc)
			defer s.Close()
			if c.log != nil {
				c.log(t, s, l)
			}
			point, known := s.dirs[0].cleaned.of(l.tp)
			got, err := l.dirt(point, known, end)
			if err != nil || got.limit != c.limit || got.due() != c.due {
				t.Errorf("limit %d, due %t (dirty %d of %d, delay %v), %v; want %d, %t", got.limit, got.due(), got.dirty, got.clean+got.dirty, got.delay,
					err, c.limit, c.due)
			}
		})
	}
}

func TestACompactedSegmentIsRolledAfterMaxCompactionLag(t *testing.T) {
	lc := testCompaction
	lc.SegmentBytes, lc.SegmentMs, lc.MaxCompactionLag = 1<<20, 24*time.Hour, time.Hour
	s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), lc)
	defer s.Close()
	for _, after := range []time.Duration{0, time.Hour, time.Hour + time.Millisecond} {
		mustAppend(t, l, keyed(t, day0.Add(after).UnixMilli(), 0, "a=1"))
	}
	if got := segmentBases(l); !slices.Equal(got, []int64{0, 2}) {
		t.Errorf("segments %v, want a second one from the record on that is older than an hour", got)
	}
}

func TestRetentionAndCompactionBothWork(t *testing.T) {
	lc := testCompaction
	lc.Delete, lc.RetentionMs = true, time.Hour
	s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), lc)
	defer s.Close()
	want := fillKeys(t, l, 0, 60) // 600 ms
	settleLog(t, l)
	c, err := testWorker(s).begin(s.cleaner.grab(day0), day0)
	if err != nil {
		t.Fatal(err)
	}
	late := day0.Add(time.Hour + 300*time.Millisecond)
	if n, err := l.Retain(late); n != 0 || err != nil {
		t.Errorf("%d segments deleted while they are cleaned, %v", n, err)
	}
	if err := c.do(); err != nil {
		t.Fatal(err)
	}
	l.endCleaning()
	delete(s.cleaner.busy, l.tp)
	if n, err := l.Retain(late); n == 0 || err != nil {
		t.Errorf("%d segments deleted, %v", n, err)
	}
	for k, v := range lastValues(t, l, ReadLogEnd) {
		if want[k] != v {
			t.Errorf("%s: %s, want %s", k, v, want[k])
		}
	}
	if err := s.dirs[0].cleaned.advance(l, c.run.NextDirty, l.truncates); err != nil {
		t.Fatal(err)
	}
	fillKeys(t, l, 60, 30)
	settleLog(t, l)
	if n := cleanNow(s, day0); n != 1 || len(s.CleanerStatus().Uncleanable) > 0 {
		t.Errorf("%d logs cleaned after retention, %+v", n, s.CleanerStatus())
	}
}

func TestTheCleanerCheckpointFollowsTruncationAndDeletion(t *testing.T) {
	mem := fs.NewMem()
	s, l := compactedLog(t, testStoreConfig(t, mem, "/data"), testCompaction)
	defer s.Close()
	fillKeys(t, l, 0, 60)
	settleLog(t, l)
	cleanNow(s, day0)
	file := func() string {
		b, err := fs.ReadFile(mem.Crash(nil), "/data/"+cleanerPointFile)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if err := l.TruncateTo(60); err != nil {
		t.Fatal(err)
	}
	if want := string(formatOffsets([]partitionOffset{{l.tp, l.Offsets().LogEnd}})); file() != want {
		t.Errorf("after a truncation: %q, want %q", file(), want)
	}
	if err := s.Delete(l.tp); err != nil {
		t.Fatal(err)
	}
	l, err := s.Create(testTP, record.UUID{5}, record.UUID{}) // before that, nothing may be left of its predecessor
	if err != nil {
		t.Fatal(err)
	}
	if file() != "0\n0\n" {
		t.Errorf("after a deletion: %q", file())
	}
	if point, known := s.dirs[0].cleaned.of(l.tp); known {
		t.Errorf("the new log is clean up to %d", point)
	}
}

func TestSweepGoesByTheRulesOfKafka(t *testing.T) {
	const a, b, c = "00000000000000000000", "00000000000000000010", "00000000000000000020"
	for name, files := range map[string]struct{ before, after string }{
		"not begun":       {a + ".log " + a + ".index " + a + ".log.cleaned " + a + ".index.cleaned", a + ".log " + a + ".index"},
		"half renamed":    {a + ".log " + a + ".index " + a + ".log.cleaned " + a + ".index.swap " + a + ".txnindex.swap", a + ".log " + a + ".index"},
		"a later one too": {a + ".log " + a + ".log.cleaned " + b + ".log.swap " + b + ".log", a + ".log " + b + ".log"},
		"decided": {
			a + ".log " + a + ".index " + a + ".txnindex " + b + ".log " + b + ".index " + a + ".log.swap " + a + ".index.swap " + c + ".log",
			a + ".log " + a + ".index " + c + ".log"},
		"the old log is gone, its transaction index is not": {
			a + ".log.deleted " + a + ".txnindex " + a + ".log.swap " + a + ".index.swap", a + ".log " + a + ".index"},
		"only the indexes are missing": {a + ".log " + a + ".index.swap " + a + ".timeindex.swap", a + ".index " + a + ".log " + a + ".timeindex"},
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			if err := mem.MkdirAll("/log", 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range strings.Fields(files.before) {
				content := []byte(nil)
				if strings.HasPrefix(name, a+".log.swap") { // reaches over the segment behind it
					content = keyed(t, 1, 0, "a=1")
					record.Batch(content).SetBaseOffset(15)
				}
				if err := fs.WriteFile(mem, "/log/"+name, content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			l := newLog(testTP, "/log", mem, nil, &soloHost{}, LogConfig{}, nil)
			entries, err := mem.ReadDir("/log")
			if err == nil {
				_, err = l.sweep(entries)
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			left, _ := mem.ReadDir("/log")
			for _, e := range left {
				names = append(names, e.Name())
			}
			want := strings.Fields(files.after)
			slices.Sort(want)
			if !slices.Equal(names, want) {
				t.Errorf("left %v\nwant %v", names, want)
			}
			if info, err := mem.Stat("/log/" + a + ".log"); strings.Contains(files.before, a+".log.swap") && (err != nil || info.Size() == 0) {
				t.Errorf("the old file is still there: %v, %v", info, err)
			}
		})
	}
}

func TestACleaningIsThrottledAndStopsWithTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := faultConfig(t, fs.NewMem())
		cfg.Settings = func() Settings {
			return Settings{Cleaner: CleanerSettings{BytesPerSecond: 1, Backoff: time.Millisecond}}
		}
		s := openRunningStore(t, cfg)
		l := newLogIn(t, s)
		fillKeys(t, l, 0, 60)
		settleLog(t, l)
		time.Sleep(time.Second)
		if st := s.CleanerStatus(); st.BytesRead == 0 || st.Cleaned != 0 {
			t.Errorf("a second after there is something to clean: %+v", st)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if st := s.CleanerStatus(); st.Cleaned != 0 || st.Failed != 0 || st.Threads != 0 {
			t.Errorf("%+v", st)
		}
	})
}
