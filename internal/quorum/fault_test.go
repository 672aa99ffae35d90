package quorum_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/security"
)

// TestCrashKeepsWhatWasAnswered stops the machine after each operation on files and looks whether the next start knows every
// topic whose creation was answered.
func TestCrashKeepsWhatWasAnswered(t *testing.T) {
	for crashAt := int64(1); crashAt < 2000; crashAt += 3 {
		fsys := fs.NewMem()
		var ops atomic.Int64
		var left atomic.Pointer[fs.Mem]
		var crashed atomic.Bool // set before the copy is made: what was answered before is in it
		fsys.Inject(func(fs.Op, string) error {
			if ops.Add(1) == crashAt {
				crashed.Store(true)
				left.Store(fsys.Crash(nil))
			}
			return nil
		})
		answered := runUntil(t, fsys, crashed.Load)
		after := left.Load()
		if after == nil {
			if crashAt < 100 {
				t.Fatalf("a whole run has only %d operations on files", ops.Load())
			}
			return
		}
		q := open(t, after, "/data", quorum.LogSettings{SnapshotBytes: 500, SegmentBytes: 4096})
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

// runUntil creates topics until crashed, and returns those that were answered before.
func runUntil(t *testing.T, fsys fs.FS, crashed func() bool) []string {
	t.Helper()
	q := open(t, fsys, "/data", quorum.LogSettings{SnapshotBytes: 500, SegmentBytes: 4096})
	defer q.Close()
	join(t, q, 1, -1)
	var answered []string
	for i := range 12 {
		name := fmt.Sprintf("topic-%d", i)
		createTopic(t, q, name, 2)
		if crashed() {
			break
		}
		answered = append(answered, name)
	}
	return answered
}

// A decision that the journal has not taken is lost. One that it has taken is not, even if the log beside it cannot be written; who asked gets to know
// neither.
func TestADiskThatFailsIsToldAndNothingIsAnsweredWrongly(t *testing.T) {
	for file, kept := range map[string]bool{"quorum-journal": false, ".log": true} {
		fsys := fs.NewMem()
		failed := make(chan error, 1)
		q := openWith(t, fsys, "/data", quorum.LogSettings{}, func(err error) { failed <- err })
		join(t, q, 1, -1)
		broken := errors.New("input/output error")
		fsys.Inject(func(op fs.Op, name string) error {
			if op == fs.OpWrite && strings.HasSuffix(name, file) {
				return broken
			}
			return nil
		})
		r := kmsg.NewPtrCreateTopicsRequest()
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 1, 1
		r.Topics = append(r.Topics, topic)
		if resp, err := q.Do(t.Context(), security.Anonymous, r); !errors.Is(err, kerr.RequestTimedOut) {
			t.Fatalf("%s: answered %+v, %v", file, resp, err)
		}
		if err := <-failed; !errors.Is(err, broken) {
			t.Errorf("%s: told %v", file, err)
		}
		fsys.Inject(nil)
		q.Close()
		q = open(t, fsys, "/data", quorum.LogSettings{})
		if _, ok := q.Image().Topic("orders"); ok != kept {
			t.Errorf("%s: after a restart the topic is there: %v, want %v", file, ok, kept)
		}
		q.Close()
	}
}

func TestTornCheckpointIsAnErrorThatNamesIt(t *testing.T) {
	fsys := fs.NewMem()
	data, err := quorum.FormatCheckpoint(replay(t, &metadata.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: 33}), fixed)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("/data", "__cluster_metadata-0", "00000000000000000010-0000000001.checkpoint")
	if err := fsys.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 10, len(data) / 2, len(data) - 75} {
		if err := fs.WriteFile(fsys, name, data[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := tryOpen(t, fsys, "/data"); err == nil || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestLogThatEndsInsideATransactionIsAborted(t *testing.T) {
	fsys := fs.NewMem()
	q := open(t, fsys, "/data", quorum.LogSettings{})
	join(t, q, 1, -1)
	if err := q.AppendRaw(&metadata.BeginTransactionRecord{}, &metadata.TopicRecord{Name: "half", TopicID: [16]byte{5, 5}}); err != nil {
		t.Fatal(err)
	}
	q.Close()
	for range 2 { // the second start reads the abort from the log
		q = open(t, fsys, "/data", quorum.LogSettings{})
		if _, ok := q.Image().Topic("half"); ok {
			t.Error("a topic of an open transaction is in the image")
		}
		q.Close()
	}
	q = open(t, fsys, "/data", quorum.LogSettings{})
	defer q.Close()
	join(t, q, 2, -1)
	createTopic(t, q, "half", 1)
}
