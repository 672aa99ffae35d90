package metalog

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
)

// Two checkpoints of one image have the same name, and the same temporary file: they are written one after the other.
func TestCheckpointsAreWrittenOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := fs.NewMem()
		l, _, err := Open(context.Background(), Config{FS: fsys, Dir: "/data"})
		if err != nil {
			t.Fatal(err)
		}
		var writing atomic.Int32
		fsys.InjectFreely(func(op fs.Op, name string) error {
			if !strings.HasSuffix(name, checkpointSuffix+".tmp") {
				return nil
			}
			switch op {
			case fs.OpCreate, fs.OpOpen:
				if writing.Add(1) > 1 {
					t.Error("a second one is begun before the first is there")
				}
			case fs.OpSync:
				time.Sleep(time.Second)
			case fs.OpRename:
				writing.Add(-1)
			}
			return nil
		})
		image := metadata.NewDelta(metadata.Empty).Image(9, 1, 5)
		written := 0
		for range 3 {
			l.SnapshotOf(image, nil, func(Checkpoint) { written++ })
		}
		time.Sleep(time.Minute)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if written != 3 {
			t.Errorf("%d checkpoints written, not 3", written)
		}
	})
}
