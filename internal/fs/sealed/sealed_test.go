package sealed

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"leat/internal/fs"
	"leat/internal/fs/fstest"
)

const (
	testDir  = "/data"
	testLog  = "/data/orders-0/00000000000000000000.log"
	keyLines = "2026:" + keyA + "\n2025:" + keyB + "\n"
	keyA     = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	keyB     = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)

// fataler is what helpers need of a test, also of a property's.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func ok(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newMem has a log directory, a partition and a key file.
func newMem(t fataler) *fs.Mem {
	t.Helper()
	mem := fs.NewMem()
	ok(t, mem.MkdirAll(filepath.Dir(testLog), 0o755))
	ok(t, fs.WriteFile(mem, "/keys", []byte(keyLines), 0o600))
	for _, dir := range []string{"/", testDir, filepath.Dir(testLog)} {
		ok(t, mem.SyncDir(dir))
	}
	return mem
}

// over opens the encrypting file system as a server does.
func over(t fataler, mem *fs.Mem) *FS {
	t.Helper()
	keys, err := FileKeys(mem, "/keys")
	ok(t, err)
	s, err := Open(context.Background(), Config{FS: mem, Dirs: []string{testDir}, Keys: keys})
	ok(t, err)
	ok(t, s.Refresh(context.Background()))
	s.Seal(filepath.Dir(testLog), true)
	return s
}

func openLog(t fataler, s *FS) *File {
	t.Helper()
	f, err := s.OpenFile(testLog, os.O_RDWR|os.O_CREATE, 0o644)
	ok(t, err)
	return f.(*File)
}

// bytesOf is n bytes that do not repeat soon.
func bytesOf(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b)
	return b
}

// content reads a file whole, in pieces of a length that fits no border.
func content(f fs.File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n := 0
	for n < len(b) {
		k, err := f.ReadAt(b[n:min(n+10007, len(b))], int64(n))
		n += k
		if err != nil {
			return b[:n], err
		}
	}
	return b, nil
}

func TestConformance(t *testing.T) {
	overwrites := []string{"writes_at_a_position_leave_a_hole_of_zeros", "open_files_outlive_their_names", "the_time_of_the_last_change_can_be_set"}
	fstest.Run(t, func(t *testing.T) (fs.FS, string) {
		for _, name := range overwrites {
			if strings.HasSuffix(t.Name(), name) {
				t.Skip("writes over what was written, which an encrypted file refuses")
			}
		}
		mem := newMem(t)
		ok(t, mem.MkdirAll("/test", 0o755))
		s := over(t, mem)
		s.where = layout{isLog: func(string) bool { return true }, dirOf: func(string) string { return testDir }}
		for _, dir := range []string{"/test", "/test/d", "/test/d/e", "/test/f", "/test/other"} {
			s.Seal(dir, true)
		}
		return s, "/test"
	})
}

// sliceFile is a file and what it should hold.
type sliceFile struct {
	mem    *fs.Mem
	fs     *FS
	f      *File
	want   []byte
	synced int // bytes that a crash must leave
	seed   uint64
}

func (x *sliceFile) reopen(t fataler) {
	x.fs = over(t, x.mem)
	x.f = openLog(t, x.fs)
}

func (x *sliceFile) append(t fataler, n int) {
	x.seed++
	b := bytesOf(x.seed, n)
	if got, err := x.f.WriteAt(b, int64(len(x.want))); got != n || err != nil {
		t.Fatalf("append of %d bytes at %d: %d, %v", n, len(x.want), got, err)
	}
	x.want = append(x.want, b...)
}

func (x *sliceFile) compare(t fataler, f fs.File, off, n int) {
	b := make([]byte, n)
	got, err := f.ReadAt(b, int64(off))
	want := x.want[min(off, len(x.want)):min(off+n, len(x.want))]
	if !bytes.Equal(b[:got], want) || (err == nil) != (len(want) == n) || err != nil && err != io.EOF {
		t.Fatalf("read of %d bytes at %d of %d: %d bytes, %v, equal %t", n, off, len(x.want), got, err, bytes.Equal(b[:got], want))
	}
}

func TestPropertyFileBehavesAsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := &sliceFile{mem: newMem(t)}
		x.reopen(t)
		size := func(t *rapid.T) int {
			limit := rapid.SampledFrom([]int{1, 100, 3000, maxPlain, 70_000, 200_000}).Draw(t, "limit")
			return rapid.IntRange(1, limit).Draw(t, "size")
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) { x.append(t, size(t)) },
			"append more than a chunk": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
					x.append(t, maxChunk+size(t))
				}
			},
			"many small ones": func(t *rapid.T) {
				for range rapid.IntRange(1, 300).Draw(t, "count") {
					x.append(t, 1+int(x.seed%90))
				}
			},
			"truncate": func(t *rapid.T) {
				to := rapid.IntRange(0, len(x.want)).Draw(t, "to")
				if rapid.Bool().Draw(t, "near the end") {
					to = max(to, len(x.want)-rapid.IntRange(0, 200).Draw(t, "back"))
				}
				ok(t, x.f.Truncate(int64(to)))
				x.want = x.want[:to:to]
				x.synced = min(x.synced, to)
			},
			"sync": func(t *rapid.T) {
				ok(t, x.f.Sync())
				ok(t, x.mem.SyncDir(filepath.Dir(testLog)))
				x.synced = len(x.want)
			},
			"another handle": func(t *rapid.T) {
				f := openLog(t, x.fs)
				x.append(t, size(t)) // behind its back
				x.compare(t, f, rapid.IntRange(0, len(x.want)).Draw(t, "off"), size(t))
				x.f = f
			},
			"close and open": func(t *rapid.T) {
				ok(t, x.f.Close())
				x.f = openLog(t, x.fs)
			},
			"kill and open": func(t *rapid.T) {
				x.mem = x.mem.Kill()
				x.reopen(t)
			},
			"lose power and open": func(t *rapid.T) {
				x.mem = x.mem.Crash(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "what reached the disk"), 1)))
				x.reopen(t)
				// What is left must begin with what was synced; the rest is gone, or damaged, and cut off as recovery would.
				left, err := content(x.f)
				if err != nil && !errors.Is(err, fs.ErrDamaged) {
					t.Fatal(err)
				}
				if len(left) < x.synced || !bytes.Equal(left[:x.synced], x.want[:x.synced]) {
					t.Fatalf("%d bytes were synced, %d are left: %v", x.synced, len(left), err)
				}
				ok(t, x.f.Truncate(int64(x.synced)))
				ok(t, x.f.Sync())
				ok(t, x.mem.SyncDir(filepath.Dir(testLog)))
				x.want = x.want[:x.synced:x.synced]
			},
			"": func(t *rapid.T) {
				if got, err := x.f.Size(); got != int64(len(x.want)) || err != nil {
					t.Fatalf("size %d, %v, expected %d", got, err, len(x.want))
				}
				x.compare(t, x.f, rapid.IntRange(0, len(x.want)).Draw(t, "off"), size(t))
				info, err := x.fs.Stat(testLog)
				if err != nil || info.Size() != int64(len(x.want)) {
					t.Fatalf("stat: %v, %v, expected %d", info, err, len(x.want))
				}
			},
		})
		x.compare(t, x.f, 0, len(x.want)+1)
	})
}

// smallFile has pieces, a cut within a sector, and one at the beginning of the next.
func smallFile(t fataler, s *FS) []byte {
	x := &sliceFile{fs: s, f: openLog(t, s)}
	for _, n := range []int{100, 1, 700, maxPlain, maxPlain, maxPlain, maxPlain, 500} {
		x.append(t, n)
	}
	for _, back := range []int{200, 30} {
		ok(t, x.f.Truncate(int64(len(x.want)-back)))
		x.want = x.want[:len(x.want)-back]
		x.append(t, 60)
	}
	x.append(t, 2*maxPlain)
	ok(t, x.f.Close())
	return x.want
}

func TestEveryBitFlipIsDetectedOrHarmless(t *testing.T) {
	mem := newMem(t)
	want := smallFile(t, over(t, mem))
	file, err := fs.ReadFile(mem, testLog)
	ok(t, err)
	s := over(t, mem)
	raw, err := mem.OpenFile(testLog, os.O_RDWR, 0)
	ok(t, err)
	detected, harmless := 0, 0
	// All bits of a head, and one of each byte elsewhere: where the content stands they are all alike.
	for i := 0; i < len(file); i += 1 + i/3000*37 {
		for bit := range 8 {
			if bit != i%8 && i > 3000 {
				continue
			}
			_, err = raw.WriteAt([]byte{file[i] ^ 1<<bit}, int64(i))
			ok(t, err)
			f, err := s.OpenFile(testLog, os.O_RDWR, 0)
			ok(t, err)
			got, err := content(f)
			switch {
			case err == nil && bytes.Equal(got, want):
				harmless++
			case err == nil && bytes.Equal(got[:8], file[:8]), err == nil && i < len(magic): // no magic, so no encrypted file: and no batch either
				detected++
			case !errors.Is(err, fs.ErrDamaged) && !errors.Is(err, fs.ErrNoKey), !bytes.HasPrefix(want, got):
				t.Fatalf("bit %d of byte %d: %d bytes, %v", bit, i, len(got), err)
			default:
				detected++
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, err = raw.WriteAt(file[i:i+1], int64(i))
		ok(t, err)
	}
	t.Logf("%d flips detected, %d harmless, in %d bytes", detected, harmless, len(file))
	if detected < 20*harmless {
		t.Errorf("%d flips detected, %d made no difference", detected, harmless)
	}
}

func TestDamageInOneSectorHidesNoOther(t *testing.T) {
	mem := newMem(t)
	x := &sliceFile{fs: over(t, mem)}
	x.f = openLog(t, x.fs)
	for range 40 {
		x.append(t, 60_000)
	}
	raw, err := mem.OpenFile(testLog, os.O_RDWR, 0)
	ok(t, err)
	_, err = raw.WriteAt(make([]byte, 4096), 10*sectorSize)
	ok(t, err)
	bad := 0
	for off := 0; off < len(x.want); off += 1000 {
		f := openLog(t, x.fs)
		b := make([]byte, 1000)
		_, err := f.ReadAt(b, int64(off))
		if err != nil {
			bad++
			if !errors.Is(err, fs.ErrDamaged) || !strings.Contains(err.Error(), testLog) || !strings.Contains(err.Error(), fmt.Sprint("byte ", 10*sectorSize)) {
				t.Fatal(err)
			}
		} else if !bytes.Equal(b, x.want[off:off+1000]) {
			t.Fatalf("position %d is not what was written", off)
		}
		ok(t, f.Close())
	}
	if bad < 60 || bad > 70 {
		t.Errorf("%d of %d reads failed, expected those of one sector", bad, len(x.want)/1000)
	}
}

func TestNothingOnDiskIsPlaintext(t *testing.T) {
	mem := newMem(t)
	f := openLog(t, over(t, mem))
	secret := []byte("the customer's card number is 4111 1111 1111 1111")
	for i := range 50 {
		_, err := f.WriteAt(bytes.Repeat(secret, i+1), int64(len(secret)*i*(i+1)/2))
		ok(t, err)
	}
	file, err := fs.ReadFile(mem, testLog)
	ok(t, err)
	ring, err := fs.ReadFile(mem, testDir+"/"+ringFile)
	ok(t, err)
	for _, part := range []string{"card", "4111", "customer"} {
		if bytes.Contains(file, []byte(part)) {
			t.Errorf("%q stands in the file", part)
		}
	}
	for _, k := range over(t, mem).rings[testDir].keys {
		for _, form := range [][]byte{k.raw, []byte(base64.StdEncoding.EncodeToString(k.raw))} {
			if bytes.Contains(file, form) || bytes.Contains(ring, form) {
				t.Error("a data key stands on disk unwrapped")
			}
		}
	}
}

func TestPlainFilesStayTheSystemsOwn(t *testing.T) {
	mem := newMem(t)
	s := over(t, mem)
	s.Seal(filepath.Dir(testLog), false)
	f, err := s.OpenFile(testLog, os.O_RDWR|os.O_CREATE, 0o644)
	ok(t, err)
	if _, wrapped := f.(*File); wrapped {
		t.Fatal("a file that is not encrypted is wrapped: no sendfile for it")
	}
	_, err = f.WriteAt(bytes.Repeat([]byte("plain"), 10), 0)
	ok(t, err)
	s.Seal(filepath.Dir(testLog), true)
	if f, err = s.OpenFile(testLog, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	if _, wrapped := f.(*File); wrapped {
		t.Fatal("a file that was begun in the clear goes on so")
	}
}

func TestOverwritingIsRefused(t *testing.T) {
	f := openLog(t, over(t, newMem(t)))
	_, err := f.WriteAt([]byte("abc"), 0)
	ok(t, err)
	if _, err = f.WriteAt([]byte("x"), 2); !errors.Is(err, errOverwrite) {
		t.Fatalf("overwriting: %v", err)
	}
}
