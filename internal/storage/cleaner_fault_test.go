package storage

import (
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// faultConfig is that of a store whose producers never expire and whose log lines nobody wants.
func faultConfig(t *testing.T, mem *fs.Mem) StoreConfig {
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Logger = nil
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: 1 << 62} }
	cfg.LogConfig = func(string) LogConfig { return testCompaction }
	return cfg
}

// compactionStory fills a log and gives it to the cleaner twice: the second time small segments become one, among them those that an aborted
// transaction lay in. Cleaning is called before and after each of the two; the story ends there if it says so. It returns what a reader must find at the end, and after the first
// cleaning.
func compactionStory(t *testing.T, s *Store, l *Log, cleaning func(on bool) (stop bool)) (first, last map[string]string) {
	t.Helper()
	mustAppend(t, l, batchBy(t, 7, 0, 0, 3, true)) // of key k
	if _, err := l.Append(marker(7, 0, false, 1), coordinatorAppend); err != nil {
		t.Fatal(err)
	}
	first = fillKeys(t, l, 0, 14)
	settleLog(t, l)
	cleaning(true)
	cleanNow(s, day0)
	if cleaning(false) || l.usable() != nil {
		return first, nil
	}
	last = maps.Clone(first)
	maps.Copy(last, fillKeys(t, l, 14, 14))
	settleLog(t, l)
	cleaning(true)
	cleanNow(s, day0)
	cleaning(false)
	return first, last
}

// checkCompacted looks at the log of an image: the values must be those of one of the moments, whole, and a cleaning must go on.
func checkCompacted(t *testing.T, cfg StoreConfig, image *fs.Mem, want map[string]string, what string, n int) {
	t.Helper()
	cfg.FS = image
	s := openTestStore(t, cfg)
	defer s.Close()
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatalf("%s at operation %d: %v", what, n, s.Broken(testTP))
	}
	for range 2 {
		settleLog(t, l)
		if got := lastValues(t, l, ReadCommitted); !maps.Equal(got, want) {
			t.Fatalf("%s at operation %d:\n got %v\nwant %v", what, n, got, want)
		}
		if o := l.Offsets(); o.LastStable != o.LogEnd {
			t.Fatalf("%s at operation %d: %+v: a transaction is open again", what, n, o)
		}
		cleanNow(s, day0)
		if st := s.CleanerStatus(); len(st.Uncleanable) > 0 {
			t.Fatalf("%s at operation %d: %+v", what, n, st.Uncleanable)
		}
	}
	if info, err := l.Append(batchBy(t, 7, 0, 3, 1, false), clientAppend); err != nil || info.Duplicate {
		t.Fatalf("%s at operation %d: the producer's next batch: %+v, %v", what, n, info, err)
	}
}

// The power fails before every operation of the cleaner: all that was not synced is lost, or by chance some of it is not.
func TestAPowerLossAtEveryStepOfACompactionLosesNothing(t *testing.T) {
	t.Parallel() // it has files and a store of its own
	for seed := range uint64(2) {
		for n := 1; ; n += stride() {
			mem := fs.NewMem()
			cfg := faultConfig(t, mem)
			s, l := compactedLog(t, cfg, testCompaction)
			var count int
			var cleaning bool
			mem.Inject(func(fs.Op, string) error {
				if !cleaning {
					return nil
				}
				if count++; count >= n {
					return syscall.EIO // the machine is off
				}
				return nil
			})
			first, last := compactionStory(t, s, l, func(on bool) bool { cleaning = on; return count >= n })
			mem.Inject(nil)
			var rng *rand.Rand
			if seed > 0 {
				rng = rand.New(rand.NewPCG(seed, uint64(n)))
			}
			want := last
			if last == nil {
				want = first
			}
			checkCompacted(t, cfg, mem.Crash(rng), want, "power loss", n)
			if seed == 0 {
				checkCompacted(t, cfg, mem.Kill(), want, "kill", n)
			}
			_ = s.Close() // the directory is offline
			if count < n {
				if n < 100 {
					t.Fatalf("only %d operations in the story", n)
				}
				break
			}
		}
	}
}

// The n-th operation of the cleaner fails and the process lives on.
func TestEveryFaultOfACompactionLosesNothing(t *testing.T) {
	t.Parallel() // it has files and a store of its own
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for n := 1; ; n += stride() {
			mem := fs.NewMem()
			cfg := faultConfig(t, mem)
			s, l := compactedLog(t, cfg, testCompaction)
			var count int
			var cleaning bool
			mem.Inject(func(op fs.Op, _ string) error {
				if !cleaning {
					return nil
				}
				if count++; count != n {
					return nil
				}
				if op == fs.OpWrite {
					return &fs.ShortWrite{N: 17, Err: cause}
				}
				return cause
			})
			first, last := compactionStory(t, s, l, func(on bool) bool { cleaning = on; return false })
			mem.Inject(nil)
			want := last
			if last == nil {
				want = first
			}
			if l.usable() == nil { // then the running process serves all, too
				l.SetHighWatermark(l.Offsets().LogEnd)
				if got := lastValues(t, l, ReadCommitted); !maps.Equal(got, want) {
					t.Fatalf("%v at operation %d, while it runs:\n got %v\nwant %v", cause, n, got, want)
				}
			} else if err := s.dirs[0].offline(); !errors.Is(err, cause) {
				t.Fatalf("%v at operation %d: offline for %v", cause, n, err)
			}
			checkCompacted(t, cfg, mem.Kill(), want, cause.Error(), n)
			_ = s.Close()
			if count < n {
				break
			}
		}
	}
}

// Readers begin anywhere and go on while segments are written, cleaned and swapped. Each sees offsets that rise, whole batches, committed
// values only, and never less than the last value of each key that was there when it began.
func TestReadersSeeAConsistentLogWhileItIsCompacted(t *testing.T) {
	s := openRunningStore(t, faultConfig(t, fs.NewMem())) // its cleaner waits for its first turn
	defer s.Close()
	l := newLogIn(t, s)
	const rounds = 60
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		defer done.Store(true)
		for i := range rounds {
			fillKeys(t, l, i*8, 8)
			if _, err := l.Append(batchBy(t, 7, 0, int32(i), 1, true), clientAppend); err != nil {
				t.Error(err)
			}
			if _, err := l.Append(marker(7, 0, false, 1), coordinatorAppend); err != nil {
				t.Error(err)
			}
			settleLog(t, l)
		}
	})
	wg.Go(func() {
		for !done.Load() {
			cleanNow(s, day0)
		}
	})
	for seed := range uint64(3) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 0))
			for !done.Load() {
				readCompacted(t, l, rng)
				if _, err := l.OffsetForTimestamp(day0.UnixMilli() + rng.Int64N(8*rounds*10)); err != nil {
					t.Errorf("look up: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if st := s.CleanerStatus(); st.Cleaned == 0 || st.Failed > 0 {
		t.Errorf("%+v", st)
	}
}

// readCompacted reads the log from its start to its end with random limits.
func readCompacted(t *testing.T, l *Log, rng *rand.Rand) {
	keys, at := map[string]bool{}, int64(0)
	for at < l.Offsets().HighWatermark {
		s, err := l.Read(at, 1+rng.IntN(1500), ReadCommitted, true)
		if err != nil {
			t.Errorf("read at %d: %v", at, err)
			return
		}
		b := make([]byte, s.Len())
		if _, err := s.ReadAt(b, 0); err != nil {
			t.Errorf("slice at %d: %v", at, err)
		}
		aborted := len(s.Aborted) > 0
		next := s.NextOffset
		s.Release()
		for rest := b; len(rest) > 0; {
			batch, more, err := record.Split(rest)
			if err == nil {
				err = batch.Check()
			}
			if err != nil || batch.LastOffset() < at {
				t.Errorf("read at %d: batch of %d to %d, %v", at, batch.BaseOffset(), batch.LastOffset(), err)
				return
			}
			if batch.ProducerID() == 7 && !batch.Control() && batch.Count() > 0 && !aborted {
				t.Errorf("aborted batch at %d, no aborted transaction is told", batch.BaseOffset())
			}
			_ = batch.Records(0, func(r *record.Record) bool { keys[string(r.Key)] = true; return true })
			rest, at = more, batch.NextOffset()
		}
		at = max(at, next)
	}
	if at > 40 && len(keys) < 11 {
		t.Errorf("%d keys up to offset %d, there are 11", len(keys), at)
	}
}
