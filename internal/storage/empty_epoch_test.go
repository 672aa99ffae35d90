package storage

import (
	"testing"

	"leat/internal/fs"
)

// A node that led at epoch 5 without writing anything follows another at epoch 6, whose log goes on with records of epoch 4.
func TestAnEpochWithoutRecordsIsForgottenByATruncationAtTheEnd(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/data/orders-0", LogConfig{})
	append4 := func() {
		t.Helper()
		if _, err := l.Append(batchOf(t, 1000, "a", "b"), AppendOptions{LeaderEpoch: 4}); err != nil {
			t.Fatal(err)
		}
	}
	append4()
	if err := l.AssignEpoch(5); err != nil {
		t.Fatal(err)
	}
	if err := l.TruncateTo(2); err != nil {
		t.Fatal(err)
	}
	if epoch := l.LatestEpoch(); epoch != 4 {
		t.Fatalf("latest epoch %d", epoch)
	}
	append4()
	if epoch, end := l.EndOffsetForEpoch(5); epoch != -1 || end != -1 {
		t.Errorf("epoch 5 ends at %d, %d", epoch, end)
	}
	if epoch, end := l.EndOffsetForEpoch(4); epoch != 4 || end != 4 {
		t.Errorf("epoch 4 ends at %d, %d", epoch, end)
	}
}
