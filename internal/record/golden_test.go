package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The batches in testdata/kafka were written by Kafka's Java client (Golden.java, beside them).

const goldenTime = 1700000000000

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "kafka", name+".batch"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goldenBatch(t *testing.T, name string) Batch {
	t.Helper()
	batch, rest, err := Split(golden(t, name))
	if err != nil || len(rest) != 0 {
		t.Fatalf("%s: Split: %v, %d bytes left", name, err, len(rest))
	}
	if err := batch.Check(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return batch
}

func fewRecords(base int64) []Record {
	return []Record{
		{Offset: base, Timestamp: goldenTime, Key: []byte("k1"), Value: []byte("v1")},
		{Offset: base + 1, Timestamp: goldenTime + 5, Value: []byte("v2"), Headers: []Header{
			{"h1", []byte("x")}, {"h2", nil}, {"", []byte{}}, {"größe", []byte{0, 255}}}},
		{Offset: base + 2, Timestamp: goldenTime - 3, Key: []byte{}},
	}
}

func manyRecords() []Record {
	var out []Record
	for i := range 2000 {
		out = append(out, Record{Offset: int64(1000 + i), Timestamp: goldenTime + int64(i), Key: fmt.Appendf(nil, "key-%d", i%10),
			Value: fmt.Appendf(nil, "value %05d of many that are alike", i)})
	}
	return out
}

func goldenSpec(change func(*BatchSpec)) BatchSpec {
	spec := NewSpec()
	spec.BaseOffset, spec.LeaderEpoch = 42, 7
	if change != nil {
		change(&spec)
	}
	return spec
}

var goldenCases = []struct {
	name    string
	spec    BatchSpec
	records []Record
}{
	{"few-none", goldenSpec(nil), fewRecords(42)},
	{"few-gzip", goldenSpec(func(s *BatchSpec) { s.Codec = Gzip }), fewRecords(42)},
	{"few-snappy", goldenSpec(func(s *BatchSpec) { s.Codec = Snappy }), fewRecords(42)},
	{"few-lz4", goldenSpec(func(s *BatchSpec) { s.Codec = LZ4 }), fewRecords(42)},
	{"few-zstd", goldenSpec(func(s *BatchSpec) { s.Codec = Zstd }), fewRecords(42)},
	{"few-zstd-22", goldenSpec(func(s *BatchSpec) { s.Codec = Zstd }), fewRecords(42)}, // its window is the largest that there is
	{"few-lz4-17", goldenSpec(func(s *BatchSpec) { s.Codec = LZ4 }), fewRecords(42)},
	{"many-gzip", goldenSpec(func(s *BatchSpec) { s.Codec, s.BaseOffset = Gzip, 1000 }), manyRecords()},
	{"many-snappy", goldenSpec(func(s *BatchSpec) { s.Codec, s.BaseOffset = Snappy, 1000 }), manyRecords()},
	{"many-lz4", goldenSpec(func(s *BatchSpec) { s.Codec, s.BaseOffset = LZ4, 1000 }), manyRecords()},
	{"many-zstd", goldenSpec(func(s *BatchSpec) { s.Codec, s.BaseOffset = Zstd, 1000 }), manyRecords()},
	{"idempotent", goldenSpec(func(s *BatchSpec) {
		s.BaseOffset, s.ProducerID, s.ProducerEpoch, s.BaseSequence = 0, 9000000001, 3, 2147483646
	}), fewRecords(0)},
	{"transactional", goldenSpec(func(s *BatchSpec) {
		s.ProducerID, s.ProducerEpoch, s.BaseSequence, s.Transactional = 9, 3, 17, true
	}), fewRecords(42)},
	{"gaps", goldenSpec(nil), []Record{
		{Offset: 43, Timestamp: goldenTime, Key: []byte("a"), Value: []byte("1")},
		{Offset: 300, Timestamp: goldenTime + 1, Key: []byte("b"), Value: []byte("2")},
	}},
	{"delete-horizon", goldenSpec(func(s *BatchSpec) { s.DeleteHorizon = goldenTime + 86400000 }), fewRecords(42)},
}

func TestBatchesOfKafkaDecode(t *testing.T) {
	for _, c := range goldenCases {
		t.Run(c.name, func(t *testing.T) {
			batch := goldenBatch(t, c.name)
			got, err := collect(batch, 0)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(c.records, got) { // cmp alone is slow for this many
				t.Fatalf("records differ (-want +got):\n%s", cmp.Diff(c.records, got))
			}
			if batch.Codec() != c.spec.Codec || batch.BaseOffset() != c.spec.BaseOffset || batch.LastOffset() != got[len(got)-1].Offset ||
				batch.ProducerID() != c.spec.ProducerID || batch.ProducerEpoch() != c.spec.ProducerEpoch || batch.BaseSequence() != c.spec.BaseSequence ||
				batch.Transactional() != c.spec.Transactional || batch.Control() || batch.LogAppendTime() || batch.LeaderEpoch() != 7 ||
				batch.HasDeleteHorizon() != (c.spec.DeleteHorizon != 0) {
				t.Fatalf("header %x does not say what was put in", batch[:HeaderSize])
			}
		})
	}
}

func TestUncompressedEncodingIsKafkas(t *testing.T) {
	for _, c := range goldenCases {
		if c.spec.Codec != Uncompressed {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendBatch(nil, c.spec, c.records)
			if err != nil {
				t.Fatal(err)
			}
			if want := golden(t, c.name); !bytes.Equal(got, want) {
				t.Fatalf("encoded\n%x, Kafka has\n%x", got, want)
			}
		})
	}
}

func TestIdempotentSequencesWrap(t *testing.T) {
	if got := goldenBatch(t, "idempotent").LastSequence(); got != 0 {
		t.Fatalf("last sequence %d: after 2147483647 comes 0", got)
	}
}

func TestLogAppendTimeHoldsForEveryRecord(t *testing.T) {
	batch := goldenBatch(t, "log-append-time")
	if !batch.LogAppendTime() || batch.MaxTimestamp() != goldenTime+9999 {
		t.Fatalf("log append time %t, max timestamp %d", batch.LogAppendTime(), batch.MaxTimestamp())
	}
	got, err := collect(batch, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := fewRecords(42)
	for i := range want {
		want[i].Timestamp = goldenTime + 9999
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("records differ (-want +got):\n%s", diff)
	}
}

// A broker stamps a batch in place; what comes out is what Kafka's client would have built for that time.
func TestStampingInPlaceGivesKafkasBytes(t *testing.T) {
	want := Batch(golden(t, "log-append-time"))
	batch := Batch(golden(t, "few-none"))
	batch.SetMaxTimestamp(goldenTime+9999, true)
	if err := batch.Check(); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("before Reseal: %v", err)
	}
	batch.Reseal()
	if err := batch.Check(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(batch[:HeaderSize], want[:HeaderSize]) {
		t.Fatalf("header\n%x, Kafka has\n%x", batch[:HeaderSize], want[:HeaderSize])
	}
	batch.SetMaxTimestamp(goldenTime+5, false)
	batch.Reseal()
	if !bytes.Equal(batch, golden(t, "few-none")) {
		t.Fatal("taking the stamp back does not give the batch that it was put on")
	}
}

func TestEndTransactionMarkersAreKafkas(t *testing.T) {
	spec := goldenSpec(func(s *BatchSpec) { s.ProducerID, s.ProducerEpoch = 9, 3 })
	for name, commit := range map[string]bool{"commit": true, "abort": false} {
		batch := goldenBatch(t, name)
		if got := AppendEndTxnMarker(nil, spec, goldenTime, commit, 12); !bytes.Equal(got, batch) {
			t.Errorf("%s: encoded\n%x, Kafka has\n%x", name, got, []byte(batch))
		}
		kind, value, err := batch.ControlRecord()
		want := ControlAbort
		if commit {
			want = ControlCommit
		}
		if err != nil || kind != want || !bytes.Equal(value, []byte{0, 0, 0, 0, 0, 12}) {
			t.Errorf("%s: control record %d, %x, %v", name, kind, value, err)
		}
	}
	if kind, _, err := goldenBatch(t, "leader-change").ControlRecord(); kind != ControlLeaderChange || err != nil {
		t.Errorf("leader change: control record %d, %v", kind, err)
	}
	if _, _, err := goldenBatch(t, "few-none").ControlRecord(); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("control record of a batch of data: %v", err)
	}
}

func TestEmptyBatchIsKafkas(t *testing.T) {
	batch := goldenBatch(t, "empty")
	got, err := collect(batch, 0)
	if err != nil || len(got) != 0 || batch.LastOffset() != 49 {
		t.Fatalf("%d records, %v, last offset %d", len(got), err, batch.LastOffset())
	}
	spec := goldenSpec(func(s *BatchSpec) {
		s.ProducerID, s.ProducerEpoch, s.BaseSequence, s.Transactional, s.LastOffsetDelta = 9, 3, 17, true, 7
	})
	if got := AppendEmptyBatch(nil, spec, goldenTime); !bytes.Equal(got, batch) {
		t.Fatalf("encoded\n%x, Kafka has\n%x", got, []byte(batch))
	}
}

func TestOldMagicIsNamedAndSteppedOver(t *testing.T) {
	for magic := range int8(2) {
		old := golden(t, fmt.Sprintf("magic-%d", magic))
		batch, rest, err := Split(append(bytes.Clone(old), golden(t, "few-none")...))
		if !errors.Is(err, ErrUnsupportedMagic) || batch.Magic() != magic || batch.BaseOffset() != 42 || batch.Size() != len(old) {
			t.Fatalf("Split: magic %d, offset %d, size %d, %v", batch.Magic(), batch.BaseOffset(), batch.Size(), err)
		}
		if batch, _, err = Split(rest); err != nil || batch.Count() != 3 {
			t.Fatalf("the batch behind it: %v", err)
		}
		if err := Batch(old).Check(); !errors.Is(err, ErrUnsupportedMagic) && !errors.Is(err, ErrIncomplete) {
			t.Fatalf("Check: %v", err)
		}
	}
}

// TestKafkaReadsOurBatches needs Kafka's client and the libraries of its codecs in LEAT_KAFKA_CLASSPATH, and java.
func TestKafkaReadsOurBatches(t *testing.T) {
	classpath := os.Getenv("LEAT_KAFKA_CLASSPATH")
	if classpath == "" {
		t.Skip("LEAT_KAFKA_CLASSPATH is not set")
	}
	args := []string{"-cp", classpath, filepath.Join("testdata", "kafka", "Golden.java"), "read"}
	dir := t.TempDir()
	var want []string
	for _, records := range [][]Record{fewRecords(1000), manyRecords()} {
		for codec := Uncompressed; codec <= Zstd; codec++ {
			for _, level := range []int{0, 1, 5, 9, 17, 22} {
				name := fmt.Sprintf("%d-%s-%d", len(records), codec, level)
				batch, err := AppendBatch(nil, goldenSpec(func(s *BatchSpec) { s.Codec, s.Level, s.BaseOffset = codec, level, 1000 }), records)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), batch, 0o644); err != nil {
					t.Fatal(err)
				}
				args = append(args, filepath.Join(dir, name))
				want = append(want, fmt.Sprintf("%s %s true %d %d", name, strings.Replace(codec.String(), "uncompressed", "none", 1), len(records), javaHash(records)))
			}
		}
	}
	out, err := exec.Command("java", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(out)), "\n")); diff != "" {
		t.Fatalf("Kafka reads something else (-want +got):\n%s", diff)
	}
}

// javaHash is the hash that Golden.java prints.
func javaHash(records []Record) int32 {
	long := func(v int64) int32 { return int32(v ^ int64(uint64(v)>>32)) }
	buffer := func(b []byte) int32 {
		if b == nil {
			return 0
		}
		h := int32(1)
		for i := len(b) - 1; i >= 0; i-- {
			h = 31*h + int32(int8(b[i]))
		}
		return h
	}
	var h int32
	for _, r := range records {
		for _, part := range []int32{long(r.Offset), long(r.Timestamp), buffer(r.Key), buffer(r.Value), int32(len(r.Headers))} {
			h = 31*h + part
		}
	}
	return h
}
