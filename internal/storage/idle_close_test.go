package storage

import (
	"fmt"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// Every restart gives every partition a new leader epoch. That alone must not cost a sync per partition at the next stop.
func TestClosingIdleLogsSyncsNothingOfTheirs(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	for p := range int32(5) {
		l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: p}, record.UUID{1}, record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		if p > 0 {
			mustAppend(t, l, batchOf(t, 1, "a"))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, cfg)
	for l := range s.Logs() {
		if err := l.AssignEpoch(9); err != nil {
			t.Fatal(err)
		}
	}
	var synced []string
	mem.Inject(func(op fs.Op, name string) error {
		if (op == fs.OpSync || op == fs.OpSyncDir) && name != "/data" && len(name) > len("/data/orders") && name[:len("/data/orders")] == "/data/orders" {
			synced = append(synced, name)
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(synced) > 0 {
		t.Errorf("synced %q", synced)
	}
}

func TestEpochsWithRecordsSurviveThoseWithout(t *testing.T) {
	for name, flush := range map[string]bool{"flushed in between": true, "not flushed": false} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			l := openTestLog(t, mem, "/log", LogConfig{})
			for epoch := range int32(6) {
				if err := l.AssignEpoch(epoch); err != nil {
					t.Fatal(err)
				}
				if flush {
					if err := l.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				if epoch%2 == 1 {
					if _, err := l.Append(batchOf(t, 1, "a", "b"), AppendOptions{LeaderEpoch: epoch, Now: day0}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := l.AssignEpoch(6); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = openTestLog(t, mem, "/log", LogConfig{})
			defer l.Close()
			var got []string
			for epoch := range int32(7) {
				e, end := l.EndOffsetForEpoch(epoch)
				got = append(got, fmt.Sprintf("%d:%d", e, end))
			}
			if want := "[0:0 1:2 1:2 3:4 3:4 5:6 -1:-1]"; fmt.Sprint(got) != want {
				t.Errorf("epochs %s, want %s", got, want)
			}
		})
	}
}
