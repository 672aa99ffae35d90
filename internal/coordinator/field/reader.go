package field

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"leat/internal/record"
)

// errShort is what every read past the end of a record's bytes gives.
var errShort = errors.New("record ends too early")

// errLong is for a string that the inflexible form has no length for. Kafka refuses it in the flexible form, too.
var errLong = fmt.Errorf("string is longer than %d bytes", math.MaxInt16)

// Reader reads the fields of a record. The first failure stays; reads after it give zero values.
type Reader struct {
	B        []byte // what is left
	Flexible bool   // strings, bytes and arrays are compact, structs end with tagged fields
	Err      error
}

// Fail notes a failure; the first stays.
func (r *Reader) Fail(err error) {
	if r.Err == nil {
		r.Err, r.B = err, nil
	}
}

// Take takes n bytes, which still belong to the record.
func (r *Reader) Take(n int) []byte {
	if n < 0 || n > len(r.B) {
		r.Fail(errShort)
		return nil
	}
	b := r.B[:n]
	r.B = r.B[n:]
	return b
}

// Int16 reads a big-endian number.
func (r *Reader) Int16() int16 {
	if b := r.Take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Int32 reads a big-endian number.
func (r *Reader) Int32() int32 {
	if b := r.Take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads a big-endian number.
func (r *Reader) Int64() int64 {
	if b := r.Take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Uvarint reads an unsigned varint up to the largest int32.
func (r *Reader) Uvarint() int {
	v, n := binary.Uvarint(r.B)
	if n <= 0 || v > 1<<31-1 {
		r.Fail(errShort)
		return 0
	}
	r.B = r.B[n:]
	return int(v)
}

// Length reads a length in the given width of the inflexible form; -1 is null.
func (r *Reader) Length(width int) int {
	switch {
	case r.Flexible:
		return r.Uvarint() - 1
	case width == 2:
		return int(r.Int16())
	}
	return int(r.Int32())
}

// Int8 reads one byte.
func (r *Reader) Int8() int8 {
	if b := r.Take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

// Bool reads one byte; anything but zero is true.
func (r *Reader) Bool() bool { return r.Int8() != 0 }

// UUID reads 16 bytes.
func (r *Reader) UUID() (id record.UUID) {
	copy(id[:], r.Take(len(id)))
	return id
}

// Text reads a nullable string.
func (r *Reader) Text() *string {
	n := r.Length(2)
	if n < 0 {
		return nil
	}
	if n > math.MaxInt16 {
		r.Fail(errLong)
	}
	s := string(r.Take(n))
	return &s
}

// String reads a string that is not null; null reads as empty.
func (r *Reader) String() string {
	if s := r.Text(); s != nil {
		return *s
	}
	return ""
}

// Bytes copies bytes, null is empty.
func (r *Reader) Bytes() []byte {
	n := r.Length(4)
	if n <= 0 {
		return nil
	}
	return append([]byte(nil), r.Take(n)...)
}

// Array reads the length of an array whose elements take at least min bytes each.
func (r *Reader) Array(min int) int {
	n := r.Length(4)
	if n < 0 {
		return 0
	}
	if n > len(r.B)/max(min, 1) {
		r.Fail(errShort)
		return 0
	}
	return n
}

// Strings reads an array of strings, null is empty.
func (r *Reader) Strings() []string {
	n := r.Array(1)
	all := make([]string, 0, n)
	for ; n > 0 && r.Err == nil; n-- {
		all = append(all, r.String())
	}
	return all
}

// Int32s reads an array of numbers; null is nil.
func (r *Reader) Int32s() []int32 {
	n := r.Length(4)
	if n < 0 {
		return nil
	}
	if n > len(r.B)/4 {
		r.Fail(errShort)
		return nil
	}
	all := make([]int32, n)
	for i := range all {
		all[i] = r.Int32()
	}
	return all
}

// Tags reads tagged fields, handing each to known (which may be nil) with its bytes.
func (r *Reader) Tags(known func(tag int, b []byte)) {
	if !r.Flexible {
		return
	}
	for n := r.Uvarint(); n > 0 && r.Err == nil; n-- {
		tag := r.Uvarint()
		b := r.Take(r.Uvarint())
		if known != nil && r.Err == nil {
			known(tag, b)
		}
	}
}

// Done reports what went wrong.
func (r *Reader) Done(what string) error {
	if r.Err != nil {
		return fmt.Errorf("%s: %w", what, r.Err)
	}
	return nil
}
