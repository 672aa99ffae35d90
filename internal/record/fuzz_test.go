package record

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"testing"
)

// fuzzLimit keeps a fuzzer's bombs small.
const fuzzLimit = 1 << 20

// fuzzCost is what a batch may cost at most: what it may decompress to, the largest window or block that a decoder keeps (pools may have
// let go of theirs), and what other goroutines of the fuzzing engine allocate meanwhile.
const fuzzCost = fuzzLimit + 32<<20

func allocated(do func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	do()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

func seeds(f *testing.F, add func([]byte)) {
	files, err := filepath.Glob(filepath.Join("testdata", "kafka", "*.batch"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden batches: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(b)
	}
}

// known wants one of this package's kinds.
func known(t *testing.T, err error) {
	t.Helper()
	for _, kind := range []error{nil, io.EOF, ErrCorrupt, ErrIncomplete, ErrUnsupportedMagic, ErrInvalidRecord, ErrInvalidTimestamp, ErrTooLarge} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Fatalf("error of no kind: %v", err)
}

func FuzzSplit(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		rest := b
		for {
			batch, next, err := Split(rest)
			known(t, err)
			if err != nil && !errors.Is(err, ErrUnsupportedMagic) {
				return
			}
			if len(batch)+len(next) != len(rest) || batch.Size() != len(batch) {
				t.Fatalf("%d bytes became %d and %d", len(rest), len(batch), len(next))
			}
			known(t, batch.Check())
			rest = next
		}
	})
}

// FuzzRecords holds Validate and Records against each other: what one takes the other takes too, and it survives a second encoding.
func FuzzRecords(f *testing.F) {
	seeds(f, func(b []byte) {
		if len(b) >= HeaderSize {
			f.Add(b)
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		batch := Batch(b)
		if len(b) < HeaderSize {
			return
		}
		records, err := collect(batch, fuzzLimit)
		known(t, err)
		var validateErr error
		cost := allocated(func() { _, validateErr = batch.Validate(Rules{MaxBytes: fuzzLimit}) })
		if cost > fuzzCost {
			t.Fatalf("%d bytes allocated for a batch of %d", cost, len(b))
		}
		known(t, validateErr)
		if validateErr == nil && err != nil {
			t.Fatalf("Validate takes what Records refuses: %v", err)
		}
		if validateErr != nil {
			return
		}
		spec := NewSpec()
		spec.BaseOffset, spec.LogAppendTime = batch.BaseOffset(), batch.LogAppendTime()
		again, err := AppendBatch(nil, spec, records)
		if err != nil {
			t.Fatal(err)
		}
		second, err := collect(again, 0)
		if err != nil || len(second) != len(records) {
			t.Fatalf("%d records became %d, %v", len(records), len(second), err)
		}
		for i := range records {
			if !bytes.Equal(records[i].Value, second[i].Value) || (records[i].Key == nil) != (second[i].Key == nil) || records[i].Offset != second[i].Offset {
				t.Fatalf("record %d: %+v became %+v", i, records[i], second[i])
			}
		}
	})
}

func FuzzDecompress(f *testing.F) {
	seeds(f, func(b []byte) {
		if len(b) > HeaderSize {
			f.Add(int8(Batch(b).Codec()), b[HeaderSize:])
		}
	})
	f.Fuzz(func(t *testing.T, codec int8, src []byte) {
		got, err := Decompress(nil, src, Codec(codec), fuzzLimit)
		known(t, err)
		if len(got) > fuzzLimit {
			t.Fatalf("%d bytes, at most %d were asked for", len(got), fuzzLimit)
		}
	})
}
