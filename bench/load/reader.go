package load

import "encoding/binary"

// reader walks over bytes; once something does not fit, failed stays set and all that is read is zero.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.failed = true
		r.b = nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) number(size int) uint64 {
	value := uint64(0)
	for _, b := range r.bytes(size) {
		value = value<<8 | uint64(b)
	}
	return value
}

func (r *reader) uvarint() int {
	value, n := binary.Uvarint(r.b)
	if n <= 0 || value > 1<<31 {
		r.failed = true
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return int(value)
}

func (r *reader) varint() int64 {
	value, n := binary.Varint(r.b)
	if n <= 0 {
		r.failed = true
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return value
}

func (r *reader) tags() {
	for count := r.uvarint(); count > 0 && !r.failed; count-- {
		r.uvarint()
		r.bytes(r.uvarint())
	}
}
