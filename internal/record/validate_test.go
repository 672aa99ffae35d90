package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// build encodes records, and fails the test if that does not work.
func build(t testing.TB, spec BatchSpec, records ...Record) Batch {
	t.Helper()
	b, err := AppendBatch(nil, spec, records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func withCodec(c Codec) BatchSpec {
	spec := NewSpec()
	spec.Codec = c
	return spec
}

// forge makes a batch with a sound header around records given as bytes.
func forge(c Codec, count int32, payload []byte) Batch {
	b, err := Compress(make([]byte, HeaderSize), payload, c, 0)
	if err != nil {
		panic(err)
	}
	header{spec: withCodec(c), count: count, lastOffsetDelta: count - 1}.seal(b)
	return b
}

func allCodecs(t *testing.T, run func(t *testing.T, c Codec)) {
	for c := Uncompressed; c <= Zstd; c++ {
		t.Run(c.String(), func(t *testing.T) { run(t, c) })
	}
}

func TestValidateSumsUp(t *testing.T) {
	allCodecs(t, func(t *testing.T, c Codec) {
		batch := build(t, withCodec(c), Record{Timestamp: 10, Value: []byte("a")}, Record{Timestamp: 30, Key: []byte("k")}, Record{Timestamp: 30}, Record{Timestamp: -1})
		got, err := batch.Validate(Rules{})
		if err != nil {
			t.Fatal(err)
		}
		raw := build(t, NewSpec(), Record{Timestamp: 10, Value: []byte("a")}, Record{Timestamp: 30, Key: []byte("k")}, Record{Timestamp: 30}, Record{Timestamp: -1})
		if want := (Summary{MaxTimestamp: 30, MaxTimestampOffsetDelta: 1, PayloadSize: len(raw) - HeaderSize}); got != want {
			t.Fatalf("Validate = %+v, want %+v", got, want)
		}
	})
}

func TestValidateTakesTheAppendTimeOfTheHeader(t *testing.T) {
	batch := goldenBatch(t, "log-append-time")
	got, err := batch.Validate(Rules{BoundTimestamps: true, EarliestTimestamp: goldenTime + 9999, LatestTimestamp: goldenTime + 9999})
	if err != nil || got.MaxTimestamp != goldenTime+9999 || got.MaxTimestampOffsetDelta != 0 {
		t.Fatalf("Validate = %+v, %v", got, err)
	}
}

func TestValidateRejectsRecordsByTheRules(t *testing.T) {
	orders := TopicPartition{"orders", 3}
	key := []byte("k")
	for _, c := range []struct {
		name    string
		spec    BatchSpec
		records []Record
		rules   Rules
		want    Rejected
	}{
		{
			"no key in a compacted topic", NewSpec(), []Record{{Key: key}, {}, {Key: []byte{}}, {}}, Rules{Partition: orders, RequireKey: true},
			Rejected{Total: 2, Records: []RejectedRecord{
				{1, "Compacted topic cannot accept message without key in topic partition orders-3."},
				{3, "Compacted topic cannot accept message without key in topic partition orders-3."},
			}},
		},
		{
			"timestamps out of bounds", NewSpec(), []Record{{Timestamp: 99}, {Timestamp: 100}, {Timestamp: -1}, {Timestamp: 200}, {Timestamp: 201}},
			Rules{BoundTimestamps: true, EarliestTimestamp: 100, LatestTimestamp: 200},
			Rejected{Total: 2, Timestamps: true, Records: []RejectedRecord{
				{0, "Timestamp 99 of message with offset 0 is out of range. The timestamp should be within [100, 200]"},
				{4, "Timestamp 201 of message with offset 4 is out of range. The timestamp should be within [100, 200]"},
			}},
		},
		{
			"a record is rejected once, for its key first", NewSpec(), []Record{{Timestamp: 99}},
			Rules{Partition: orders, RequireKey: true, BoundTimestamps: true, EarliestTimestamp: 100, LatestTimestamp: 200},
			Rejected{Total: 1, Records: []RejectedRecord{{0, "Compacted topic cannot accept message without key in topic partition orders-3."}}},
		},
		{
			"stamped by the client", BatchSpec{LogAppendTime: true, ProducerID: -1}, []Record{{Timestamp: 5}}, Rules{LogAppendTime: true},
			Rejected{Total: 1, Timestamps: true, Records: []RejectedRecord{
				{0, "Invalid timestamp type in message with offset 0. Producer should not set timestamp type to LogAppendTime."},
			}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for codec := Uncompressed; codec <= Zstd; codec++ {
				spec := c.spec
				spec.Codec = codec
				_, err := build(t, spec, c.records...).Validate(c.rules)
				got, ok := errors.AsType[*Rejected](err)
				if !ok {
					t.Fatalf("%s: %v, want a *Rejected", codec, err)
				}
				if diff := cmp.Diff(c.want, *got); diff != "" {
					t.Fatalf("%s: rejected (-want +got):\n%s", codec, diff)
				}
				if errors.Is(err, ErrInvalidTimestamp) != c.want.Timestamps || errors.Is(err, ErrInvalidRecord) == c.want.Timestamps {
					t.Fatalf("%s: %v is of the wrong kind", codec, err)
				}
			}
		})
	}
}

func TestTimestampsOfAppendTimeTopicsDoNotMatter(t *testing.T) {
	batch := build(t, NewSpec(), Record{Timestamp: -7}, Record{Timestamp: 1 << 60})
	if _, err := batch.Validate(Rules{LogAppendTime: true, BoundTimestamps: true, LatestTimestamp: 5}); err != nil {
		t.Fatal(err)
	}
}

func TestRejectedRecordsAreListedUpToABound(t *testing.T) {
	records := make([]Record, 5000)
	_, err := build(t, withCodec(Zstd), records...).Validate(Rules{RequireKey: true})
	rejected, ok := errors.AsType[*Rejected](err)
	if !ok || rejected.Total != 5000 || len(rejected.Records) != maxRejected {
		t.Fatalf("Validate = %v", err)
	}
	want := "One or more records have been rejected due to 5000 record errors in total, and only showing the first three errors at most: " +
		"[RecordError(batchIndex=0, message='Compacted topic cannot accept message without key in topic partition -0.'), " +
		"RecordError(batchIndex=1, message='Compacted topic cannot accept message without key in topic partition -0.'), " +
		"RecordError(batchIndex=2, message='Compacted topic cannot accept message without key in topic partition -0.')]"
	if err.Error() != want {
		t.Fatalf("message %q", err)
	}
}

func TestValidateRefusesHeadersThatContradictThemselves(t *testing.T) {
	be := binary.BigEndian
	for name, change := range map[string]func(Batch){
		"no records":             func(b Batch) { be.PutUint32(b[posRecordCount:], 0) },
		"negative count":         func(b Batch) { be.PutUint32(b[posRecordCount:], 1<<32-1) },
		"more records than said": func(b Batch) { be.PutUint32(b[posRecordCount:], 1); be.PutUint32(b[posLastOffsetDelta:], 0) },
		"fewer than said":        func(b Batch) { be.PutUint32(b[posRecordCount:], 3); be.PutUint32(b[posLastOffsetDelta:], 2) },
		"last offset delta":      func(b Batch) { be.PutUint32(b[posLastOffsetDelta:], 5) },
		"negative delta":         func(b Batch) { be.PutUint32(b[posLastOffsetDelta:], 1<<32-2) },
		"offsets past the end":   func(b Batch) { be.PutUint64(b, 1<<63-1) },
		"control batch":          func(b Batch) { b[posAttributes+1] |= attrControl },
		"producer without sequence": func(b Batch) {
			be.PutUint64(b[posProducerID:], 5)
		},
		"unknown codec": func(b Batch) { b[posAttributes+1] |= 7 },
	} {
		t.Run(name, func(t *testing.T) {
			batch := build(t, NewSpec(), Record{}, Record{})
			change(batch)
			batch.Reseal()
			if err := batch.Check(); err != nil {
				t.Fatal(err)
			}
			if _, err := batch.Validate(Rules{}); !errors.Is(err, ErrInvalidRecord) {
				t.Fatalf("Validate = %v, want an invalid record", err)
			}
		})
	}
}

// body puts the length before a record's body.
func body(parts ...[]byte) []byte {
	all := slices.Concat(parts...)
	return append(appendVarint(nil, int64(len(all))), all...)
}

func v(values ...int64) []byte {
	var b []byte
	for _, x := range values {
		b = appendVarint(b, x)
	}
	return b
}

func TestBrokenRecordsAreRefused(t *testing.T) {
	attributes := []byte{0}
	for name, payload := range map[string][]byte{
		"nothing":                        nil,
		"length only":                    v(7),
		"length cut":                     {0x80},
		"negative length":                v(-2),
		"length of more than 32 bits":    {0xff, 0xff, 0xff, 0xff, 0x1f},
		"length that never ends":         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"length past the end":            append(v(100), make([]byte, 50)...),
		"empty body":                     v(0),
		"attributes only":                body(attributes),
		"timestamp of more than 64 bits": body(attributes, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, v(0, -1, -1, 0)),
		"offset of more than 32 bits":    body(attributes, v(0, 1<<40, -1, -1, 0)),
		"key past the end":               body(attributes, v(0, 0, 5), []byte("abc")),
		"value past the end":             body(attributes, v(0, 0, -1, 1<<30)),
		"no header count":                body(attributes, v(0, 0, -1, -1)),
		"negative header count":          body(attributes, v(0, 0, -1, -1, -1)),
		"more headers than bytes":        body(attributes, v(0, 0, -1, -1, 1<<30)),
		"negative header key":            body(attributes, v(0, 0, -1, -1, 1, -1, -1)),
		"header key past the end":        body(attributes, v(0, 0, -1, -1, 1, 9), []byte("h"), v(-1)),
		"header value past the end":      body(attributes, v(0, 0, -1, -1, 1, 1), []byte("h"), v(9)),
		"bytes after the last header":    body(attributes, v(0, 0, -1, -1, 0, 0)),
		"bytes after the last record":    append(body(attributes, v(0, 0, -1, -1, 0)), 0),
		"a second record":                slices.Repeat(body(attributes, v(0, 0, -1, -1, 0)), 2),
	} {
		t.Run(name, func(t *testing.T) {
			for codec := Uncompressed; codec <= Zstd; codec++ {
				batch := forge(codec, 1, payload)
				if _, err := batch.Validate(Rules{}); !errors.Is(err, ErrInvalidRecord) {
					t.Errorf("%s: Validate = %v", codec, err)
				}
				if _, err := collect(batch, 0); !errors.Is(err, ErrInvalidRecord) {
					t.Errorf("%s: Records = %v", codec, err)
				}
			}
		})
	}
}

func TestOffsetDeltasMustBeDense(t *testing.T) {
	record := func(delta int64) []byte { return body([]byte{0}, v(0, delta, -1, -1, 0)) }
	for _, deltas := range [][]int64{{0, 2}, {1, 0}, {0, 0}, {0, -1}} {
		allCodecs(t, func(t *testing.T, c Codec) {
			_, err := forge(c, 2, append(record(deltas[0]), record(deltas[1])...)).Validate(Rules{})
			if rejected, ok := errors.AsType[*Rejected](err); !ok || rejected.Records[0].Message == "" || !errors.Is(err, ErrInvalidRecord) {
				t.Fatalf("deltas %d: %v", deltas, err)
			}
		})
	}
	if _, err := forge(Uncompressed, 2, append(record(0), record(1)...)).Validate(Rules{}); err != nil {
		t.Fatal(err)
	}
}

func TestLargeRecordsAreRefusedByTheirRule(t *testing.T) {
	allCodecs(t, func(t *testing.T, c Codec) {
		batch := build(t, withCodec(c), Record{Value: make([]byte, 1000)})
		if _, err := batch.Validate(Rules{MaxRecordBytes: 1000}); !errors.Is(err, ErrInvalidRecord) {
			t.Fatalf("a record of more than 1000 bytes: %v", err)
		}
		if _, err := batch.Validate(Rules{MaxRecordBytes: 1020}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDecompressionIsBounded(t *testing.T) {
	for c := Gzip; c <= Zstd; c++ {
		t.Run(c.String(), func(t *testing.T) {
			batch := build(t, withCodec(c), Record{Value: make([]byte, 16<<20)})
			if len(batch) > 4<<20 {
				t.Fatalf("not a bomb: %d bytes", len(batch))
			}
			if _, err := batch.Validate(Rules{MaxBytes: 1 << 20}); !errors.Is(err, ErrTooLarge) {
				t.Fatalf("Validate = %v", err)
			}
			if _, err := collect(batch, 1<<20); !errors.Is(err, ErrTooLarge) {
				t.Fatalf("Records = %v", err)
			}
			if _, err := Decompress(nil, batch.Payload(), c, 1<<20); !errors.Is(err, ErrTooLarge) {
				t.Fatalf("Decompress = %v", err)
			}
			if _, err := batch.Validate(Rules{MaxBytes: 17 << 20}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A frame may claim a window of 128 MiB and hold a few bytes, or hold more than it is worth to decode at once.
func TestZstdWindowsCostWhatTheyHold(t *testing.T) {
	batch := goldenBatch(t, "few-zstd-22")
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	bytesBefore := stats.TotalAlloc
	for range 10 {
		if _, err := batch.Validate(Rules{}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&stats)
	if perBatch := (stats.TotalAlloc - bytesBefore) / 10; perBatch > 1<<20 {
		t.Errorf("a batch of %d bytes costs %d", len(batch), perBatch)
	}
	zw, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20), zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 20<<20)
	packed := zw.EncodeAll(zeros, nil)
	got, err := Decompress(nil, packed, Zstd, 0)
	if err != nil || !bytes.Equal(got, zeros) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := Decompress(nil, packed, Zstd, 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("over the limit: %v", err)
	}
	if _, err := Decompress(nil, packed[:len(packed)/2], Zstd, 0); !errors.Is(err, ErrInvalidRecord) {
		t.Fatalf("cut: %v", err)
	}
}

func TestZstdStreamsWhatIsTooLargeAsAWhole(t *testing.T) {
	var packed bytes.Buffer
	zw, err := zstd.NewWriter(&packed, zstd.WithWindowSize(16<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for range 136 {
		if _, err := zw.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := openDecoder(Zstd, packed.Bytes(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.release()
	if n, err := io.Copy(io.Discard, d); n != 136<<20 || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

func TestSnappyBlocksCannotClaimMuch(t *testing.T) {
	claim := append(binary.AppendUvarint(nil, 1<<30), 0, 0)
	if _, err := Decompress(nil, claim, Snappy, 0); !errors.Is(err, ErrInvalidRecord) || !strings.Contains(err.Error(), "claim") {
		t.Fatalf("Decompress = %v", err)
	}
}

func TestRawSnappyIsReadAsWell(t *testing.T) {
	want := strings.Repeat("snappy ", 1000)
	framed, err := Compress(nil, []byte(want), Snappy, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw := framed[xerialHeaderSize+4:] // it is one block
	for name, src := range map[string][]byte{"raw": raw, "framed": framed} {
		if got, err := Decompress(nil, src, Snappy, 0); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := Decompress(nil, append(slices.Clone(framed), framed...), Snappy, 0); err != nil || string(got) != want+want {
		t.Errorf("two streams: %d bytes, %v", len(got), err)
	}
}

func TestCutCompressionIsRefused(t *testing.T) {
	for c := Gzip; c <= Zstd; c++ {
		t.Run(c.String(), func(t *testing.T) {
			batch := goldenBatch(t, "many-"+c.String())
			for _, cut := range []int{0, 1, 3, 10, len(batch) / 2, len(batch) - HeaderSize - 1} {
				short := slices.Clone(batch[:HeaderSize+cut])
				binary.BigEndian.PutUint32(short[posBatchLength:], uint32(len(short)-LogOverhead))
				short.Reseal()
				if _, err := collect(short, 0); !errors.Is(err, ErrInvalidRecord) && cut < len(batch)-HeaderSize-1 {
					t.Errorf("cut at %d: %v", cut, err)
				}
			}
		})
	}
}

func TestSplitTellsTornFromCorrupt(t *testing.T) {
	whole := golden(t, "few-none")
	for n := range len(whole) {
		_, rest, err := Split(whole[:n])
		if want := ErrIncomplete; n == 0 {
			if err != io.EOF {
				t.Fatalf("nothing: %v", err)
			}
		} else if !errors.Is(err, want) || len(rest) != n {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	for name, change := range map[string]func(Batch){
		"length 0":           func(b Batch) { binary.BigEndian.PutUint32(b[posBatchLength:], 0) },
		"length of a header": func(b Batch) { binary.BigEndian.PutUint32(b[posBatchLength:], HeaderSize-LogOverhead-1) },
		"negative length":    func(b Batch) { binary.BigEndian.PutUint32(b[posBatchLength:], 1<<31) },
		"magic 3":            func(b Batch) { b[posMagic] = 3 },
		"negative magic":     func(b Batch) { b[posMagic] = 0xff },
	} {
		b := slices.Clone(whole)
		change(b)
		if _, _, err := Split(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: Split = %v", name, err)
		}
		if err := Batch(b).Check(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: Check = %v", name, err)
		}
	}
}

func TestCheckFindsEveryFlippedBit(t *testing.T) {
	whole := golden(t, "few-none")
	for i := posBatchLength; i < len(whole); i++ {
		if i >= posPartitionLeaderEpoch && i < posMagic {
			continue // outside the CRC, as is the base offset: the broker writes them
		}
		b := Batch(slices.Clone(whole))
		b[i] ^= 1 << (i % 8)
		if err := b.Check(); err == nil {
			t.Errorf("byte %d changed and nobody saw it", i)
		}
	}
}

func TestBatchesThatCannotBeBuilt(t *testing.T) {
	spec := NewSpec()
	spec.BaseOffset = 10
	for name, records := range map[string][]Record{
		"no records":             nil,
		"below the base":         {{Offset: 9}},
		"not rising":             {{Offset: 12}, {Offset: 12}},
		"too far from the first": {{Offset: 10}, {Offset: 10 + 1<<31}},
	} {
		if got, err := AppendBatch([]byte("x"), spec, records); !errors.Is(err, ErrInvalidRecord) || string(got) != "x" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestCodecNames(t *testing.T) {
	for name, want := range map[string]Codec{"none": Uncompressed, "uncompressed": Uncompressed, "gzip": Gzip, "snappy": Snappy, "lz4": LZ4, "zstd": Zstd, "ZSTD": Zstd} {
		if got, ok := ParseCodec(name); got != want || !ok {
			t.Errorf("ParseCodec(%q) = %v, %t", name, got, ok)
		}
	}
	for _, name := range []string{"", "producer", "lzma"} {
		if c, ok := ParseCodec(name); ok {
			t.Errorf("ParseCodec(%q) = %v", name, c)
		}
	}
	if got := fmt.Sprint(Zstd, Codec(9)); got != "zstd codec 9" {
		t.Errorf("names %q", got)
	}
}
