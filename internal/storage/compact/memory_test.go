package compact

import (
	"math"
	"runtime"
	"testing"

	"leat/internal/record"
)

// TestWhatABatchExpandsToIsNotHeld: a small batch can hold very much, and the cleaner needs a record of it at a time, also where some go.
func TestWhatABatchExpandsToIsNotHeld(t *testing.T) {
	const count, size = 70, 100 << 10 // of more zstd makes one window, which is bounded elsewhere
	for codec := record.Gzip; codec <= record.Zstd; codec++ {
		spec := record.NewSpec()
		spec.Codec = codec
		var records []record.Record
		for i := range count {
			records = append(records, record.Record{Timestamp: 1, Key: []byte{byte(i % 2)}, Value: make([]byte, size)})
		}
		b, err := record.AppendBatch(nil, spec, records)
		if err != nil {
			t.Fatal(err)
		}
		pass := func() []byte {
			m := NewOffsetMap(1<<16, 0.9)
			m.Reset(count, 0)
			x := &Index{Map: m, Transactions: NewTransactions(), MaxBytes: math.MaxInt}
			if full, err := x.Batch(b); full || err != nil {
				t.Fatal(full, err)
			}
			f := &Filter{Map: m, Transactions: NewTransactions(), MaxBytes: math.MaxInt}
			out, err := f.Batch(nil, b, false)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		out := pass() // what is pooled is there now
		if n := record.Batch(out).Count(); n != 2 {
			t.Errorf("%s: %d records are left of two keys", codec, n)
		}
		held := uint64(math.MaxUint64) // the least of some passes: a collection, and under the race detector chance, empties the pool of decoders
		for try := 0; try < 20 && held > count*size; try++ {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			pass()
			runtime.ReadMemStats(&after)
			held = min(held, after.TotalAlloc-before.TotalAlloc)
		}
		if held > count*size {
			t.Errorf("%s: %d bytes were allocated for a batch that expands to %d", codec, held, count*size)
		}
	}
}
