package storage

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// holedLog is what stands on a disk of a log of 12 records in segments of about six: compaction left nothing between the third record and the second
// segment, which begins at second. No file says what was synced or compacted.
func holedLog(t *testing.T) (cfg StoreConfig, left *fs.Mem, second int64) {
	t.Helper()
	mem := fs.NewMem()
	cfg = faultConfig(t, mem)
	s, l := compactedLog(t, cfg, testCompaction)
	for i := range 12 {
		mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, string(rune('a'+i))+"=1"))
	}
	second = l.segments[1].base
	position := 3 * l.segments[0].size / second
	left = mem.Kill()
	_ = s.Close()
	edit(t, left, offsetName(0, logSuffix), func(b []byte) []byte { return b[:position] })
	if err := left.SyncAll("/"); err != nil {
		t.Fatal(err)
	}
	cfg.LogConfig = func(string) LogConfig { return unknownTopic }
	return cfg, left, second
}

func writeAt(t *testing.T, mem *fs.Mem, name, content string) {
	t.Helper()
	if err := fs.WriteFile(mem, "/data/"+name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// endsAt opens an image and expects the log to end at an offset. It returns the log lines, and the image of the process being killed after then.
func endsAt(t *testing.T, cfg StoreConfig, image *fs.Mem, want int64, what string, then func(*Log)) (string, *fs.Mem) {
	t.Helper()
	var lines bytes.Buffer
	cfg.FS, cfg.Logger = image, slog.New(slog.NewTextHandler(&lines, nil))
	s := openTestStore(t, cfg)
	defer s.Close()
	l, ok := s.Log(testTP)
	if !ok {
		t.Fatalf("%s: %v", what, s.Broken(testTP))
	}
	if end := l.Offsets().LogEnd; end != want {
		t.Errorf("%s: the log ends at %d, expected %d\n%s", what, end, want, lines.String())
	}
	if then != nil {
		then(l)
	}
	return lines.String(), image.Kill()
}

// Kafka notes how far it compacted a log only after it has replaced the segments, and its recovery point once a minute. What lies behind a hole then
// is kept, also if leat is killed, or the power fails, while it takes over.
func TestAHoleThatAKilledKafkaLeftIsKept(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"before the first recovery point": {highWatermarkFile: "0\n1\norders 3 12\n"},
		"after leat":                      {highWatermarkFile: "0\n1\norders 3 12\n", recoveryPointFile: string(formatOffsets([]partitionOffset{{testTP, 1}}))},
		"with an old cleaner point":       {recoveryPointFile: "0\n1\norders 3 1\n", cleanerPointFile: "0\n1\norders 3 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, left, _ := holedLog(t)
			for file, content := range files {
				writeAt(t, left, file, content)
			}
			var mu sync.Mutex
			var images []*fs.Mem
			left.InjectFreely(func(op fs.Op, _ string) error {
				mu.Lock()
				defer mu.Unlock()
				if op == fs.OpSyncDir || op == fs.OpRename {
					images = append(images, left.Kill(), left.Crash(nil), left.Crash(rand.New(rand.NewPCG(uint64(len(images)), 1))))
				}
				return nil
			})
			lines, again := endsAt(t, cfg, left, 12, "first start", func(*Log) { left.Inject(nil) })
			if n := strings.Count(lines, "offsets missing between segments"); n != 1 || strings.Contains(lines, "WARN") {
				t.Errorf("told %d times:\n%s", n, lines)
			}
			for i, image := range images {
				endsAt(t, cfg, image, 12, fmt.Sprintf("moment %d of %d", i, len(images)), nil)
			}
			if lines, _ = endsAt(t, cfg, again, 12, "second start", nil); len(images) == 0 || strings.Contains(lines, "offsets missing") {
				t.Errorf("%d images; what was taken over is not leat's:\n%s", len(images), lines)
			}
		})
	}
}

// A directory that leat took over is leat's: what follows a hole that a loss of power left then is no continuation.
func TestALogThatWasTakenOverIsCutAtAHole(t *testing.T) {
	cfg, left, _ := holedLog(t)
	writeAt(t, left, highWatermarkFile, "0\n1\norders 3 12\n")
	var base, next int64
	_, left = endsAt(t, cfg, left, 12, "start", func(l *Log) {
		for len(l.segments) < 5 {
			mustAppend(t, l, keyed(t, day0.UnixMilli(), record.Uncompressed, "a=1"))
		}
		base, next = l.segments[3].base, l.segments[4].base
	})
	edit(t, left, offsetName(base, logSuffix), func(b []byte) []byte { return b[:int64(len(b))*2/(next-base)] })
	if lines, _ := endsAt(t, cfg, left, base+2, "after a hole", nil); !strings.Contains(lines, "segment behind a torn one, removed") {
		t.Errorf("nothing said:\n%s", lines)
	}
}

// What Kafka's compaction left out over the recovery point on disk, within a segment, is no damage.
func TestAGapThatAKilledKafkaLeftOverItsRecoveryPointIsNoDamage(t *testing.T) {
	cfg, left, second := holedLog(t)
	behind, err := fs.ReadFile(left, "/data/orders-3/"+offsetName(second, logSuffix))
	if err != nil {
		t.Fatal(err)
	}
	edit(t, left, offsetName(0, logSuffix), func(b []byte) []byte { return append(b, behind...) })
	for _, suffix := range segmentSuffixes {
		_ = left.Remove("/data/orders-3/" + offsetName(second, suffix))
	}
	writeAt(t, left, recoveryPointFile, "0\n1\norders 3 4\n")
	_, again := endsAt(t, cfg, left, 12, "first start", nil)
	endsAt(t, cfg, again, 12, "second start", nil)
}

// Leat compacts below its recovery point, but that on disk may be an older one. Where nobody knows any more how far it compacted, what lies behind a hole
// is kept, and so it is when a process is killed right after that.
func TestAHoleIsKeptWhereTheCleanerPointsCannotBeRead(t *testing.T) {
	cfg, left, _ := holedLog(t)
	for _, name := range []string{recoveryPointFile, highWatermarkFile} {
		writeAt(t, left, name, string(formatOffsets([]partitionOffset{{testTP, 1}})))
	}
	endsAt(t, cfg, left.Kill(), 3, "without cleaner points", nil)
	points := formatOffsets([]partitionOffset{{testTP, 9}})
	points[len("0\n2\norders 3 ")] ^= 1
	writeAt(t, left, cleanerPointFile, string(points))
	_, again := endsAt(t, cfg, left, 12, "first start", nil)
	endsAt(t, cfg, again, 12, "second start", nil)
	if _, err := readOffsets(again, "/data/"+cleanerPointFile); err != nil {
		t.Error(err)
	}
}
