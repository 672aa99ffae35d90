package inspect

import (
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
	"leat/internal/storage"
)

// A compressed batch that was taken unread may hold nothing that could be decompressed, under a CRC that is right.
func TestABatchThatCannotBeDecompressedIsNamed(t *testing.T) {
	mem := fs.NewMem()
	s := written(t, mem, false)
	l, _ := s.Log(record.TopicPartition{Topic: "orders"})
	opts := storage.AppendOptions{LeaderEpoch: 3, Sampling: new(storage.Sampling)}
	for i := range 9 { // the first eight of a connection are read
		spec := record.NewSpec()
		spec.Codec = record.LZ4
		raw, err := record.AppendBatch(nil, spec, []record.Record{{Value: []byte("v"), Timestamp: 1}})
		if err != nil {
			t.Fatal(err)
		}
		b := record.Batch(raw)
		if i == 8 {
			clear(b.Payload())
			b.Reseal()
		}
		if _, err := l.Append(b, opts); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := verifyMem(t, mem)
	if r.Damage != 1 || len(r.Findings) != 1 {
		t.Errorf("found\n%s", lines("/data", r))
	}
}
