package storage

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// BenchmarkClean compacts logs of about 64 MB in segments of 16 MB: batches of 16 KB of 200 byte records, each key ten times.
func BenchmarkClean(b *testing.B) {
	for _, codec := range []record.Codec{record.Uncompressed, record.LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			noise := make([]byte, 1<<16) // compresses about 3:1 with what is repeated
			for i := range noise {
				noise[i] = byte('a' + rng.IntN(26))
			}
			value := strings.Repeat("abcdefgh", 12)
			var bytes int64
			b.ReportAllocs()
			for range b.N {
				b.StopTimer()
				lc := testCompaction
				lc.SegmentBytes, lc.IndexIntervalBytes = 16<<20, 4096
				cfg := testStoreConfig(b, fs.OS, b.TempDir())
				cfg.Logger = nil
				s, l := compactedLog(b, cfg, lc)
				for i := 0; l.Size() < 64<<20 && i < 10_000; i++ {
					list := make([]string, 80)
					for j := range list {
						list[j] = fmt.Sprintf("key-%08d=%s%s", (i*80+j)*7919%32_000, value, noise[(i*80+j)*97%65_000:][:80])
					}
					mustAppend(b, l, keyed(b, day0.UnixMilli(), codec, list...))
				}
				mustAppend(b, l, keyed(b, day0.UnixMilli(), 0, "last="+value))
				settleLog(b, l)
				b.StartTimer()
				cleanNow(s, day0)
				b.StopTimer()
				st := s.CleanerStatus()
				if st.Cleaned != 1 && st.MaxDirtyRatio > 0 {
					b.Fatalf("%+v", st)
				}
				bytes += st.BytesRead
				_ = s.Close()
			}
			b.SetBytes(bytes / int64(b.N))
		})
	}
}
