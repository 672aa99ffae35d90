package txn

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errShort is what every read past the end of a record's bytes gives.
var errShort = errors.New("record ends too early")

// reader reads the fields of a record. The first failure stays; reads after it give zero values.
type reader struct {
	b    []byte
	flex bool // strings and arrays are compact, structs end with tagged fields
	err  error
}

func (r *reader) fail() {
	if r.err == nil {
		r.err, r.b = errShort, nil
	}
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) uvarint() int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<31-1 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

// length reads a length in the given width of the inflexible form; -1 is null.
func (r *reader) length(width int) int {
	switch {
	case r.flex:
		return r.uvarint() - 1
	case width == 2:
		return int(r.int16())
	}
	return int(r.int32())
}

// string reads a string; null, which Kafka does not write, is refused.
func (r *reader) string() string { return string(r.take(r.length(2))) }

// array reads the length of an array whose elements take at least min bytes each in the inflexible form; null is empty.
func (r *reader) array(min int) int {
	n := r.length(4)
	if n <= 0 {
		return 0
	}
	if r.flex && min > 4 {
		min = 3 // two lengths and the number of tagged fields
	}
	if n > len(r.b)/min {
		r.fail()
		return 0
	}
	return n
}

// tags reads tagged fields, handing each to known (which may be nil) with its bytes.
func (r *reader) tags(known func(tag int, b []byte)) {
	if !r.flex {
		return
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		tag := r.uvarint()
		b := r.take(r.uvarint())
		if known != nil && r.err == nil {
			known(tag, b)
		}
	}
}

// done reports what went wrong.
func (r *reader) done(what string) error {
	if r.err != nil {
		return fmt.Errorf("%s: %w", what, r.err)
	}
	return nil
}

// writer writes the fields of a record.
type writer struct {
	b    []byte
	flex bool
}

func (w *writer) int16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) int32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) int64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

func (w *writer) length(n, width int) {
	switch {
	case w.flex:
		w.b = binary.AppendUvarint(w.b, uint64(n+1))
	case width == 2:
		w.int16(int16(n))
	default:
		w.int32(int32(n))
	}
}

func (w *writer) string(s string) {
	w.length(len(s), 2)
	w.b = append(w.b, s...)
}

// noTags ends a struct that has no tagged fields to write.
func (w *writer) noTags() {
	if w.flex {
		w.b = append(w.b, 0)
	}
}
