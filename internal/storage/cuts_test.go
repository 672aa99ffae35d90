package storage

import (
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// A node that comes back after a crash has to cut many replicas, all of whose records were synced when it recovered.
func TestManyTruncationsWriteTheRecoveryPointsOnce(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		mem := fs.NewMem()
		s := openTestStore(t, testStoreConfig(t, mem, "/data"))
		var cuts []Cut
		for i := range 20 {
			l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: int32(i)}, newUUID(), record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batchOf(t, 1, "a"))
			mustAppend(t, l, batchOf(t, 2, "b"))
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			cuts = append(cuts, Cut{l, 1})
		}
		d := cuts[0].Log.host.(*logDir)
		d.checkpointMu.Lock()
		err := d.writeRecoveryPoints(d.mine())
		d.checkpointMu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		written := 0
		mem.Inject(func(op fs.Op, name string) error {
			if op == fs.OpRename && strings.HasPrefix(filepath.Base(name), recoveryPointFile) {
				written++
			}
			return nil
		})
		if prepared {
			if err := s.PrepareCuts(cuts); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range cuts {
			if err := c.Log.TruncateTo(c.Offset); err != nil {
				t.Fatal(err)
			}
			if o := c.Log.Offsets(); o.LogEnd != 1 {
				t.Fatalf("%+v", o)
			}
		}
		mem.Inject(nil)
		if want := map[bool]int{false: 20, true: 1}[prepared]; written != want {
			t.Errorf("prepared %v: recovery points written %d times, want %d", prepared, written, want)
		}
		lost := mem.Crash(nil)
		_ = s.Close()
		s = openTestStore(t, testStoreConfig(t, lost, "/data"))
		for _, c := range cuts {
			l, ok := s.Log(c.Log.TopicPartition())
			if !ok || l.Offsets().LogEnd != 1 {
				t.Errorf("%s after a crash: %v", c.Log.TopicPartition(), ok)
			}
		}
		_ = s.Close()
	}
}
