package share

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"leat/internal/record"
)

// recorded returns the bytes that Kafka's classes write.
func recorded(t testing.TB) map[string][]byte {
	text, err := os.ReadFile("testdata/records/kafka-4.4.hex")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for line := range strings.Lines(string(text)) {
		if name, digits, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if all[name], err = hex.DecodeString(digits); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return all
}

var goldenKey = Key{Group: "grp é", TopicID: record.UUID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, Partition: 7}

var goldenBatches = []Batch{{1234567890123, 1234567890200, 0, 1}, {1234567890300, 1234567890301, 2, 4}}

func TestRecordsAreKafkas(t *testing.T) {
	bytesOf := recorded(t)
	for name, rec := range map[string]Record{
		"snapshot": &Snapshot{Key: goldenKey, State: &State{SnapshotEpoch: 3, StateEpoch: 2, LeaderEpoch: 7, StartOffset: 1234567890123,
			DeliveryCompleteCount: 5, CreateTimestamp: 1700000000000, WriteTimestamp: 1700000000001, Batches: goldenBatches}},
		"snapshot-initial": &Snapshot{Key: goldenKey, State: &State{StateEpoch: 1, StartOffset: -1, DeliveryCompleteCount: -1,
			CreateTimestamp: 1700000000000, WriteTimestamp: 1700000000000}},
		"update":               &Update{Key: goldenKey, SnapshotEpoch: 3, LeaderEpoch: 7, StartOffset: 1234567890123, DeliveryCompleteCount: 5, Batches: goldenBatches},
		"update-unknown-count": &Update{Key: goldenKey, SnapshotEpoch: 3, LeaderEpoch: 7, StartOffset: 1234567890123, DeliveryCompleteCount: -1},
		"tombstone":            &Snapshot{Key: goldenKey},
	} {
		key, value := rec.Encode()
		if !bytes.Equal(key, bytesOf[name+"-key"]) || !bytes.Equal(value, bytesOf[name+"-value"]) {
			t.Errorf("%s: wrote\n%x\n%x, Kafka writes\n%x\n%x", name, key, value, bytesOf[name+"-key"], bytesOf[name+"-value"])
		}
		if n := len(key) + len(value); n > rec.Size() {
			t.Errorf("%s: %d bytes, said to be at most %d", name, n, rec.Size())
		}
		got, foreign, err := Decode(key, value)
		if diff := cmp.Diff(rec, got); err != nil || foreign != "" || diff != "" {
			t.Errorf("%s: read back %v %q:\n%s", name, err, foreign, diff)
		}
	}
}

func FuzzDecode(f *testing.F) {
	all := recorded(f)
	for name, key := range all {
		if base, ok := strings.CutSuffix(name, "-key"); ok {
			f.Add(key, all[base+"-value"])
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		rec, _, err := Decode(key, value)
		if err != nil || rec == nil {
			return
		}
		key2, value2 := rec.Encode()
		again, _, err := Decode(key2, value2)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(rec, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
