package record

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// defaultMaxBytes is the bound on decompressed records when the caller gives none.
const defaultMaxBytes = 1 << 30

const (
	windowSize   = 64 << 10
	maxKeptBytes = 4 << 20 // larger buffers go to the garbage collector instead of a pool

	// largeRecord is above what records are in practice. Larger ones are decompressed in the lane: a small batch may hold one of a gigabyte, and who sends
	// many of them must not choose how much memory that takes.
	largeRecord = 16 << 20
)

// window yields the bodies of a batch's records one by one. Over an uncompressed batch it is a view of the batch's own bytes; over
// a compressed one it holds as much of the decompressed stream as the current record needs. It grows by what really arrives,
// never by what a length claims.
type window struct {
	buf    []byte
	lo, hi int // buf[lo:hi] is not consumed yet

	dec  *metered // nil: buf holds everything
	left int      // how many more bytes may be decompressed
	most int      // bytes of one record; 0: as many as left
	err  error    // why dec has no more: io.EOF at its end
	own  []byte   // the pooled buffer
}

var windows = sync.Pool{New: func() any { return &window{own: make([]byte, windowSize)} }}

// openWindow starts at the first record of b. The caller closes the window. impatient: errors may be ErrBusy.
func openWindow(b Batch, maxBytes int, impatient bool) (*window, error) {
	if maxBytes <= 0 {
		maxBytes = defaultMaxBytes
	}
	w := windows.Get().(*window)
	w.lo, w.err, w.left, w.most = 0, nil, maxBytes, 0
	if b.Codec() == Uncompressed {
		w.buf, w.hi = b.Payload(), len(b)-HeaderSize
		return w, nil
	}
	dec, err := openDecoder(b.Codec(), b.Payload(), impatient)
	if err != nil {
		w.close()
		return nil, err
	}
	w.dec, w.buf, w.hi = dec, w.own, 0
	return w, nil
}

func (w *window) close() {
	if w.dec != nil {
		w.dec.release()
		w.dec = nil
		switch len(w.buf) {
		case largeRecord:
			b := w.buf
			largeBuffers.Put(&b)
		default:
			if cap(w.buf) <= maxKeptBytes {
				w.own = w.buf
			}
		}
	}
	w.buf, w.err = nil, nil
	windows.Put(w)
}

// next returns the body of the next record: what its length counts. It is valid until the following call.
func (w *window) next() ([]byte, error) {
	size, n := varint(w.buf[w.lo:w.hi])
	for n == 0 {
		if err := w.fill(); err != nil {
			return nil, w.short(err, "in a record's length")
		}
		size, n = varint(w.buf[w.lo:w.hi])
	}
	if n < 0 || size < 0 {
		return nil, invalidf("record size %d: not a length", size)
	}
	if w.most > 0 && int(size) > w.most { // before it is decompressed
		return nil, invalidf("Invalid record size: %d exceeds the configured maximum record size of %d.", size, w.most)
	}
	if w.dec != nil && int(size)-(w.hi-w.lo-n) > w.left {
		return nil, ErrTooLarge
	}
	for w.hi-w.lo-n < int(size) {
		if err := w.fill(); err != nil {
			return nil, w.short(err, fmt.Sprintf("in a record of %d bytes, %d of them there", size, w.hi-w.lo-n))
		}
	}
	body := w.buf[w.lo+n : w.lo+n+int(size)]
	w.lo += n + int(size)
	return body, nil
}

// finish verifies that nothing follows the last record.
func (w *window) finish() error {
	if w.lo == w.hi {
		err := w.fill()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return w.short(err, "")
		}
	}
	return invalidf("bytes remain after the last record")
}

// short makes sense of the reason why the stream does not go on.
func (w *window) short(err error, where string) error {
	switch {
	case err == io.EOF:
		return invalidf("the batch ends %s", where)
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrBusy):
		return err
	}
	return invalidf("decompress: %w", err)
}

// fill gets at least one more byte of the stream, or says why there is none.
func (w *window) fill() error {
	if w.dec == nil {
		return io.EOF
	}
	if w.err != nil {
		return w.err
	}
	if w.lo > 0 {
		w.hi = copy(w.buf, w.buf[w.lo:w.hi])
		w.lo = 0
	}
	full := w.hi == len(w.buf)
	if w.dec.due() || full && 2*len(w.buf) > largeRecord && !w.dec.slow {
		if w.err = w.restart(); w.err != nil {
			return w.err
		}
	} else if full {
		w.buf = grown(w.buf)
	}
	n, err := readSome(w.dec, w.buf[w.hi:])
	w.hi += n
	if w.left -= n; w.left < 0 {
		w.err = ErrTooLarge
		return w.err
	}
	w.err = err
	if n > 0 {
		return nil
	}
	return w.err
}

// largeBuffers have what records of more than maxKeptBytes need; what expands very much would else be mostly work for the garbage collector.
var largeBuffers = sync.Pool{New: func() any { b := make([]byte, largeRecord); return &b }}

// grown is a copy of a full buffer with twice the room, at least.
func grown(b []byte) []byte {
	var larger []byte
	if n := 2 * len(b); n > maxKeptBytes && n <= largeRecord {
		larger = *largeBuffers.Get().(*[]byte)
	} else {
		larger = make([]byte, n)
	}
	// One copy of megabytes cannot be interrupted: on a page that was never touched it takes a millisecond for each, and a collector that stops the
	// world waits for it, and everybody with it.
	for at := 0; at < len(b); at += chunkBytes {
		copy(larger[at:], b[at:min(len(b), at+chunkBytes)])
	}
	return larger
}

// restart moves to the lane without what is there of the current record: it is read again.
func (w *window) restart() error {
	if b := w.buf; len(b) == largeRecord {
		largeBuffers.Put(&b)
	}
	w.left += w.hi
	w.dec.out -= w.hi
	w.hi, w.buf = 0, w.own
	return w.dec.slowDown()
}

// readSome reads until there is a byte or an error. A decoder that keeps returning neither is broken input.
func readSome(r io.Reader, p []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
