package sealed

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"leat/internal/fs"
)

// story appends, truncates and syncs, undoing what fails as storage does; it returns what must be in the file, and how much was synced.
func story(s *FS) (want []byte, synced int, errs []error) {
	f, err := s.OpenFile(testLog, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, 0, []error{err}
	}
	defer f.Close()
	broken := false
	for i := range 12 {
		if broken {
			break
		}
		b := bytesOf(uint64(i), 1+i*i*900)
		if _, err := f.WriteAt(b, int64(len(want))); err != nil {
			errs = append(errs, err)
			if err := f.Truncate(int64(len(want))); err != nil {
				errs, broken = append(errs, err), true
			}
		} else {
			want = append(want, b...)
		}
		if i%4 == 3 && !broken {
			to := len(want) - len(want)/7
			if err := f.Truncate(int64(to)); err != nil {
				errs, broken = append(errs, err), true
				synced = min(synced, to)
			} else {
				want = want[:to:to]
				synced = min(synced, to)
			}
		}
		if i%3 == 2 && !broken {
			if err := f.Sync(); err != nil {
				errs = append(errs, err)
			} else if err := s.SyncDir(filepath.Dir(testLog)); err == nil {
				synced = len(want)
			}
		}
	}
	return want, synced, errs
}

func TestEveryFaultOfAFileIsReportedAndLosesNothing(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for n := 1; ; n++ {
			mem := newMem(t)
			s := over(t, mem)
			count := 0
			mem.Inject(func(op fs.Op, _ string) error {
				if count++; count != n {
					return nil
				}
				if op == fs.OpWrite {
					return &fs.ShortWrite{N: 300, Err: cause}
				}
				return cause
			})
			want, synced, errs := story(s)
			if count < n {
				if n < 60 {
					t.Fatalf("only %d operations", n)
				}
				break
			}
			for _, err := range errs {
				if !errors.Is(err, cause) {
					t.Fatalf("operation %d failed with %v, reported as %v", n, cause, err)
				}
			}
			mem.Inject(nil)
			got, err := content(openLog(t, over(t, mem)))
			if err != nil && !errors.Is(err, fs.ErrDamaged) || !bytes.HasPrefix(got, want[:min(len(want), len(got))]) || len(got) < synced {
				t.Fatalf("operation %d failed with %v: %d of %d bytes, %v", n, cause, len(got), len(want), err)
			}
			if len(errs) == 0 && !bytes.Equal(got, want) {
				t.Fatalf("operation %d failed with %v, nobody was told, and %d of %d bytes are there", n, cause, len(got), len(want))
			}
		}
	}
}

func TestPowerLossAtEveryStepLosesNothingSynced(t *testing.T) {
	steps := 0
	for n := 1; ; n++ {
		mem := newMem(t)
		s := over(t, mem)
		count, done := 0, false
		var left *fs.Mem
		mem.Inject(func(fs.Op, string) error {
			if count++; count == n {
				left, done = mem.Crash(rand.New(rand.NewPCG(uint64(n), 7))), true
			}
			return nil
		})
		// What is synced when the power goes is what a run up to there says.
		want, synced := storyUpTo(s, &done)
		if !done {
			break
		}
		steps++
		got, err := content(openLog(t, over(t, left)))
		if err != nil && !errors.Is(err, fs.ErrDamaged) {
			t.Fatal(err)
		}
		if len(got) < synced || !bytes.Equal(got[:synced], want[:synced]) {
			t.Fatalf("power lost at operation %d: %d bytes were synced, %d are left: %v", n, synced, len(got), err)
		}
	}
	if steps < 60 {
		t.Fatalf("only %d steps", steps)
	}
}

// storyUpTo is a story that ends at a sign; synced is what was synced before, and not cut since.
func storyUpTo(s *FS, done *bool) (want []byte, synced int) {
	f, err := s.OpenFile(testLog, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, 0
	}
	for i := range 12 {
		b := bytesOf(uint64(i), 1+i*i*900)
		if _, err := f.WriteAt(b, int64(len(want))); err != nil || *done {
			return want, synced
		}
		want = append(want, b...)
		if i%4 == 3 {
			to := len(want) - len(want)/7
			synced = min(synced, to)
			if err := f.Truncate(int64(to)); err != nil || *done {
				return want, synced
			}
			want = want[:to:to]
		}
		if i%3 == 2 {
			if f.Sync() != nil || *done || s.SyncDir(filepath.Dir(testLog)) != nil || *done {
				return want, synced
			}
			synced = len(want)
		}
	}
	return want, synced
}

func TestReadersBesideAWriterAndTruncations(t *testing.T) {
	s := over(t, newMem(t))
	f := openLog(t, s)
	const block = 1000 // all bytes of a block are alike, and tell its number
	blocks := func(first, n int) []byte {
		b := make([]byte, 0, n*block)
		for i := range n {
			b = append(b, bytes.Repeat([]byte{byte(first + i)}, block)...)
		}
		return b
	}
	_, err := f.WriteAt(blocks(0, 50), 0)
	ok(t, err)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for r := range 3 {
		wg.Go(func() {
			b := make([]byte, 3*block)
			for i := r; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				at := i * 7 % 47
				if n, err := f.ReadAt(b, int64(at*block)); err != nil || !bytes.Equal(b, blocks(at, 3)) {
					t.Errorf("read at block %d: %d bytes, %v", at, n, err)
					return
				}
			}
		})
	}
	for i := range 300 {
		_, err := f.WriteAt(blocks(50, i%40+1), 50*block)
		ok(t, err)
		ok(t, f.Truncate(50*block))
	}
	close(stop)
	wg.Wait()
}
