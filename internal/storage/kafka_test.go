package storage

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// The directories below testdata were recorded from Apache Kafka 4.4.0: topic orders with segments of 12,000 bytes, 150 batches of
// one record in five codecs from five idempotent producers, and on partition 0 four transactions of three batches, every other one
// aborted. kafka-clean was stopped by SIGTERM; kafka-killed is what stood on the disk while the broker ran.

// copyTree copies a recorded directory to where it may be written to.
func copyTree(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// recordedConfig is the config under which Kafka wrote the recorded directories.
var recordedConfig = LogConfig{SegmentBytes: 12000, IndexIntervalBytes: 4096, RetentionMs: -1, RetentionBytes: -1, Delete: true}

func openRecorded(t *testing.T, dir string, logs *bytes.Buffer) *Store {
	t.Helper()
	return openTestStore(t, StoreConfig{
		FS: fs.OS, Dirs: []string{dir}, NodeID: 1, Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Settings:  func() Settings { return Settings{ProducerIDExpiration: 1 << 62} },
		LogConfig: func(string) LogConfig { return recordedConfig },
	})
}

// checkRecorded compares the content of partition 0 with what was produced.
func checkRecorded(t *testing.T, l *Log) {
	t.Helper()
	got := readAll(t, l, 0, 5000, ReadLogEnd)
	var want []string
	for i := range 150 {
		want = append(want, fmt.Sprintf("%d=value-%d-%0300d", i, i, i))
	}
	for i, offset := 0, 150; i < 4; i++ {
		for k := range 3 {
			want = append(want, fmt.Sprintf("%d=tx-%d-%d", offset, i, k))
			offset++
		}
		want = append(want, fmt.Sprintf("%d=\x00\x00\x00\x00\x00\x00", offset))
		offset++
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, expected %d", len(got), len(want))
	}
	for i := range want {
		g := got[i]
		if strings.HasPrefix(want[i], fmt.Sprintf("%d=\x00", i)) {
			g = g[:min(len(g), len(want[i]))]
		}
		if g != want[i] {
			t.Fatalf("record %d: got %q, expected %q", i, got[i], want[i])
		}
	}
}

func TestOpensWhatKafkaLeftBehind(t *testing.T) {
	for _, name := range []string{"kafka-clean", "kafka-killed"} {
		t.Run(name, func(t *testing.T) {
			dir := copyTree(t, filepath.Join("testdata", name))
			var logs bytes.Buffer
			s := openRecorded(t, dir, &logs)
			defer s.Close()
			l, ok := s.Log(record.TopicPartition{Topic: "orders", Partition: 0})
			if !ok {
				t.Fatalf("no log: %s", logs.String())
			}
			if logs.Len() > 0 {
				t.Errorf("complaints about what Kafka wrote:\n%s", logs.String())
			}
			if got := l.Offsets().LogEnd; got != 166 {
				t.Errorf("log ends at %d", got)
			}
			l.SetHighWatermark(166)
			checkRecorded(t, l)
			slice, err := l.Read(0, 1<<20, ReadCommitted, true)
			if err != nil {
				t.Fatal(err)
			}
			slice.Release()
			slice, err = l.Read(150, 1<<20, ReadCommitted, true)
			if err != nil {
				t.Fatal(err)
			}
			slice.Release()
			if len(slice.Aborted) == 0 || slice.Aborted[0].FirstOffset != 150 {
				t.Errorf("aborted from 150: %+v", slice.Aborted)
			}
			if got, err := l.OffsetForTimestamp(1700000000000 + 77*1000); err != nil || got.Offset != 77 || got.Timestamp != 1700000077000 {
				t.Errorf("by time: %+v, %v", got, err)
			}
			if got, err := l.OffsetForMaxTimestamp(); err != nil || got.Offset != 165 && got.Timestamp < 1700000161000 {
				t.Errorf("by greatest timestamp: %+v, %v", got, err)
			}
			if got := l.LatestEpoch(); got != 0 {
				t.Errorf("latest epoch %d", got)
			}
			if got := len(l.Producers()); got != 6 {
				t.Errorf("%d producers", got)
			}
		})
	}
}

func TestLeavesKafkasFilesAsTheyWere(t *testing.T) {
	dir := copyTree(t, "testdata/kafka-clean")
	var logs bytes.Buffer
	s := openRecorded(t, dir, &logs)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, "testdata/kafka-clean/orders-0", filepath.Join(dir, "orders-0"))
	sameFiles(t, "testdata/kafka-clean/orders-1", filepath.Join(dir, "orders-1"))
	sameFile(t, "testdata/kafka-clean/meta.properties", filepath.Join(dir, "meta.properties"))
	for _, name := range []string{recoveryPointFile, highWatermarkFile} {
		want, err := readOffsets(fs.OS, filepath.Join("testdata/kafka-clean", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readOffsets(fs.OS, filepath.Join(dir, name)); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %v, %v, expected %v", name, got, err, want)
		}
	}
}

func sameFiles(t *testing.T, want, got string) {
	t.Helper()
	names := func(dir string) (list []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	if w, g := names(want), names(got); fmt.Sprint(w) != fmt.Sprint(g) {
		t.Errorf("files\n%v, expected\n%v", g, w)
	}
	for _, name := range names(want) {
		sameFile(t, filepath.Join(want, name), filepath.Join(got, name))
	}
}

func sameFile(t *testing.T, want, got string) {
	t.Helper()
	w, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	g, err := os.ReadFile(got)
	if err != nil {
		t.Error(err)
		return
	}
	if filepath.Base(got) == partitionMetaFile { // ours may have a line more, which Kafka does not read
		g, _, _ = bytes.Cut(g, []byte(metadataLine))
	}
	if !bytes.Equal(w, g) {
		t.Errorf("%s differs from Kafka's\n got %x\nwant %x", got, clip(g), clip(w))
	}
}

func clip(b []byte) []byte { return b[:min(len(b), 300)] }

// TestWritesTheBytesThatKafkaWrites appends what Kafka appended, batch by batch, and expects every file to be the same.
func TestWritesTheBytesThatKafkaWrites(t *testing.T) {
	for _, partition := range []int32{0, 1} {
		tp := record.TopicPartition{Topic: "orders", Partition: partition}
		want := filepath.Join("testdata/kafka-clean", tp.String())
		dir := filepath.Join(t.TempDir(), tp.String())
		set := Settings{ProducerIDExpiration: 1 << 62}
		l, err := OpenLog(context.Background(), fs.OS, dir, tp, recordedConfig, set, testLogger(t))
		if err != nil {
			t.Fatal(err)
		}
		segments, _ := filepath.Glob(want + "/*.log")
		if len(segments) < 3 {
			t.Fatalf("recorded segments: %v", segments)
		}
		for _, name := range segments {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for len(b) > 0 {
				batch, rest, err := record.Split(b)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := l.AppendFetched(batch); err != nil {
					t.Fatal(err)
				}
				b = rest
			}
		}
		if err := l.close(); err != nil { // as in a Store: without the marks that a log outside of one has
			t.Fatal(err)
		}
		id, err := readPartitionMetadata(fs.OS, filepath.Join(want, partitionMetaFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := writeUnsynced(fs.OS, filepath.Join(dir, partitionMetaFile), formatPartitionMetadata(id)); err != nil {
			t.Fatal(err)
		}
		sameFiles(t, want, dir)
	}
}
