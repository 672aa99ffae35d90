package wire

import (
	"encoding/binary"
	"math"
)

// reader takes fields from foreign bytes. After the first that does not fit, bad is set and every further one is zero.
type reader struct {
	b   []byte
	pos int
	bad bool
}

func (r *reader) left() int { return len(r.b) - r.pos }

// take returns the next n bytes, or nil.
func (r *reader) take(n int) []byte {
	if n < 0 || n > r.left() {
		r.fail()
		return nil
	}
	p := r.b[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return p
}

func (r *reader) fail() {
	r.bad = true
	r.pos = len(r.b)
}

func (r *reader) int8() int8 {
	if r.left() < 1 {
		r.fail()
		return 0
	}
	r.pos++
	return int8(r.b[r.pos-1])
}

func (r *reader) int16() int16 {
	if r.left() < 2 {
		r.fail()
		return 0
	}
	r.pos += 2
	return int16(binary.BigEndian.Uint16(r.b[r.pos-2:]))
}

func (r *reader) int32() int32 {
	if r.left() < 4 {
		r.fail()
		return 0
	}
	r.pos += 4
	return int32(binary.BigEndian.Uint32(r.b[r.pos-4:]))
}

func (r *reader) int64() int64 {
	if r.left() < 8 {
		r.fail()
		return 0
	}
	r.pos += 8
	return int64(binary.BigEndian.Uint64(r.b[r.pos-8:]))
}

// uvarint reads at most five bytes that hold at most 32 bits.
func (r *reader) uvarint() uint32 {
	var v uint32
	for i := 0; i < 5; i++ {
		if r.pos >= len(r.b) {
			break
		}
		c := r.b[r.pos]
		r.pos++
		if i == 4 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v
		}
	}
	r.fail()
	return 0
}

// length reads the length of an array or of bytes; -1 is null.
func (r *reader) length(compact bool) int {
	if !compact {
		return max(int(r.int32()), -1)
	}
	v := r.uvarint()
	if v > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int(v) - 1
}

// stringLength reads the length of a string; -1 is null. Longer ones than 32767 bytes cannot be written in old versions and are
// refused in new ones, as Kafka does.
func (r *reader) stringLength(compact bool) int {
	if !compact {
		return max(int(r.int16()), -1)
	}
	n := r.length(true)
	if n > math.MaxInt16 {
		r.fail()
		return 0
	}
	return n
}

// str reads a string; nil is null.
func (r *reader) str(compact bool) []byte {
	n := r.stringLength(compact)
	if n < 0 {
		return nil
	}
	return r.take(n)
}

// text reads a string of leat's own requests: as it is in old versions of Kafka's, but never null.
func (r *reader) text() string { return string(r.take(int(r.int16()))) }

// skipTags passes a section of tagged fields none of which is known.
func (r *reader) skipTags() {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		r.uvarint()
		r.take(int(min(r.uvarint(), math.MaxInt32)))
	}
}
