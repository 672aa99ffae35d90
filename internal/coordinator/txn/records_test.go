package txn

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

const goldenTime = 1700000000000

func parts(topic string, partitions ...int32) []record.TopicPartition {
	return appendPartitions(nil, topic, partitions)
}

func TestRecordsAreKafkas(t *testing.T) {
	bytesOf := recorded(t)
	several := append(parts(groupTopic, 7), parts("orders", 0, 2, 10)...)
	for name, want := range map[string]*Transaction{
		"empty-v0": {ProducerID: 4000, PreviousProducerID: -1, NextProducerID: -1, TimeoutMillis: 60000, UpdateTimestamp: goldenTime, StartTimestamp: -1},
		"empty-v1": {ValueVersion: 1, ProducerID: 4000, PreviousProducerID: 4000, NextProducerID: -1, TimeoutMillis: 60000,
			UpdateTimestamp: goldenTime, StartTimestamp: -1},
		"ongoing-v0": {ProducerID: 4000, PreviousProducerID: -1, NextProducerID: -1, ProducerEpoch: 3, TimeoutMillis: 60000, State: Ongoing,
			Partitions: parts("orders", 2), UpdateTimestamp: goldenTime + 2, StartTimestamp: goldenTime + 1},
		"ongoing-v1": {ValueVersion: 1, ProducerID: 4000, PreviousProducerID: 4000, NextProducerID: -1, ProducerEpoch: 3, TimeoutMillis: 60000,
			State: Ongoing, Partitions: parts("orders", 2), UpdateTimestamp: goldenTime + 2, StartTimestamp: goldenTime + 1, ClientVersion: 2},
		"prepare-commit-v1": {ValueVersion: 1, ProducerID: 4000, PreviousProducerID: 4000, NextProducerID: 4001, ProducerEpoch: math.MaxInt16,
			TimeoutMillis: math.MaxInt32, State: PrepareCommit, Partitions: parts("orders", 2), UpdateTimestamp: goldenTime + 2,
			StartTimestamp: goldenTime + 1, ClientVersion: 2},
		"complete-commit-v1": {ValueVersion: 1, ProducerID: 4001, PreviousProducerID: 4000, NextProducerID: -1, TimeoutMillis: 60000,
			State: CompleteCommit, UpdateTimestamp: goldenTime + 3, StartTimestamp: goldenTime + 1, ClientVersion: 2},
		"complete-abort-v0": {ProducerID: 4001, PreviousProducerID: -1, NextProducerID: -1, ProducerEpoch: 7, TimeoutMillis: 60000,
			State: CompleteAbort, UpdateTimestamp: goldenTime + 3, StartTimestamp: goldenTime + 1},
		"several-v0": {ProducerID: 9, PreviousProducerID: -1, NextProducerID: -1, ProducerEpoch: 1, TimeoutMillis: 1, State: PrepareAbort,
			Partitions: several, UpdateTimestamp: 5, StartTimestamp: 4},
		"several-v1": {ValueVersion: 1, ProducerID: 9, PreviousProducerID: -1, NextProducerID: -1, ProducerEpoch: 1, TimeoutMillis: 1,
			State: PrepareAbort, Partitions: several, UpdateTimestamp: 5, StartTimestamp: 4},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(bytesOf["key"], bytesOf[name])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&TransactionRecord{TransactionalID: "pay-ü", Transaction: want}, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded (-want +got)\n%s", diff)
			}
			key, value := got.Encode()
			if !bytes.Equal(key, bytesOf["key"]) || !bytes.Equal(value, bytesOf[name]) {
				t.Errorf("encoded key %x value %x, Kafka writes %x and %x", key, value, bytesOf["key"], bytesOf[name])
			}
			if len(key)+len(value) > got.Size() {
				t.Errorf("record of %d bytes says it has at most %d", len(key)+len(value), got.Size())
			}
		})
	}
}

func TestTombstonesAndForeignRecords(t *testing.T) {
	key := recorded(t)["key"]
	got, err := Decode(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Record(&TransactionRecord{TransactionalID: "pay-ü"}), got); diff != "" {
		t.Error(diff)
	}
	if k, v := got.Encode(); !bytes.Equal(k, key) || v != nil {
		t.Errorf("tombstone encoded as key %x value %x", k, v)
	}
	got, err = Decode([]byte{0, 9, 1}, []byte{0})
	if f, ok := got.(*ForeignRecord); err != nil || !ok || f.Kind() != "key type 9" {
		t.Errorf("a record of key type 9 is decoded as %v, %v", got, err)
	}
}

func TestBadRecordsAreRefused(t *testing.T) {
	all := recorded(t)
	short := all["ongoing-v1"]
	for name, c := range map[string]struct {
		key, value []byte
		want       string
	}{
		"no key":            {nil, nil, "record key: record ends too early"},
		"key cut":           {[]byte{0, 0, 0, 9, 'x'}, nil, "TransactionLog key: record ends too early"},
		"value version 2":   {all["key"], []byte{0, 2}, "TransactionLog value has version 2, not 0 or 1"},
		"value cut":         {all["key"], short[:len(short)-1], "TransactionLog value: record ends too early"},
		"state 8":           {all["key"], append(append([]byte{}, short[:16]...), 8), "TransactionLog value has state 8, not one of 0 to 7"},
		"a million topics":  {all["key"], append(append([]byte{}, short[:17]...), 0xc1, 0x84, 0x3d), "TransactionLog value: record ends too early"},
		"an empty value":    {all["key"], []byte{}, "TransactionLog value: record ends too early"},
		"only half a count": {all["key"], append(append([]byte{}, short[:17]...), 0xc1), "TransactionLog value: record ends too early"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Decode(c.key, c.value); err == nil || err.Error() != c.want {
				t.Errorf("Decode gives %v, error %v, want %q", got, err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	all := recorded(f)
	for name, b := range all {
		if name != "key" {
			f.Add(all["key"], b)
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, err := Decode(key, value)
		if err != nil {
			return
		}
		rec, ok := r.(*TransactionRecord)
		if !ok {
			return
		}
		k, v := rec.Encode()
		if len(k)+len(v) > rec.Size() {
			t.Fatalf("record of %d bytes says it has at most %d", len(k)+len(v), rec.Size())
		}
		again, err := Decode(k, v)
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-read +read again)\n%s", diff)
		}
	})
}
