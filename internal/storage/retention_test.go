package storage

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

const year = 365 * 24 * time.Hour

// aged is a log with a segment for each record; records have the given timestamps, files are written at the given time.
func aged(t *testing.T, mem *fs.Mem, written time.Time, stamps ...time.Time) *Log {
	t.Helper()
	l := openTestLog(t, mem, "/log", LogConfig{SegmentBytes: 100, Delete: true, RetentionMs: 24 * time.Hour, RetentionBytes: -1, TimestampAfterMax: 100 * year})
	for i, ts := range stamps {
		b := batchOf(t, ts.UnixMilli(), fmt.Sprintf("v%d", i))
		if _, err := l.Append(b, AppendOptions{LeaderEpoch: 1, Now: written}); err != nil {
			t.Fatal(err)
		}
	}
	l.SetHighWatermark(int64(len(stamps)))
	for _, seg := range l.segments {
		if err := mem.SetModTime(seg.file.path, written); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func retained(t *testing.T, l *Log, now time.Time) int64 {
	t.Helper()
	if _, err := l.Retain(now); err != nil {
		t.Fatal(err)
	}
	return l.Offsets().LogStart
}

func TestARecordFromTheFutureDoesNotKeepALogForEver(t *testing.T) {
	mem := fs.NewMem()
	l := aged(t, mem, day0, day0.Add(10*year), day0, day0.Add(-time.Hour))
	if got := retained(t, l, day0.Add(23*time.Hour)); got != 0 {
		t.Errorf("a day is not over: the log starts at %d", got)
	}
	if got := retained(t, l, day0.Add(25*time.Hour)); got != 3 {
		t.Errorf("a day after the last write: the log starts at %d, want 3", got)
	}
}

// What was copied or restored has times that say nothing: they count only where the records' own cannot.
func TestTheTimesOfFilesDoNotExpireRecordsThatAreYoung(t *testing.T) {
	mem := fs.NewMem()
	l := aged(t, mem, time.UnixMilli(0), day0, day0.Add(time.Hour), day0.Add(2*time.Hour))
	if got := retained(t, l, day0.Add(24*time.Hour)); got != 0 {
		t.Errorf("the log starts at %d although its records are a day old at most", got)
	}
	if got := retained(t, l, day0.Add(24*time.Hour+time.Minute)); got != 1 {
		t.Errorf("the log starts at %d, want 1", got)
	}
}

// The clock was a year ahead for a while: records and files are from then. They go a retention time after it was set right.
func TestWhatWasWrittenWithAClockAheadExpiresAfterItWasSetBack(t *testing.T) {
	mem := fs.NewMem()
	l := aged(t, mem, day0.Add(year), day0.Add(year), day0.Add(year))
	for _, c := range []struct{ hours, want int64 }{{0, 0}, {12, 0}, {23, 0}, {25, 2}} {
		if got := retained(t, l, day0.Add(time.Duration(c.hours)*time.Hour)); got != c.want {
			t.Errorf("%d hours after the clock was set back: the log starts at %d, want %d", c.hours, got, c.want)
		}
	}
}

// A clock that is wrong for a while, far in the past, expires nothing.
func TestAClockThatJumpsBackForAWhileExpiresNothing(t *testing.T) {
	mem := fs.NewMem()
	l := aged(t, mem, day0, day0, day0)
	for _, now := range []time.Time{day0.Add(-20 * year), day0.Add(-20*year + 23*time.Hour), day0.Add(time.Hour)} {
		if got := retained(t, l, now); got != 0 {
			t.Errorf("at %v the log starts at %d", now, got)
		}
	}
}

func TestASegmentThatBeginsInTheFutureRollsByTheClock(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{SegmentMs: time.Hour, TimestampAfterMax: 100 * year})
	at := day0
	add := func(ts time.Time) int {
		t.Helper()
		if _, err := l.Append(batchOf(t, ts.UnixMilli(), "v"), AppendOptions{LeaderEpoch: 1, Now: at}); err != nil {
			t.Fatal(err)
		}
		return len(l.segments)
	}
	l.segments[0].created = at.UnixMilli()
	add(at.Add(10 * year))
	for range 3 {
		at = at.Add(25 * time.Minute)
		add(at)
	}
	if got := len(l.segments); got != 2 {
		t.Errorf("%d segments after 75 minutes, want 2", got)
	}
	at = at.Add(-10 * year) // set back: the hour counts from now
	n := add(at)
	at = at.Add(61 * time.Minute)
	if got := add(at.Add(-11 * year)); got > n+1 {
		t.Errorf("%d segments after the clock was set back, there were %d", got, n)
	}
}

func TestFlushMsOutlivesAClockThatIsSetBack(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{FlushMs: time.Hour})
	mustAppend(t, l, batchOf(t, 1, "v"))
	l.lastFlush = day0.UnixMilli()
	if l.flushDue(day0.Add(time.Minute)) || !l.flushDue(day0.Add(-year)) || !l.flushDue(day0.Add(time.Hour)) {
		t.Error("a flush is due an hour after the last one, or when the last one lies in the future")
	}
}

// A directory whose files cannot be read any more goes offline, like one that cannot be written; the others serve on.
func TestAReadErrorOfTheDeviceTakesItsDirectoryOffline(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		offline bool
	}{
		"the device fails":   {syscall.EIO, true},
		"no permission":      {syscall.EACCES, false},
		"too many open":      {syscall.EMFILE, false},
		"the file is absent": {syscall.ENOENT, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem := fs.NewMem()
				var failed []string
				cfg := testStoreConfig(t, mem, "/one", "/two")
				cfg.Settings = func() Settings { return Settings{MaxOpenFiles: 1} }
				cfg.DirFailed = func(dir string, _ error) { failed = append(failed, dir) }
				s := openRunningStore(t, cfg)
				defer s.Close()
				var logs [2]*Log
				for i := range logs {
					l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: int32(i)}, record.UUID{1}, s.Dirs()[i].ID)
					if err != nil {
						t.Fatal(err)
					}
					mustAppend(t, l, batchOf(t, 1, "v"))
					l.SetHighWatermark(1)
					logs[i] = l
				}
				mem.Inject(func(op fs.Op, name string) error {
					if (op == fs.OpRead || op == fs.OpOpen) && len(name) > 4 && name[:4] == "/one" {
						return c.err
					}
					return nil
				})
				logs[0].marks.reset() // so that a read has to look into the file
				if _, err := logs[0].Read(0, 1000, ReadUncommitted, true); !errors.Is(err, ErrDisk) {
					t.Errorf("read: %v", err)
				}
				synctest.Wait()
				if got := s.Dirs()[0].Offline != nil; got != c.offline || (len(failed) == 1) != c.offline {
					t.Errorf("offline: %v, told of %v", s.Dirs()[0].Offline, failed)
				}
				mem.Inject(nil)
				if got := len(readAll(t, logs[1], 0, 1000, ReadUncommitted)); got != 1 {
					t.Errorf("the other directory serves %d records", got)
				}
				mustAppend(t, logs[1], batchOf(t, 1, "v"))
			})
		})
	}
}
