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
	most  int    // bytes of a block
	slow  []byte // what is left of a large block, which is decoded as it is read
	total int    // bytes of that block, decoded
}

// maxSnappyBlock is above what blocks have outside of the lane: xerial's have 32 KiB, but one raw block may be a whole batch.
const maxSnappyBlock = 1 << 20

func (d *snappyDecoder) reset(src []byte, most int) error {
	d.src, d.raw, d.block, d.off, d.most, d.slow = src, false, d.block[:0], 0, most, nil
	if most != maxInt {
		d.most = min(most, maxSnappyBlock)
	}
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
		var err error
		if d.slow != nil {
			err = d.more()
		} else {
			err = d.next()
		}
		if err != nil {
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
		return d.wholeBlock()
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
	if err := d.decode(d.src[4 : 4+n]); err != nil {
		return err
	}
	d.src = d.src[4+n:]
	return nil
}

// wholeBlock decodes a payload that is one raw block. Of a large one its beginning comes first, in which the length of the first record stands: it may be
// reason enough to read no more.
func (d *snappyDecoder) wholeBlock() error {
	begun := len(d.block)
	if n, err := snappy.DecodedLen(d.src); begun == 0 && err == nil && n > maxSnappyBlock {
		if d.block = snappyBeginning(d.block[:0], d.src); len(d.block) > 0 {
			return nil
		}
	}
	if err := d.decode(d.src); err != nil {
		return err
	}
	d.src, d.off = nil, begun
	return nil
}

// snappyBeginning appends what the literal gives with which every raw block begins.
func snappyBeginning(dst, src []byte) []byte {
	_, n := binary.Uvarint(src)
	if n <= 0 || n == len(src) || src[n]&3 != 0 {
		return dst
	}
	length := int(src[n] >> 2)
	if n++; length >= 60 { // it stands in the bytes that follow
		more := length - 59
		if n+more > len(src) {
			return dst
		}
		length = 0
		for i := more - 1; i >= 0; i-- {
			length = length<<8 | int(src[n+i])
		}
		n += more
	}
	return append(dst, src[min(n, len(src)):min(len(src), n+min(length, windowSize)+1)]...)
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
	if n > d.most {
		return errHeavy
	}
	if n > maxSnappyBlock {
		return d.begin(src, n)
	}
	d.block, err = snappy.Decode(d.block[:cap(d.block)], src)
	return err
}

// begin starts with a block that holds n bytes.
func (d *snappyDecoder) begin(src []byte, n int) error {
	_, head := binary.Uvarint(src)
	if cap(d.block) < n {
		d.block = make([]byte, 0, n)
	}
	d.slow, d.total = src[head:], n
	return d.more()
}

// more decodes the next piece of a large block.
func (d *snappyDecoder) more() error {
	for enough := len(d.block) + windowSize; len(d.slow) > 0 && len(d.block) < enough; {
		if err := d.element(); err != nil {
			return err
		}
	}
	if len(d.slow) > 0 {
		return nil
	}
	d.slow = nil
	if len(d.block) != d.total {
		return errSnappy
	}
	return nil
}

// element decodes a literal, or a copy of what came before, whose first byte has its kind in two bits.
func (d *snappyDecoder) element() error {
	tag, rest := d.slow[0], d.slow[1:]
	kind, n := tag&3, int(tag>>2)
	width := [...]int{0, 1, 2, 4}[kind] // of the number that follows
	if kind == 0 && n >= 60 {
		width = n - 59
	}
	if width > len(rest) {
		return errSnappy
	}
	number := 0
	for i := width - 1; i >= 0; i-- {
		number = number<<8 | int(rest[i])
	}
	rest = rest[width:]
	switch {
	case kind == 0 && width > 0:
		n = number
	case kind == 1:
		n, number = n&7+3, n>>3<<8|number
	}
	n++
	if n > d.total-len(d.block) {
		return errSnappy
	}
	if kind == 0 {
		if n > len(rest) {
			return errSnappy
		}
		d.block, d.slow = append(d.block, rest[:n]...), rest[n:]
		return nil
	}
	from := len(d.block) - number
	if number == 0 || from < 0 {
		return errSnappy
	}
	for n > 0 { // it may reach into what it writes
		piece := d.block[from:min(from+n, len(d.block))]
		d.block = append(d.block, piece...)
		n -= len(piece)
	}
	d.slow = rest
	return nil
}

func (d *snappyDecoder) release() {
	d.src, d.slow = nil, nil
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
