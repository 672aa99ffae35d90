package sealed

import (
	"fmt"
	"testing"

	"leat/internal/fs"
)

// still is a file that takes all writes and keeps the last: what is measured is sealing, not the disk.
type still struct {
	fs.File
	size int64
}

func (f *still) WriteAt(p []byte, off int64) (int, error) {
	f.size = off + int64(len(p))
	return len(p), nil
}

func (f *still) Size() (int64, error) { return f.size, nil }

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{200, 16 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := &File{fs: over(b, newMem(b)), inner: &still{}, name: testLog, flag: 2}
			p := bytesOf(1, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			at := int64(0)
			for b.Loop() {
				if _, err := f.WriteAt(p, at); err != nil {
					b.Fatal(err)
				}
				at += int64(n)
			}
		})
	}
}

func BenchmarkReadAt(b *testing.B) {
	dir := b.TempDir()
	ok(b, fs.OS.MkdirAll(dir+"/t-0", 0o755))
	mem := newMem(b)
	keys, err := FileKeys(mem, "/keys")
	ok(b, err)
	s, err := Open(b.Context(), Config{FS: fs.OS, Dirs: []string{dir}, Keys: keys})
	ok(b, err)
	ok(b, s.Refresh(b.Context()))
	s.Seal(dir+"/t-0", true)
	f, err := s.OpenFile(dir+"/t-0/0.log", 2|64, 0o644)
	ok(b, err)
	defer f.Close()
	const size = 64 << 20
	for at := int64(0); at < size; at += 1 << 20 {
		_, err := f.WriteAt(bytesOf(uint64(at), 1<<20), at)
		ok(b, err)
	}
	for _, c := range []struct {
		name string
		n    int
		step int64
	}{{"1MiB in order", 1 << 20, 1 << 20}, {"64KiB in order", 64 << 10, 64 << 10}, {"4KiB in order", 4096, 4096}, {"4KiB anywhere", 4096, 7919 * 4096}} {
		b.Run(c.name, func(b *testing.B) {
			p := make([]byte, c.n)
			b.SetBytes(int64(c.n))
			b.ReportAllocs()
			at := int64(0)
			for b.Loop() {
				if _, err := f.ReadAt(p, at); err != nil {
					b.Fatal(err)
				}
				at = (at + c.step) % (size - int64(c.n))
			}
		})
	}
}

func TestPiecesAllocateNothing(t *testing.T) {
	mem := newMem(t)
	f := openLog(t, over(t, mem))
	p := bytesOf(1, 100_000)
	_, err := f.WriteAt(p, 0)
	ok(t, err)
	e := f.extent()
	chunk := make([]byte, 0, 2*maxChunk)
	if n := testing.AllocsPerRun(100, func() { e.crypt.seal(chunk[:0], headerSize, 0, p) }); n > 0 {
		t.Errorf("sealing 7 pieces takes %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := f.ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
	}); n > 2 { // the walk, whatever its length; and what the pool lost
		t.Errorf("a read of 7 pieces takes %v allocations", n)
	}
}
