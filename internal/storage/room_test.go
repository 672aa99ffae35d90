package storage

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// guarded is a store with one log on a disk of 1 MB, slowed below 400 KB and refused below 100 KB.
func guarded(t *testing.T) (mem *fs.Mem, s *Store, l *Log, lines *bytes.Buffer) {
	mem, lines = fs.NewMem(), &bytes.Buffer{}
	mem.SetCapacity(1_000_000)
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Logger = slog.New(slog.NewTextHandler(lines, nil))
	cfg.Settings = func() Settings {
		return Settings{DiskSoftFree: 400_000, DiskHardFree: 100_000, RetentionCheck: time.Hour}
	}
	cfg.LogConfig = func(string) LogConfig {
		return LogConfig{Delete: true, RetentionMs: -1, RetentionBytes: -1, SegmentBytes: 100_000}
	}
	s = openRunningStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	return mem, s, l, lines
}

// fill appends batches of about 10 KB until one is slowed or refused.
func fill(t *testing.T, l *Log) (batches int, info AppendInfo, err error) {
	t.Helper()
	for batches = 1; ; batches++ { // key and value are alike
		info, err = l.Append(batchOf(t, 1, strings.Repeat("x", 4_900)), clientAppend)
		if err != nil || info.Throttle > 0 {
			return batches, info, err
		}
		if batches > 100 {
			t.Fatal("the disk took 1 MB")
		}
	}
}

func TestProducersAreSlowedThenRefusedThenTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, s, l, lines := guarded(t)
		defer s.Close()
		time.Sleep(2*time.Second + roomCheck/2) // from here to the next check everything is reckoned
		n, info, err := fill(t, l)
		if err != nil || info.Throttle <= 0 || info.Throttle > time.Minute || n < 55 || n > 65 {
			t.Fatalf("after %d batches of 10 KB: %+v, %v; want to be slowed after 600 KB", n, info, err)
		}
		// Nobody waits: each is told to wait longer, and in the end they are refused.
		var last time.Duration
		for ; err == nil; n++ {
			last = info.Throttle
			info, err = l.Append(batchOf(t, 1, strings.Repeat("x", 4_900)), clientAppend)
			if err == nil && info.Throttle < last {
				t.Errorf("batch %d waits %v, the one before %v", n, info.Throttle, last)
			}
		}
		if !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "/data") || n < 75 || n > 95 {
			t.Fatalf("after %d batches: %v; want to be refused after about 900 KB", n, err)
		}
		if last != longestDelay {
			t.Errorf("the last wait was %v, want the longest", last)
		}
		// The broker's own records go on, and so do reads.
		if _, err := l.Append(batchOf(t, 1, "commit"), AppendOptions{LeaderEpoch: 1, Origin: FromCoordinator, Now: day0}); err != nil {
			t.Errorf("a coordinator's append: %v", err)
		}
		if got := len(readAll(t, l, 0, 1<<20, ReadLogEnd)); got < 75 {
			t.Errorf("%d records are read", got)
		}
		room := s.Dirs()[0].Room
		if room.Grade != RoomGone || room.Refused != 1 || room.Delayed == 0 || room.Soft != 400_000 || room.Hard != 100_000 {
			t.Errorf("status %+v", room)
		}
		// A little room is not enough to come back, more is.
		l.SetHighWatermark(l.Offsets().LogEnd)
		makeRoom := func(bytes int64) {
			cfg := l.Config()
			cfg.RetentionBytes = bytes
			l.Configure(cfg)
			if _, err := l.Retain(time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2*time.Minute + roomCheck)
		}
		makeRoom(650_000)
		if g := s.Dirs()[0].Room.Grade; g != RoomShort {
			t.Errorf("grade %v with 250 KB free", g)
		}
		makeRoom(300_000)
		if info, err := l.Append(batchOf(t, 1, "again"), clientAppend); err != nil || info.Throttle != 0 {
			t.Errorf("with 700 KB free: %+v, %v", info, err)
		}
		mem.SetCapacity(0)
		var changes []string
		for line := range strings.Lines(lines.String()) {
			if _, msg, ok := strings.Cut(line, `msg="log directory`); ok {
				changes = append(changes, strings.Fields(msg)[0]+" "+strings.Fields(msg)[1])
			}
		}
		if got := strings.Join(changes, ", "); got != "short of, almost full,, short of, has room" {
			t.Errorf("told: %s", got)
		}
	})
}

// A disk that somebody else fills is noticed within a second, and the marks may change meanwhile.
func TestTheGuardSeesWhatOthersWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, s, l, _ := guarded(t)
		defer s.Close()
		if err := fs.WriteFile(mem, "/else", make([]byte, 950_000), 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * roomCheck)
		if _, err := l.Append(batchOf(t, 1, "a"), clientAppend); !errors.Is(err, ErrNoRoom) {
			t.Errorf("append with 50 KB free: %v", err)
		}
		if err := mem.Remove("/else"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * roomCheck)
		if info, err := l.Append(batchOf(t, 1, "a"), clientAppend); err != nil || info.Throttle != 0 {
			t.Errorf("append after it was removed: %+v, %v", info, err)
		}
	})
}

// Whoever waits as told writes ever slower and does not reach the hard mark.
func TestSlowedProducersDoNotReachTheHardMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, l, _ := guarded(t)
		defer s.Close()
		begin := time.Now()
		for time.Since(begin) < 5*time.Minute {
			info, err := l.Append(batchOf(t, 1, strings.Repeat("x", 100)), clientAppend)
			if err != nil {
				t.Fatalf("refused after %v with %d bytes free: %v", time.Since(begin), s.Dirs()[0].Room.Available, err)
			}
			time.Sleep(info.Throttle + time.Millisecond)
		}
		if left := s.Dirs()[0].Room.Available; left < 100_000 || left > 250_000 {
			t.Errorf("%d bytes are free after 5 minutes", left)
		}
	})
}

func TestMarksFollowTheDisk(t *testing.T) {
	for _, c := range []struct {
		total, soft, hard      int64 // of the disk and the settings
		wantedSoft, wantedHard int64
	}{
		{4 << 40, -1, -1, 10 << 30, 1 << 30},
		{100 << 30, -1, -1, 5 << 30, 1 << 30},
		{20 << 30, -1, -1, 1 << 30, (20 << 30) / 100},
		{100 << 20, -1, -1, 0, 0}, // too small to speak of shares
		{100 << 20, 5000, 1000, 5000, 1000},
		{4 << 40, 0, 0, 0, 0},
	} {
		soft, hard := diskMarks(c.total, Settings{DiskSoftFree: c.soft, DiskHardFree: c.hard})
		if soft != c.wantedSoft || hard != c.wantedHard {
			t.Errorf("disk of %d, settings %d and %d: marks %d and %d, want %d and %d", c.total, c.soft, c.hard, soft, hard, c.wantedSoft, c.wantedHard)
		}
	}
}
