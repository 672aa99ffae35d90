package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
)

// Kafka's snappy is that of the xerial library: a header, then blocks of snappy's raw format, each behind its length. A payload
// without the header is one raw block; some clients write that.
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const (
	xerialHeaderSize = 16 // magic, version int32, oldest compatible version int32
	xerialVersion    = 1
	xerialBlockSize  = 32 << 10

	// maxSnappyRatio is above what the format can do: its best element turns 3 bytes into 64.
	maxSnappyRatio = 32
)

var errSnappy = errors.New("blocks do not fit the payload")

// snappyDecoder decodes block by block.
type snappyDecoder struct {
	src   []byte // blocks not decoded yet
	raw   bool   // src is one raw block
	block []byte // what block[off:] holds is not read yet
	off   int
}

func (d *snappyDecoder) reset(src []byte) error {
	d.src, d.raw, d.block, d.off = src, false, d.block[:0], 0
	if !bytes.HasPrefix(src, xerialMagic) {
		d.raw = true
		return nil
	}
	return d.header()
}

func (d *snappyDecoder) header() error {
	if len(d.src) < xerialHeaderSize {
		return errSnappy
	}
	if oldest := int32(binary.BigEndian.Uint32(d.src[12:])); oldest > xerialVersion {
		return fmt.Errorf("xerial framing version %d: only %d is known", oldest, xerialVersion)
	}
	d.src = d.src[xerialHeaderSize:]
	return nil
}

func (d *snappyDecoder) Read(p []byte) (int, error) {
	for d.off == len(d.block) {
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.block[d.off:])
	d.off += n
	return n, nil
}

// next decodes the next block.
func (d *snappyDecoder) next() error {
	if len(d.src) == 0 {
		return io.EOF
	}
	if d.raw {
		src := d.src
		d.src = nil
		return d.decode(src)
	}
	if bytes.HasPrefix(d.src, xerialMagic) { // streams written one after the other are one stream
		d.block, d.off = d.block[:0], 0
		return d.header()
	}
	if len(d.src) < 4 {
		return errSnappy
	}
	n := int64(int32(binary.BigEndian.Uint32(d.src)))
	if n < 0 || n > int64(len(d.src)-4) {
		return errSnappy
	}
	src := d.src[4 : 4+n]
	d.src = d.src[4+n:]
	return d.decode(src)
}

func (d *snappyDecoder) decode(src []byte) error {
	d.block, d.off = d.block[:0], 0
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return err
	}
	if n/maxSnappyRatio > len(src) {
		return fmt.Errorf("%d bytes claim to hold %d", len(src), n)
	}
	d.block, err = snappy.Decode(d.block[:cap(d.block)], src)
	return err
}

func (d *snappyDecoder) release() {
	d.src = nil
	if cap(d.block) > maxKeptBytes {
		d.block = nil
	}
	decoders[Snappy].Put(d)
}

// appendSnappy appends src in xerial framing.
func appendSnappy(dst, src []byte) []byte {
	dst = append(dst, xerialMagic...)
	dst = binary.BigEndian.AppendUint32(dst, xerialVersion)
	dst = binary.BigEndian.AppendUint32(dst, xerialVersion)
	for len(src) > 0 {
		block := src[:min(len(src), xerialBlockSize)]
		src = src[len(block):]
		at := len(dst)
		need := 4 + snappy.MaxEncodedLen(len(block))
		dst = append(dst, make([]byte, need)...)
		encoded := snappy.Encode(dst[at+4:], block)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(encoded)))
		dst = dst[:at+4+len(encoded)]
	}
	return dst
}
