package record

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compress appends the compressed src to dst, in the framing that Kafka clients expect (xerial for snappy, LZ4 frames).
//
// Level is the codec's own: gzip 1 to 9, lz4 1 to 17, zstd up to 22; 0 is the default of each (6, 9 and 3, which for lz4 means the
// fast compressor as it does in Kafka), and -1 is gzip's default too. The libraries have fewer steps than that: zstd four,
// lz4 ten.
func Compress(dst, src []byte, c Codec, level int) ([]byte, error) {
	switch c {
	case Uncompressed:
		return append(dst, src...), nil
	case Gzip:
		return compressStream(dst, src, &gzipWriters[gzipLevel(level)])
	case Snappy:
		return appendSnappy(dst, src), nil
	case LZ4:
		return compressStream(dst, src, &lz4Writers[lz4Level(level)])
	case Zstd:
		pool := &zstdWriters[zstdLevel(level)]
		zw := pool.Get().(*zstd.Encoder)
		defer pool.Put(zw)
		return zw.EncodeAll(src, dst), nil
	}
	return dst, invalidf("compress: %s: only 0 to 4 exist", c)
}

// streamWriter is what the writers of gzip and lz4 have in common.
type streamWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

// sink is an io.Writer that appends.
type sink struct{ b []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}

func compressStream(dst, src []byte, pool *sync.Pool) ([]byte, error) {
	w := pool.Get().(streamWriter)
	defer pool.Put(w)
	out := sink{dst}
	w.Reset(&out)
	defer w.Reset(io.Discard) // lets go of dst
	if _, err := w.Write(src); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return out.b, nil
}

// One pool per level that the library tells apart.
var (
	gzipWriters [gzip.BestCompression + 1]sync.Pool
	lz4Writers  [10]sync.Pool // by number of lz4Levels
	zstdWriters [zstd.SpeedBestCompression + 1]sync.Pool
)

var lz4Levels = [...]lz4.CompressionLevel{lz4.Fast, lz4.Level1, lz4.Level2, lz4.Level3, lz4.Level4, lz4.Level5, lz4.Level6,
	lz4.Level7, lz4.Level8, lz4.Level9}

const (
	gzipDefaultLevel = 6
	lz4DefaultLevel  = 9
	zstdDefaultLevel = 3
)

func init() {
	for level := range gzipWriters {
		gzipWriters[level].New = func() any {
			w, err := gzip.NewWriterLevel(io.Discard, level)
			if err != nil {
				panic(err) // the levels are constants
			}
			return w
		}
	}
	for i := range lz4Writers {
		lz4Writers[i].New = func() any { return newLZ4Writer(lz4Levels[i]) }
	}
	for level := range zstdWriters {
		zstdWriters[level].New = func() any { return newZstdWriter(zstd.EncoderLevel(level)) }
	}
}

func gzipLevel(level int) int {
	if level <= 0 {
		return gzipDefaultLevel
	}
	return min(level, gzip.BestCompression)
}

// lz4Level maps Kafka's levels to the library's. Kafka uses the fast compressor for its default level and the slow one, at
// that strength, for all others.
func lz4Level(level int) int {
	if level <= 0 || level == lz4DefaultLevel {
		return 0
	}
	return min(level, len(lz4Levels)-1)
}

func zstdLevel(level int) int {
	if level == 0 {
		level = zstdDefaultLevel
	}
	return int(zstd.EncoderLevelFromZstd(level))
}

// newLZ4Writer makes frames as Kafka's own writer does: independent blocks of 64 KiB (its readers refuse dependent ones), no
// checksum of the content.
func newLZ4Writer(level lz4.CompressionLevel) *lz4.Writer {
	w := lz4.NewWriter(io.Discard)
	err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1), lz4.CompressionLevelOption(level))
	if err != nil {
		panic(err) // the options are constants
	}
	return w
}

func newZstdWriter(level zstd.EncoderLevel) *zstd.Encoder {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return w
}
