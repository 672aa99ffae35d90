package quorum_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"leat/internal/fs"
	"leat/internal/quorum"
)

// tight keeps one checkpoint, and of the log only what that one needs.
var tight = quorum.LogSettings{SnapshotBytes: 500, RetentionBytes: 1, SegmentBytes: 1000}

func logFiles(t *testing.T, fsys fs.FS, dir string) (names []string) {
	t.Helper()
	entries, err := fsys.ReadDir(filepath.Join(dir, "__cluster_metadata-0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".log" {
			names = append(names, e.Name())
		}
	}
	return names
}

// A log that only grows fills the disk in the end.
func TestSegmentsThatACheckpointCoversAreRemoved(t *testing.T) {
	onFiles(t, func(t *testing.T, fsys fs.FS, dir string) {
		q := open(t, fsys, dir, tight)
		join(t, q, 1, -1)
		for i := range 30 {
			createTopic(t, q, fmt.Sprintf("topic-%d", i), 4)
		}
		want := describe(q.Image())
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		if names := logFiles(t, fsys, dir); len(names) > 5 || names[0] == "00000000000000000000.log" {
			t.Errorf("segments left: %q", names)
		}
		q = open(t, fsys, dir, tight)
		if got := describe(q.Image()); got != want {
			t.Errorf("the image is\n%s\nwant\n%s", got, want)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A crash while old segments are being removed loses nothing that was answered.
func TestCrashWhileTheLogIsTrimmedKeepsWhatWasAnswered(t *testing.T) {
	for crashAt := int64(1); ; crashAt += 5 {
		fsys := fs.NewMem()
		var ops atomic.Int64
		var left atomic.Pointer[fs.Mem]
		var crashed atomic.Bool
		fsys.Inject(func(fs.Op, string) error {
			if ops.Add(1) == crashAt {
				crashed.Store(true)
				left.Store(fsys.Crash(nil))
			}
			return nil
		})
		q := open(t, fsys, "/data", tight)
		join(t, q, 1, -1)
		var answered []string
		for i := range 8 {
			name := fmt.Sprintf("topic-%d", i)
			createTopic(t, q, name, 8)
			if crashed.Load() {
				break
			}
			answered = append(answered, name)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		after := left.Load()
		if after == nil {
			if crashAt < 100 {
				t.Fatalf("a whole run has only %d operations on files", ops.Load())
			}
			return
		}
		q = open(t, after, "/data", tight)
		for _, name := range answered {
			if _, ok := q.Image().Topic(name); !ok {
				t.Fatalf("crash at operation %d: %s was answered and is gone", crashAt, name)
			}
		}
		join(t, q, 9, -1)
		createTopic(t, q, "after", 1)
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
