package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
)

// reservedSegment is segment.bytes of the logs below: 25 pages of a Mem.
const reservedSegment = 100 << 10

var preallocated = LogConfig{SegmentBytes: reservedSegment, Preallocate: true, RetentionMs: -1, RetentionBytes: -1}

// taken is what a Mem has given away.
func taken(t *testing.T, mem *fs.Mem) int64 {
	t.Helper()
	total, available, err := mem.Usage("/")
	if err != nil {
		t.Fatal(err)
	}
	return total - available
}

func wantSegments(t *testing.T, mem *fs.Mem, dir string, want ...int64) {
	t.Helper()
	var got []int64
	entries, err := mem.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), logSuffix) {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, info.Size())
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("segments of %d bytes, want %d", got, want)
	}
}

func TestASegmentHasItsSpaceFromItsFirstRecordOn(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", preallocated)
	if n := taken(t, mem); n > 10*4096 {
		t.Errorf("%d bytes are taken before the first record", n)
	}
	batch := batchOf(t, 1, "v")
	size := int64(len(batch))
	mustAppend(t, l, batch)
	if n := taken(t, mem); n < reservedSegment {
		t.Errorf("%d bytes are taken after it", n)
	}
	wantSegments(t, mem, "/log", size)
	big := batchOf(t, 2, strings.Repeat("x", 30<<10))
	before := taken(t, mem)
	mustAppend(t, l, bytes.Clone(big)) // key and value: 60 KB
	if n := taken(t, mem); n != before {
		t.Errorf("the second record took %d bytes more", n-before)
	}
	mustAppend(t, l, bytes.Clone(big)) // into the next one
	wantSegments(t, mem, "/log", size+int64(len(big)), int64(len(big)))
	if n, most := taken(t, mem), int64(80<<10)+reservedSegment; n > most {
		t.Errorf("%d bytes are taken after the roll, want at most %d: the rest of the first segment is to be released", n, most)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n, most := taken(t, mem), int64(180<<10); n > most {
		t.Errorf("%d bytes are taken after the close, want at most %d", n, most)
	}
	l = openTestLog(t, mem, "/log", preallocated)
	defer l.Close()
	if got := len(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != 3 {
		t.Errorf("%d records", got)
	}
}

func TestWithoutRoomForASegmentAppendsAreRefusedUntilThereIs(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.LogConfig = func(string) LogConfig { return preallocated }
	cfg.Settings = func() Settings { return Settings{} } // no marks
	s := openTestStore(t, cfg)
	defer s.Close()
	l, err := s.Create(testTP, newUUID(), [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	mem.SetCapacity(taken(t, mem) + reservedSegment/2)
	before := taken(t, mem)
	for range 2 {
		_, err = l.Append(batchOf(t, 1, "v"), clientAppend)
		if !errors.Is(err, ErrDisk) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "preallocate a segment of orders-3") {
			t.Fatalf("append: %v", err)
		}
	}
	if n := taken(t, mem) - before; n > 8192 { // the directory's own files
		t.Errorf("%d bytes were taken all the same", n)
	}
	if d := s.Dirs()[0]; d.Offline != nil {
		t.Fatalf("the directory went offline: %v", d.Offline)
	}
	mem.SetCapacity(0)
	if info := mustAppend(t, l, batchOf(t, 1, "v")); info.BaseOffset != 0 {
		t.Errorf("%+v", info)
	}
}

func TestAKilledProcessLeavesNoSpaceTakenForEver(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", preallocated)
	mustAppend(t, l, batchOf(t, 1, "v"))
	for name, c := range map[string]struct {
		again bool
		most  int64
	}{"a log that still preallocates goes on in its space": {true, 2 * reservedSegment}, "another gives it back": {false, 10 * 4096}} {
		t.Run(name, func(t *testing.T) {
			left := mem.Kill()
			cfg := preallocated
			cfg.Preallocate = c.again
			l := openTestLog(t, left, "/log", cfg)
			if n := taken(t, left); n > c.most || c.again && n < reservedSegment {
				t.Errorf("%d bytes are taken, want at most %d", n, c.most)
			}
			if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != "[0=v]" {
				t.Error(got)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if n := taken(t, left); n > 10*4096 {
				t.Errorf("%d bytes are taken after the close", n)
			}
		})
	}
}

func TestATruncatedPreallocatedLogGoesOn(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", preallocated)
	for i := range 4 {
		mustAppend(t, l, batchOf(t, 1, fmt.Sprint("v", i)))
	}
	for _, offset := range []int64{2, 0} {
		if err := l.TruncateTo(offset); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batchOf(t, 1, "w"))
	}
	if n := taken(t, mem); n < reservedSegment {
		t.Errorf("%d bytes are taken: a segment that begins anew is preallocated anew", n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := taken(t, mem); n > 10*4096 {
		t.Errorf("%d bytes are taken after the close", n)
	}
}

func TestEveryFaultOfAPreallocatedLog(t *testing.T) {
	cfg := LogConfig{SegmentBytes: 500, IndexIntervalBytes: 100, Preallocate: true}
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for n := 1; ; n++ {
			mem := fs.NewMem()
			failed := failNth(mem, n, cause)
			acked, errs := storyOf(t, mem, cfg)
			if !failed() {
				break
			}
			mem.Inject(nil)
			l, err := OpenLog(context.Background(), mem.Kill(), "/log", testTP, cfg, Settings{}, nil)
			if err != nil {
				t.Fatalf("%v at operation %d: next open: %v", cause, n, err)
			}
			if missing := missingFrom(readAll(t, l, 0, 1<<20, ReadLogEnd), acked); len(missing) > 0 {
				t.Fatalf("%v at operation %d: lost %v (errors %v)", cause, n, missing, errs)
			}
		}
	}
}

// Kafka makes a preallocated segment as long as segment.bytes and cuts it when it is rolled or closed; a Kafka that is killed leaves zeros
// behind the last batch.
func TestWhatAKilledKafkaPreallocatedIsCut(t *testing.T) {
	dir := copyTree(t, filepath.Join("testdata", "kafka-killed"))
	parts, err := filepath.Glob(filepath.Join(dir, "orders-*"))
	if err != nil || len(parts) == 0 {
		t.Fatal(parts, err)
	}
	lengths := map[string]int64{}
	for _, part := range parts {
		segments, err := filepath.Glob(filepath.Join(part, "*"+logSuffix))
		if err != nil {
			t.Fatal(err)
		}
		last := segments[len(segments)-1]
		info, err := os.Stat(last)
		if err != nil {
			t.Fatal(err)
		}
		lengths[last] = info.Size()
		if err := os.Truncate(last, 64<<20); err != nil {
			t.Fatal(err)
		}
	}
	var logs bytes.Buffer
	cfg := StoreConfig{
		FS: fs.OS, Dirs: []string{dir}, NodeID: 1, Logger: slog.New(slog.NewTextHandler(&logs, nil)),
		Settings:  func() Settings { return Settings{ProducerIDExpiration: 1 << 62} },
		LogConfig: func(string) LogConfig { return recordedConfig },
	}
	s := openTestStore(t, cfg)
	for l := range s.Logs() {
		if l.TopicPartition().Partition == 0 && l.TopicPartition().Topic == "orders" {
			checkRecorded(t, l)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for file, length := range lengths {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() != length {
			t.Errorf("%s: %d bytes, want %d", file, info.Size(), length)
		}
	}
	if n := strings.Count(logs.String(), `level=INFO msg="zeros behind the last batch cut"`); n != len(lengths) {
		t.Errorf("told %d times of zeros, want %d", n, len(lengths))
	}
	for _, word := range []string{"level=ERROR", "torn", "corrupt"} {
		if strings.Contains(logs.String(), word) {
			t.Errorf("%s in\n%s", word, &logs)
		}
	}
}

func TestZerosWithSomethingBehindThemAreATornLog(t *testing.T) {
	for name, c := range map[string]struct {
		tail  []byte
		blank bool
	}{
		"zeros":                 {make([]byte, 300<<10), true},
		"few zeros":             {make([]byte, 60), false},
		"something at the end":  {append(make([]byte, 300<<10), 1), false},
		"something at once":     {append([]byte{1}, make([]byte, 300<<10)...), false},
		"something after a bit": {append(append(make([]byte, 1000), 1), make([]byte, 300<<10)...), false},
	} {
		if got := blankFrom(bytes.NewReader(append([]byte("log"), c.tail...)), 3, 3+int64(len(c.tail))); got != c.blank {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestAnEncryptedLogIsPreallocated(t *testing.T) {
	mem := fs.NewMem()
	sealed, err := sealedOver(mem)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testStoreConfig(t, sealed, "/data")
	lc := preallocated
	lc.Encrypted = true
	cfg.LogConfig = func(string) LogConfig { return lc }
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "v"))
	if n := taken(t, mem); n < reservedSegment {
		t.Errorf("%d bytes are taken", n)
	}
	before := taken(t, mem)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := taken(t, mem); n > before-reservedSegment/2 {
		t.Errorf("%d bytes are taken after the close, %d before", n, before)
	}
}
