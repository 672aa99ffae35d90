package record

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// decoder is a pooled stream of decompressed bytes. Its memory is bounded by the codec's window or block, whatever the input says;
// who reads it bounds the length.
type decoder interface {
	io.Reader
	reset(src []byte, most int) error // with errHeavy, here or when it is read, if more than most had to be made at once
	release()                         // back to the pool; drops src
}

var decoders = [...]sync.Pool{
	Gzip:   {New: func() any { return new(gzipDecoder) }},
	Snappy: {New: func() any { return new(snappyDecoder) }},
	LZ4:    {New: func() any { return &lz4Decoder{zr: lz4.NewReader(nil)} }},
	Zstd:   {New: func() any { return newZstdDecoder() }},
}

// Decompress appends the decompressed src to dst; ErrTooLarge when it would pass maxBytes (0: 1 GiB). It takes xerial-framed and
// raw snappy.
func Decompress(dst, src []byte, c Codec, maxBytes int) ([]byte, error) {
	if maxBytes <= 0 {
		maxBytes = defaultMaxBytes
	}
	if c == Uncompressed {
		if len(src) > maxBytes {
			return dst, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(src), maxBytes)
		}
		return append(dst, src...), nil
	}
	d, err := openDecoder(c, src, false)
	if err != nil {
		return dst, err
	}
	defer d.release()
	start := len(dst)
	for {
		dst = slices.Grow(dst, min(max(4*len(src), 512), windowSize))
		n, err := readSome(d, dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if len(dst)-start > maxBytes {
			return dst[:start], fmt.Errorf("%w: %s, at most %d bytes", ErrTooLarge, c, maxBytes)
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst[:start], invalidf("decompress %s: %w", c, err)
		}
	}
}

type gzipDecoder struct {
	zr gzip.Reader
	in bytes.Reader
}

func (d *gzipDecoder) reset(src []byte, _ int) error {
	d.in.Reset(src)
	return d.zr.Reset(&d.in)
}

func (d *gzipDecoder) Read(p []byte) (int, error) { return d.zr.Read(p) }

func (d *gzipDecoder) release() {
	d.in.Reset(nil)
	decoders[Gzip].Put(d)
}

type lz4Decoder struct {
	zr *lz4.Reader
	in bytes.Reader
}

func (d *lz4Decoder) reset(src []byte, _ int) error {
	d.in.Reset(src)
	d.zr.Reset(&d.in)
	return nil
}

func (d *lz4Decoder) Read(p []byte) (int, error) { return d.zr.Read(p) }

func (d *lz4Decoder) release() {
	d.in.Reset(nil)
	d.zr.Reset(&d.in)
	decoders[LZ4].Put(d)
}
