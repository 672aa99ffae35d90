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
	// grows with what really comes out, up to the window: one that holds more is a stream after all.
	maxStreamedWindow = 8 << 20

	maxZstdBlock = 128 << 10 // of the format, decompressed
	minZstdBlock = 4         // of the format, compressed: a header of three bytes and one that is repeated

	// largeWindows is how many frames with a larger window are read at once over the whole process, as a whole or as a stream: their memory is
	// what somebody claimed, so it must have a bound.
	largeWindows = 2
)

// zstdDecoder reads a stream of frames. Only the first may claim a window above maxStreamedWindow: clients write a batch as one frame.
type zstdDecoder struct {
	zr    *zstd.Decoder
	in    bytes.Reader
	slot  bool          // one of largeSlots is taken
	large *zstd.Decoder // in use for this batch
	from  io.Reader     // zr, large, or what was decoded as a whole
}

var largeSlots = make(chan struct{}, largeWindows)

func newZstdDecoder() *zstdDecoder {
	return &zstdDecoder{zr: newZstdReader(zstd.WithDecoderMaxWindow(maxStreamedWindow))}
}

func newZstdReader(options ...zstd.DOption) *zstd.Decoder {
	// With a concurrency of 1 the decoder has no goroutine that someone would have to end.
	options = append(options, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	zr, err := zstd.NewReader(nil, options...)
	if err != nil {
		panic(err) // the options are constants
	}
	return zr
}

func (d *zstdDecoder) reset(src []byte, most int) error {
	var h zstd.Header
	if h.Decode(src) != nil || max(h.WindowSize, h.FrameContentSize) <= maxStreamedWindow { // an error comes again when reading
		d.in.Reset(src)
		d.from = d.zr
		return d.zr.Reset(&d.in)
	}
	largeSlots <- struct{}{}
	d.slot = true
	window := int(min(max(h.WindowSize, singleSegment(&h)), maxZstdWindow))
	whole, ok, err := decodeWholeZstd(src, h, min(most, window))
	if err != nil {
		return err
	}
	if ok {
		d.in.Reset(whole)
		d.from = &d.in
		return nil
	}
	if window > most {
		return errHeavy
	}
	d.large = newZstdReader(zstd.WithDecoderMaxWindow(maxZstdWindow))
	d.from = d.large
	d.in.Reset(src)
	return d.large.Reset(&d.in)
}

// singleSegment is the window of a frame that has no other than its content; 0: it has one.
func singleSegment(h *zstd.Header) uint64 {
	if !h.SingleSegment {
		return 0
	}
	return h.FrameContentSize
}

func (d *zstdDecoder) Read(p []byte) (int, error) { return d.from.Read(p) }

func (d *zstdDecoder) release() {
	d.in.Reset(nil)
	d.from = nil
	if d.large != nil {
		d.large.Close()
		d.large = nil
	}
	if d.slot {
		d.slot = false
		<-largeSlots
	}
	_ = d.zr.Reset(nil) // only fails for a closed decoder
	decoders[Zstd].Put(d)
}

var wholeZstdReaders = sync.Pool{New: func() any {
	return newZstdReader(zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecodeAllCapLimit(true))
}}

var errZstdClaim = errors.New("zstd frame claims more content than its bytes can hold")

// decodeWholeZstd decodes src, which begins with the header h, unless it holds more than limit; ok is false then.
func decodeWholeZstd(src []byte, h zstd.Header, limit int) (whole []byte, ok bool, err error) {
	most := (len(src)/minZstdBlock + 1) * maxZstdBlock
	if h.HasFCS && h.FrameContentSize > uint64(most) {
		return nil, false, errZstdClaim
	}
	if h.HasFCS && h.FrameContentSize > uint64(limit) {
		return nil, false, nil
	}
	zr := wholeZstdReaders.Get().(*zstd.Decoder)
	defer wholeZstdReaders.Put(zr)
	most = min(most, limit)
	size := max(2*maxZstdBlock, 8*len(src))
	if h.HasFCS {
		size = max(size, int(h.FrameContentSize))
	}
	for ; ; size *= 2 {
		size = min(size, most)
		whole, err = zr.DecodeAll(src, make([]byte, 0, size))
		if err == nil {
			return whole, true, nil
		}
		// The library has several errors for a full buffer, some of which also mean broken input. So what tells them apart is
		// whether another block would still have fitted.
		if !errors.Is(err, zstd.ErrDecoderSizeExceeded) && len(whole)+maxZstdBlock < size {
			return nil, false, err
		}
		switch size {
		case limit:
			return nil, false, nil
		case most: // what is there cannot hold more, so it is broken
			return nil, false, err
		}
	}
}
