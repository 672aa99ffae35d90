package storage

import (
	"fmt"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// A process that was killed leaves files whose names the disk may not have: the next process must not call anything synced before they are.
func TestAFlushAfterAKillMakesTheNamesDurableToo(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	id := l.TopicID()
	mustAppend(t, l, batchOf(t, 1, "a"))
	cfg.FS = mem.Kill()
	again := openTestStore(t, cfg)
	l, _ = again.Log(testTP)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	cfg.FS = cfg.FS.(*fs.Mem).Crash(nil)
	last := openTestStore(t, cfg)
	defer last.Close()
	l, ok := last.Log(testTP)
	if !ok {
		t.Fatalf("the log is gone: %v", last.Broken(testTP))
	}
	if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != "[0=a]" || l.TopicID() != id {
		t.Errorf("%s, topic id %v, want %v", got, l.TopicID(), id)
	}
}
