package record

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxZstdWindow is what zstd's own decoder, and so Kafka's, accepts without being told otherwise.
	maxZstdWindow = 128 << 20

	// maxStreamedWindow is above the windows of zstd's levels up to 19. A stream allocates its whole window at once, and the window
	// is what a frame claims, not what it holds; so a frame that claims more is first tried as a whole, into a buffer that
	// grows with what really comes out.
	maxStreamedWindow = 8 << 20

	maxZstdBlock = 128 << 10 // of the format, decompressed
)

type zstdDecoder struct {
	zr    *zstd.Decoder
	in    bytes.Reader
	large bool      // zr holds a window that is not worth keeping
	from  io.Reader // zr, or what was decoded as a whole
}

func newZstdDecoder() *zstdDecoder { return &zstdDecoder{zr: newZstdReader()} }

func newZstdReader(options ...zstd.DOption) *zstd.Decoder {
	// With a concurrency of 1 the decoder has no goroutine that someone would have to end.
	options = append(options, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	zr, err := zstd.NewReader(nil, options...)
	if err != nil {
		panic(err) // the options are constants
	}
	return zr
}

func (d *zstdDecoder) reset(src []byte) error {
	d.from = d.zr
	var h zstd.Header
	if h.Decode(src) == nil && max(h.WindowSize, h.FrameContentSize) > maxStreamedWindow { // an error comes again when reading
		whole, ok, err := decodeWholeZstd(src)
		if err != nil {
			return err
		}
		if ok {
			d.in.Reset(whole)
			d.from = &d.in
			return nil
		}
		d.large = true
	}
	d.in.Reset(src)
	return d.zr.Reset(&d.in)
}

func (d *zstdDecoder) Read(p []byte) (int, error) { return d.from.Read(p) }

func (d *zstdDecoder) release() {
	d.in.Reset(nil)
	_ = d.zr.Reset(nil) // only fails for a closed decoder
	if !d.large {
		decoders[Zstd].Put(d)
	}
}

var wholeZstdReaders = sync.Pool{New: func() any { return newZstdReader(zstd.WithDecodeAllCapLimit(true)) }}

// decodeWholeZstd decodes src unless it holds more than a stream's window would take; ok is false then.
func decodeWholeZstd(src []byte) (whole []byte, ok bool, err error) {
	zr := wholeZstdReaders.Get().(*zstd.Decoder)
	defer wholeZstdReaders.Put(zr)
	for size := max(2*maxZstdBlock, 8*len(src)); size <= maxZstdWindow; size *= 2 {
		whole, err = zr.DecodeAll(src, make([]byte, 0, size))
		if err == nil {
			return whole, true, nil
		}
		// The library has several errors for a full buffer, some of which also mean broken input. So what tells them apart is
		// whether another block would still have fitted.
		if !errors.Is(err, zstd.ErrDecoderSizeExceeded) && len(whole)+maxZstdBlock < size {
			return nil, false, err
		}
	}
	return nil, false, nil
}
