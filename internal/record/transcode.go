package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Transcode returns the batch with its records, as they are, compressed by another codec; ErrTooLarge if that has more than maxBytes, or ErrBusy. The records pass
// through in pieces, so that it takes no more memory than the result, whatever they expand to. The header's timestamps are left to the caller, who seals it.
func (b Batch) Transcode(target Codec, level, maxBytes int) (Batch, error) {
	source, err := b.plainPayload()
	if err != nil {
		return nil, err
	}
	defer source.release()
	out := &boundedSink{most: maxBytes}
	out.b = append(make([]byte, 0, min(maxBytes, len(b)+len(b)/2)), b[:HeaderSize]...)
	w, done := newStreamWriter(out, target, level)
	defer done()
	buf := skips.Get().(*[chunkBytes]byte)
	defer skips.Put(buf)
	for {
		n, err := readSome(source, buf[:])
		if _, werr := w.Write(buf[:n]); werr != nil {
			return nil, werr
		}
		if err == io.EOF {
			break
		}
		if errors.Is(err, ErrBusy) {
			return nil, err
		}
		if err != nil {
			return nil, invalidf("decompress %s: %w", b.Codec(), err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	result := Batch(out.b)
	binary.BigEndian.PutUint32(result[posBatchLength:], uint32(len(result)-LogOverhead))
	binary.BigEndian.PutUint16(result[posAttributes:], uint16(b.Attributes()&^attrCodecMask|int16(target)))
	result.Reseal()
	return result, nil
}

// plainPayload reads the records of a batch, decompressed.
func (b Batch) plainPayload() (releaser, error) {
	if b.Codec() == Uncompressed {
		return &plainSource{b.Payload()}, nil
	}
	return openDecoder(b.Codec(), b.Payload(), true)
}

type releaser interface {
	io.Reader
	release()
}

type plainSource struct{ b []byte }

func (s *plainSource) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b)
	s.b = s.b[n:]
	return n, nil
}

func (s *plainSource) release() {}

// boundedSink collects up to so many bytes.
type boundedSink struct {
	b    []byte
	most int
}

func (s *boundedSink) Write(p []byte) (int, error) {
	if len(p) > s.most-len(s.b) {
		return 0, fmt.Errorf("%w: compressed anew, at most %d bytes", ErrTooLarge, s.most)
	}
	s.b = append(s.b, p...)
	return len(p), nil
}

// newStreamWriter compresses what is written to it. done gives it back.
func newStreamWriter(out io.Writer, c Codec, level int) (w io.WriteCloser, done func()) {
	switch c {
	case Gzip, LZ4:
		pool := &gzipWriters[gzipLevel(level)]
		if c == LZ4 {
			pool = &lz4Writers[lz4Level(level)]
		}
		sw := pool.Get().(streamWriter)
		sw.Reset(out)
		return sw, func() { sw.Reset(io.Discard); pool.Put(sw) } // lets go of out
	case Snappy:
		return &snappyWriter{out: out}, func() {}
	case Zstd:
		pool := &zstdWriters[zstdLevel(level)]
		zw := pool.Get().(*zstd.Encoder)
		zw.Reset(out)
		return zw, func() { zw.Reset(nil); pool.Put(zw) }
	}
	return plainWriter{out}, func() {}
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// snappyWriter writes xerial framing.
type snappyWriter struct {
	out  io.Writer
	have []byte // of the next block
	done bool   // the header is written
	buf  []byte
}

func (w *snappyWriter) Write(p []byte) (int, error) {
	w.have = append(w.have, p...)
	return len(p), w.flush(len(w.have) - len(w.have)%xerialBlockSize)
}

func (w *snappyWriter) Close() error { return w.flush(len(w.have)) }

func (w *snappyWriter) flush(n int) error {
	if n == 0 && w.done {
		return nil
	}
	w.buf = appendSnappy(w.buf[:0], w.have[:n])
	w.have = append(w.have[:0], w.have[n:]...)
	encoded := w.buf
	if w.done {
		encoded = encoded[xerialHeaderSize:]
	}
	if len(encoded) > 0 {
		w.done = true
	}
	_, err := w.out.Write(encoded)
	return err
}
