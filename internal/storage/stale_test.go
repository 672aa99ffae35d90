package storage

import (
	"testing"

	"leat/internal/fs"
)

// Topics that come and go must not be remembered for ever.
func TestLogsThatAreGoneAreForgottenOnceTheCheckpointsAre(t *testing.T) {
	mem := fs.NewMem()
	s := openTestStore(t, testStoreConfig(t, mem, "/data"))
	defer s.Close()
	d := s.dirs[0]
	for p := range int32(20) {
		tp := testTP
		tp.Partition = p
		l, err := s.Create(tp, newUUID(), [16]byte{})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batchOf(t, 1, "a"))
		if err := s.Delete(tp); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.stale) != 20 {
		t.Fatalf("%d logs are remembered, want 20", len(d.stale))
	}
	d.settleSoon()
	if len(d.stale) != 0 {
		t.Errorf("%d logs are remembered after the checkpoints were written", len(d.stale))
	}
}
