package record

import (
	"math/rand/v2"
	"testing"
)

// benchBatch holds 100 records of 1 KiB, half of each random.
func benchBatch(tb testing.TB, c Codec) Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	records := make([]Record, 100)
	for i := range records {
		value := make([]byte, 1024)
		for j := range value[:512] {
			value[j] = byte(rng.Uint32())
		}
		records[i] = Record{Timestamp: goldenTime + int64(i), Key: value[:8], Value: value, Headers: []Header{{"trace", value[8:24]}}}
	}
	return build(tb, withCodec(c), records...)
}

func benchCodecs(b *testing.B, run func(batch Batch)) {
	for _, c := range []Codec{Uncompressed, LZ4, Zstd, Snappy, Gzip} {
		b.Run(c.String(), func(b *testing.B) {
			batch := benchBatch(b, c)
			raw, err := Decompress(nil, batch.Payload(), c, 0)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				run(batch)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	batch := benchBatch(b, Uncompressed)
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		if err := batch.Check(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecords(b *testing.B) {
	benchCodecs(b, func(batch Batch) {
		sum := 0
		if err := batch.Records(0, func(r *Record) bool { sum += len(r.Value); return true }); err != nil || sum != 100<<10 {
			b.Fatal(sum, err)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	benchCodecs(b, func(batch Batch) {
		if _, err := batch.Validate(Rules{RequireKey: true, BoundTimestamps: true, LatestTimestamp: goldenTime + 1000}); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkAppendBatch(b *testing.B) {
	records, err := collect(benchBatch(b, Uncompressed), 0)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []Codec{Uncompressed, LZ4, Zstd, Snappy, Gzip} {
		b.Run(c.String(), func(b *testing.B) {
			var dst []byte
			b.SetBytes(100 << 10)
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = AppendBatch(dst[:0], withCodec(c), records); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// raceDetector is true when tests run with it.
var raceDetector bool

func TestHotPathsDoNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("with the race detector pools forget at random")
	}
	batch := benchBatch(t, Uncompressed)
	sum := 0
	for name, run := range map[string]func() error{
		"Check":    batch.Check,
		"Records":  func() error { return batch.Records(0, func(r *Record) bool { sum += len(r.Headers); return true }) },
		"Validate": func() error { _, err := batch.Validate(Rules{RequireKey: true}); return err },
	} {
		// A pool may be emptied by the garbage collector in between, so an average below one is none.
		if allocs := testing.AllocsPerRun(200, func() {
			if err := run(); err != nil {
				t.Fatal(err)
			}
		}); allocs >= 1 {
			t.Errorf("%s allocates %.1f times for a batch of 100 records", name, allocs)
		}
	}
}
