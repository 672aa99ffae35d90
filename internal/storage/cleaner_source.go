package storage

import (
	"errors"
	"fmt"
	"io"

	"leat/internal/fs"
	"leat/internal/record"
)

// batchReader gives the batches of a segment one after the other, reading ahead into a buffer that is used again.
type batchReader struct {
	f    fs.File
	seg  *segment
	at   int64 // position of the next batch
	size int64
	buf  []byte
	from int64               // position of buf[0]
	have int                 // bytes of buf that were read
	read func(n int64) error // called before so many bytes are read
}

// open begins at a position.
func (r *batchReader) open(seg *segment, f fs.File, at, size int64) {
	r.f, r.seg, r.at, r.size, r.from, r.have = f, seg, at, size, at, 0
}

// trustedSize is the largest batch that is read on the word of its own header alone. Before a larger one is, there must be something like a
// batch behind it.
const trustedSize = 16 << 20

// next returns the header of the next batch and its bytes, which are valid until the following call; io.EOF at the end.
func (r *batchReader) next() (batchHeader, record.Batch, error) {
	left := r.size - r.at
	if left == 0 {
		return batchHeader{}, nil, io.EOF
	}
	b, err := r.window(min(left, record.HeaderSize))
	if err != nil {
		return batchHeader{}, nil, err
	}
	h, err := parseHeader(b)
	if err == nil && h.size > left {
		err = fmt.Errorf("batch of %d bytes, %d are left: %w", h.size, left, io.ErrUnexpectedEOF)
	}
	if err == nil && h.size > trustedSize && h.size < left {
		err = r.probe(h)
	}
	if err != nil {
		return h, nil, fmt.Errorf("position %d: %w", r.at, err)
	}
	if b, err = r.window(h.size); err != nil {
		return h, nil, err
	}
	r.at += h.size
	return h, record.Batch(b), nil
}

// probe looks at what stands behind a large batch.
func (r *batchReader) probe(h batchHeader) error {
	b := make([]byte, min(r.size-r.at-h.size, record.HeaderSize))
	if n, err := r.f.ReadAt(b, r.at+h.size); n < len(b) {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	next, err := parseHeader(b)
	if err != nil || next.baseOffset <= h.lastOffset {
		return fmt.Errorf("length %d leads to no batch: %w", h.size, errBadHeader)
	}
	return nil
}

// window returns n bytes from the current position on, which lie within the file.
func (r *batchReader) window(n int64) ([]byte, error) {
	if off := r.at - r.from; off+n <= int64(r.have) {
		return r.buf[off : off+n], nil
	}
	var rest []byte
	if off := r.at - r.from; off < int64(r.have) {
		rest = r.buf[off:r.have]
	}
	if n > int64(len(r.buf)) {
		r.buf = make([]byte, n)
	}
	kept := copy(r.buf, rest)
	r.from, r.have = r.at, kept
	want := min(int64(len(r.buf)), r.size-r.at)
	if err := r.read(want - int64(kept)); err != nil {
		return nil, err
	}
	got, err := r.f.ReadAt(r.buf[kept:want], r.at+int64(kept))
	r.have += got
	if int64(r.have) < want {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return r.buf[:n], nil
}
