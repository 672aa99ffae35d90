package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
)

// failNth lets the n-th operation that may fail, and no other, fail with err. Reads fail, too.
func failNth(mem *fs.Mem, n int, err error) (failed func() bool) {
	count := 0
	mem.Inject(func(op fs.Op, name string) error {
		count++
		if count != n {
			return nil
		}
		if op == fs.OpWrite {
			return &fs.ShortWrite{N: 17, Err: err}
		}
		return err
	})
	return func() bool { return count >= n }
}

// story appends, flushes, rolls, reads and closes, and returns the values of the records that were acknowledged.
func story(t *testing.T, mem *fs.Mem) (acked []string, errs []error) {
	t.Helper()
	return storyOf(t, mem, LogConfig{SegmentBytes: 500, IndexIntervalBytes: 100})
}

func storyOf(t *testing.T, mem *fs.Mem, cfg LogConfig) (acked []string, errs []error) {
	t.Helper()
	l, err := OpenLog(context.Background(), mem, "/log", testTP, cfg, Settings{MaxOpenFiles: 1}, nil)
	if err != nil {
		return nil, []error{err}
	}
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for i := range 16 {
		v := fmt.Sprintf("v%d", i)
		info, err := l.Append(batchOf(t, day0.UnixMilli()+int64(i), v, v), clientAppend)
		note(err)
		if err == nil {
			acked = append(acked, fmt.Sprintf("%d=%s", info.BaseOffset, v), fmt.Sprintf("%d=%s", info.LastOffset, v))
		}
		if i%5 == 4 {
			note(l.Flush())
		}
		if i%7 == 6 {
			s, err := l.Read(l.Offsets().LogEnd/2, 1000, ReadLogEnd, true)
			note(err)
			s.Release()
		}
	}
	note(l.Close())
	return acked, errs
}

func TestEveryFaultIsReportedAndLosesNothingAcknowledged(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for n := 1; ; n += stride() {
			mem := fs.NewMem()
			failed := failNth(mem, n, cause)
			acked, errs := story(t, mem)
			if !failed() {
				if n < 50 {
					t.Fatalf("only %d operations in the story", n)
				}
				break
			}
			mem.Inject(nil)
			left := mem.Kill()
			l, err := OpenLog(context.Background(), left, "/log", testTP, LogConfig{SegmentBytes: 500, IndexIntervalBytes: 100}, Settings{}, nil)
			if err != nil {
				t.Fatalf("%v at operation %d: next open: %v", cause, n, err)
			}
			got := readAll(t, l, 0, 1<<20, ReadLogEnd)
			missing := missingFrom(got, acked)
			if len(missing) > 0 {
				t.Fatalf("%v at operation %d: lost %v (errors %v)", cause, n, missing, errs)
			}
			for _, err := range errs {
				if !errors.Is(err, ErrDisk) || !errors.Is(err, cause) && !errors.Is(err, ErrClosed) {
					t.Fatalf("%v at operation %d: reported as %v", cause, n, err)
				}
			}
			// What was acknowledged but is not in order would be a second life of an offset.
			if strings.Join(got[:min(len(acked), len(got))], " ") != strings.Join(acked, " ") {
				t.Fatalf("%v at operation %d:\n got %v\nwant %v first", cause, n, got, acked)
			}
		}
	}
}

func missingFrom(have, want []string) (missing []string) {
	set := make(map[string]bool, len(have))
	for _, h := range have {
		set[h] = true
	}
	for _, w := range want {
		if !set[w] {
			missing = append(missing, w)
		}
	}
	return missing
}

func TestAFullDiskFailsAppendsUntilThereIsRoom(t *testing.T) {
	mem := fs.NewMem()
	s := openTestStore(t, testStoreConfig(t, mem, "/data"))
	defer s.Close()
	l, err := s.Create(testTP, newUUID(), [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "before"))
	mem.SetCapacity(1) // nothing fits any more
	big := batchOf(t, 2, strings.Repeat("x", 10000))
	for range 3 {
		_, err = l.Append(append([]byte(nil), big...), clientAppend)
		if !errors.Is(err, ErrDisk) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/data") {
			t.Fatalf("append to a full disk: %v", err)
		}
	}
	if d := s.Dirs()[0]; d.Offline != nil {
		t.Fatalf("a full disk took the directory offline: %v", d.Offline)
	}
	if got := l.Offsets().LogEnd; got != 1 {
		t.Fatalf("log end %d", got)
	}
	mem.SetCapacity(0)
	if info := mustAppend(t, l, batchOf(t, 3, "after")); info.BaseOffset != 1 {
		t.Fatalf("%+v", info)
	}
	if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != "[0=before 1=after]" {
		t.Fatal(got)
	}
}

func TestAFailedSyncTakesTheDirectoryOffline(t *testing.T) {
	mem := fs.NewMem()
	failed := make(chan string, 10)
	cfg := testStoreConfig(t, mem, "/a", "/b")
	cfg.DirFailed = func(dir string, err error) { failed <- fmt.Sprint(dir, " ", errors.Is(err, syscall.EIO)) }
	s := openRunningStore(t, cfg)
	var logs []*Log
	for p := range int32(2) {
		tp := testTP
		tp.Partition = p
		l, err := s.Create(tp, newUUID(), s.Dirs()[p].ID)
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batchOf(t, 1, "v"))
		logs = append(logs, l)
	}
	mem.Inject(func(op fs.Op, name string) error {
		if op == fs.OpSync && strings.HasPrefix(name, "/a/orders") {
			return syscall.EIO
		}
		return nil
	})
	if err := logs[0].Flush(); !errors.Is(err, ErrDisk) {
		t.Fatalf("flush: %v", err)
	}
	if got := <-failed; got != "/a true" {
		t.Errorf("told %q", got)
	}
	if _, err := logs[0].Append(batchOf(t, 2, "w"), clientAppend); !errors.Is(err, ErrDisk) {
		t.Errorf("append to an offline directory: %v", err)
	}
	mustAppend(t, logs[1], batchOf(t, 2, "w"))
	if dirs := s.Dirs(); dirs[0].Offline == nil || dirs[1].Offline != nil {
		t.Errorf("%+v", dirs)
	}
	if _, err := s.Create(testTP, newUUID(), s.Dirs()[0].ID); !errors.Is(err, ErrDisk) {
		t.Errorf("create in an offline directory: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if len(failed) != 0 {
		t.Errorf("told twice: %s", <-failed)
	}
}

// TestACrashKeepsWhatWasSynced stops the machine at random moments: whatever unsynced pages survive, the log opens, holds everything
// below the last recovery point that its checkpoint could know, and holds nothing that was never appended.
func TestACrashKeepsWhatWasSynced(t *testing.T) {
	for seed := range some(400) {
		rng := rand.New(rand.NewPCG(seed, 1))
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		cfg.Logger = nil
		cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 700, IndexIntervalBytes: 100} }
		s := openTestStore(t, cfg)
		l, err := s.Create(testTP, newUUID(), [16]byte{})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		synced := 0
		for i := range 5 + rng.IntN(60) {
			v := fmt.Sprintf("v%d", i)
			mustAppend(t, l, batchOf(t, day0.UnixMilli(), v))
			want = append(want, fmt.Sprintf("%d=%s", i, v))
			switch rng.IntN(10) {
			case 0:
				if err := l.Flush(); err != nil {
					t.Fatal(err)
				}
				synced = i + 1
			case 1:
				s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
			}
		}
		cfg.FS = mem.Crash(rng)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTestStore(t, cfg)
		l, ok := s.Log(testTP)
		if !ok {
			if s.Broken(testTP) != nil || synced > 0 {
				t.Fatalf("seed %d: %d records synced, log gone: %v", seed, synced, s.Broken(testTP))
			}
			s.Close()
			continue
		}
		got := readAll(t, l, 0, 1<<20, ReadLogEnd)
		if len(got) < synced || fmt.Sprint(got) != fmt.Sprint(want[:len(got)]) {
			t.Fatalf("seed %d: %d synced\n got %v\nwant %v", seed, synced, got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestACrashAfterTruncationLeavesNoHole does the same with a follower's log that is cut and goes on with other records. What was cut
// may come back after a crash, as in Kafka; a hole, a mixture or a lost synced record may not.
func TestACrashAfterTruncationLeavesNoHole(t *testing.T) {
	for seed := range some(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		cfg.Logger = nil
		cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 400, IndexIntervalBytes: 100} }
		s := openTestStore(t, cfg)
		l, err := s.Create(testTP, newUUID(), [16]byte{})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		ever := map[string]bool{}
		synced := 0
		for i := range 10 + rng.IntN(60) {
			switch rng.IntN(12) {
			case 0:
				if err := l.Flush(); err != nil {
					t.Fatal(err)
				}
				synced = len(want)
			case 1:
				s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
			case 2:
				to := max(0, len(want)-rng.IntN(15))
				if err := l.TruncateTo(int64(to)); err != nil {
					t.Fatal(err)
				}
				want, synced = want[:to], min(synced, to)
			default:
				v := fmt.Sprintf("%d=v%d", len(want), i)
				mustAppend(t, l, batchOf(t, day0.UnixMilli(), fmt.Sprintf("v%d", i)))
				want = append(want, v)
				ever[v] = true
			}
		}
		cfg.FS = mem.Crash(rng)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTestStore(t, cfg)
		l, ok := s.Log(testTP)
		if !ok {
			if s.Broken(testTP) != nil || synced > 0 {
				t.Fatalf("seed %d: %d records synced, log gone: %v", seed, synced, s.Broken(testTP))
			}
			s.Close()
			continue
		}
		got := readAll(t, l, 0, 1<<20, ReadLogEnd)
		if len(got) < synced || fmt.Sprint(got[:synced]) != fmt.Sprint(want[:synced]) {
			t.Fatalf("seed %d: %d synced\n got %v\nwant %v", seed, synced, got, want)
		}
		for i, v := range got {
			if !strings.HasPrefix(v, fmt.Sprintf("%d=", i)) || !ever[v] {
				t.Fatalf("seed %d: record %d is %s: %v", seed, i, v, got)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneUnusableDirectoryDoesNotStopTheNode(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/a", "/b")
	told := make(chan string, 2)
	cfg.DirFailed = func(dir string, _ error) { told <- dir }
	mem.Inject(func(_ fs.Op, name string) error {
		if strings.HasPrefix(name, "/a/") {
			return syscall.EACCES
		}
		return nil
	})
	s := openRunningStore(t, cfg)
	defer s.Close()
	if got := <-told; got != "/a" {
		t.Errorf("told of %s", got)
	}
	if dirs := s.Dirs(); !errors.Is(dirs[0].Offline, syscall.EACCES) || dirs[1].Offline != nil {
		t.Errorf("%+v", dirs)
	}
	l, err := s.Create(testTP, newUUID(), [16]byte{})
	if err != nil || l.Dir() != s.Dirs()[1].ID {
		t.Fatalf("create: %v", err)
	}
	mem.Inject(func(fs.Op, string) error { return syscall.EACCES })
	cfg.Dirs = []string{"/c"}
	if _, err := Open(context.Background(), cfg); !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "/c") {
		t.Errorf("no directory usable: %v", err)
	}
	mem.Inject(nil)
}

func TestEveryFaultOfATruncationLeavesALogThatOpens(t *testing.T) {
	cfg := LogConfig{SegmentBytes: 300, IndexIntervalBytes: 100}
	for n := 1; ; n++ {
		mem := fs.NewMem()
		l := openTestLog(t, mem, "/log", cfg)
		for i := range 20 {
			mustAppend(t, l, batchOf(t, day0.UnixMilli(), fmt.Sprint("v", i)))
		}
		failed := failNth(mem, n, syscall.EIO)
		err := l.TruncateTo(5)
		if !failed() {
			if err != nil || n < 10 {
				t.Fatalf("%d operations, then %v", n, err)
			}
			break
		}
		mem.Inject(nil)
		if err == nil && l.Offsets().LogEnd != 5 {
			t.Errorf("operation %d failed, and yet no error: %+v", n, l.Offsets())
		}
		l = openTestLog(t, mem.Kill(), "/log", cfg)
		got := readAll(t, l, 0, 1<<20, ReadLogEnd)
		if len(got) < 5 || len(got) > 20 || fmt.Sprint(got) != fmt.Sprint(values(20)[:len(got)]) {
			t.Errorf("operation %d failed, now the log holds %v", n, got)
		}
		if err := l.TruncateTo(5); err != nil {
			t.Errorf("operation %d failed, the next truncation: %v", n, err)
		}
		if info := mustAppend(t, l, batchOf(t, 1, "new")); info.BaseOffset != 5 {
			t.Errorf("operation %d failed, goes on at %+v", n, info)
		}
	}
}
