package record

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// plainish returns records most of which are plain, under rules that some of them may break.
func plainish(rng *rand.Rand) ([]Record, Rules) {
	bytes := func(most int) []byte {
		if rng.IntN(8) == 0 {
			return nil
		}
		return make([]byte, rng.IntN(most))
	}
	records := make([]Record, 1+rng.IntN(20))
	for i := range records {
		records[i] = Record{Timestamp: goldenTime + rng.Int64N(1<<(1+rng.IntN(24))), Key: bytes(100), Value: bytes(1 << (1 + rng.IntN(11)))}
		if rng.IntN(10) == 0 {
			records[i].Headers = []Header{{"h", bytes(10)}}
		}
	}
	rules := Rules{RequireKey: rng.IntN(4) == 0, LogAppendTime: rng.IntN(4) == 0, BoundTimestamps: rng.IntN(2) == 0,
		EarliestTimestamp: goldenTime + rng.Int64N(10), LatestTimestamp: goldenTime + rng.Int64N(1<<22)}
	if rng.IntN(4) == 0 {
		rules.MaxRecordBytes = 1 + rng.IntN(2000)
	}
	return records, rules
}

// The quick pass and the careful one must not differ in anything that a caller can see, on sound records and on broken ones.
func TestPlainRecordsAreJudgedAsAllAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	accepted, refused := 0, 0
	for range 8_000 {
		records, rules := plainish(rng)
		batch := build(t, withCodec(Uncompressed), records...)
		for range rng.IntN(4) {
			batch[HeaderSize+rng.IntN(len(batch)-HeaderSize)] = byte(rng.Uint32())
		}
		if rng.IntN(20) == 0 {
			batch = batch[:HeaderSize+rng.IntN(len(batch)-HeaderSize)]
		}
		quick, quickErr := batch.validate(rules, true)
		careful, carefulErr := batch.validate(rules, false)
		if fmt.Sprint(quickErr) != fmt.Sprint(carefulErr) {
			t.Fatalf("quickly: %v, carefully: %v", quickErr, carefulErr)
		}
		if quick != careful {
			t.Fatalf("quickly: %+v, carefully: %+v", quick, careful)
		}
		var a, b *Rejected
		if errors.As(quickErr, &a) && errors.As(carefulErr, &b) && fmt.Sprint(a.Records) != fmt.Sprint(b.Records) {
			t.Fatalf("quickly: %v, carefully: %v", a.Records, b.Records)
		}
		if quickErr == nil {
			accepted++
		} else {
			refused++
		}
	}
	if accepted < 1000 || refused < 1000 {
		t.Fatalf("%d accepted and %d refused: the test shows little", accepted, refused)
	}
}

// Ten thousand records of a hundred bytes are what a batch of a megabyte may hold.
func BenchmarkValidateSmallRecords(b *testing.B) {
	records := make([]Record, 600)
	for i := range records {
		records[i] = Record{Timestamp: goldenTime + int64(i/10), Value: []byte(fmt.Sprintf("%0100d", i*i*7919))}
	}
	for _, c := range []Codec{Uncompressed, LZ4, Zstd, Snappy, Gzip} {
		b.Run(c.String(), func(b *testing.B) {
			batch := build(b, withCodec(c), records...)
			b.SetBytes(600 * 100)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := batch.Validate(Rules{BoundTimestamps: true, LatestTimestamp: goldenTime + 1000}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
