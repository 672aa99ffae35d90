package inspect

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/fs"
)

// recorded are directories that Apache Kafka wrote; see the tests of package storage for what is in them.
const recorded = "../testdata"

// copyTree copies a recorded directory to where it may be written to.
func copyTree(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func verify(t testing.TB, dir string, deep bool) *Report {
	t.Helper()
	r, err := Verify(context.Background(), VerifyConfig{FS: fs.OS, Dirs: []string{dir}, Deep: deep})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines are the findings without the directory, in one text.
func lines(dir string, r *Report) string {
	var out strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintln(&out, strings.ReplaceAll(f.String(), dir+"/", ""))
	}
	return out.String()
}

func TestNothingIsWrongWithWhatKafkaClosed(t *testing.T) {
	dir := filepath.Join(recorded, "kafka-clean")
	r := verify(t, dir, true)
	if r.Damage != 0 || r.Repairs != 0 {
		t.Errorf("found\n%s", lines(dir, r))
	}
	if r.Partitions != 3 || r.Segments != 8 || r.Batches != 329 || r.Records != 329 || r.Bytes == 0 {
		t.Errorf("looked at %+v", r)
	}
}

func TestWhatAKilledKafkaLeftIsMendedByAStart(t *testing.T) {
	dir := filepath.Join(recorded, "kafka-killed")
	r := verify(t, dir, true)
	if r.Damage != 0 {
		t.Errorf("found\n%s", lines(dir, r))
	}
	t.Logf("found\n%s", lines(dir, r))
}

// flip changes one bit of a file.
func flip(t testing.TB, path string, at int64, bit byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= bit
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

// batchesOf are position and size of the batches in a file.
func batchesOf(t testing.TB, path string) (list []Entry, size int64) {
	t.Helper()
	f, err := fs.OS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if size, err = f.Size(); err != nil {
		t.Fatal(err)
	}
	for w := NewWalk(f, 0, size); ; {
		e, err := w.Next()
		if err != nil {
			return list, size
		}
		list = append(list, Entry{Position: e.Position, Size: e.Size})
	}
}

// TestEveryFlippedByteIsFoundAtItsBatch flips each byte of a log that was synced. What the CRC covers is found at its batch; what it does
// not cover is an offset, a length, an epoch and the magic, which are found at the batch or at the next one.
func TestEveryFlippedByteIsFoundAtItsBatch(t *testing.T) {
	dir := copyTree(t, filepath.Join(recorded, "kafka-clean"))
	path := filepath.Join(dir, "orders-0", "00000000000000000153.log")
	for _, other := range []string{"orders-1", "__transaction_state-0"} { // for speed
		if err := os.RemoveAll(filepath.Join(dir, other)); err != nil {
			t.Fatal(err)
		}
	}
	list, size := batchesOf(t, path)
	for i, e := range list {
		for at := e.Position; at < e.Position+e.Size; at++ {
			bit := byte(1) << (at % 8)
			flip(t, path, at, bit)
			checkFound(t, dir, path, list, i, at)
			flip(t, path, at, bit)
		}
	}
	if end := list[len(list)-1]; end.Position+end.Size != size {
		t.Errorf("walked to %d of %d bytes", end.Position+end.Size, size)
	}
}

func checkFound(t *testing.T, dir, path string, list []Entry, i int, at int64) {
	t.Helper()
	r := verify(t, dir, false)
	e, inCRC := list[i], at-list[i].Position >= crcFrom-4
	for _, f := range r.Findings {
		switch {
		case f.Severity != Damage:
		case inCRC && f.File == path && f.Position == e.Position:
			return
		case !inCRC && (f.File == path && (f.Position == e.Position || i+1 < len(list) && f.Position == list[i+1].Position) || i+1 == len(list)):
			return
		}
	}
	t.Errorf("byte %d, in the batch at %d: found\n%s", at, e.Position, lines(dir, r))
}
