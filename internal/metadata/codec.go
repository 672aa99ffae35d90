package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"leat/internal/record"
)

// ErrMalformed is wrapped by every error about record bytes that do not parse.
var ErrMalformed = errors.New("malformed metadata record")

// cursor walks the fields of a record, either writing them (dst) or reading them (src). Every record names its fields once, in
// visit, so that what is written and what is read cannot differ. After the first error a reading cursor does nothing.
//
// All metadata records use the flexible encoding: lengths are unsigned varints of length+1, 0 is null, and every struct ends
// with tagged fields.
type cursor struct {
	reading bool
	version int16
	dst     []byte
	src     []byte
	err     error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	c.src = nil
}

// take cuts n bytes of src, or fails and returns nil.
func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.src) {
		c.fail("ends inside a field")
		return nil
	}
	b := c.src[:n]
	c.src = c.src[n:]
	return b
}

func (c *cursor) uvarint(v uint32) uint32 {
	if !c.reading {
		c.dst = binary.AppendUvarint(c.dst, uint64(v))
		return v
	}
	got, n := binary.Uvarint(c.src)
	if c.err != nil || n <= 0 || got > math.MaxUint32 {
		c.fail("bad varint")
		return 0
	}
	c.src = c.src[n:]
	return uint32(got)
}

func (c *cursor) int8(v *int8) {
	if !c.reading {
		c.dst = append(c.dst, byte(*v))
	} else if b := c.take(1); b != nil {
		*v = int8(b[0])
	}
}

func (c *cursor) bool(v *bool) {
	var b int8
	if *v {
		b = 1
	}
	if c.int8(&b); c.reading {
		*v = b != 0
	}
}

func (c *cursor) int16(v *int16) {
	if !c.reading {
		c.dst = binary.BigEndian.AppendUint16(c.dst, uint16(*v))
	} else if b := c.take(2); b != nil {
		*v = int16(binary.BigEndian.Uint16(b))
	}
}

func (c *cursor) uint16(v *uint16) {
	s := int16(*v)
	if c.int16(&s); c.reading { // what is written may be read by others meanwhile
		*v = uint16(s)
	}
}

func (c *cursor) int32(v *int32) {
	if !c.reading {
		c.dst = binary.BigEndian.AppendUint32(c.dst, uint32(*v))
	} else if b := c.take(4); b != nil {
		*v = int32(binary.BigEndian.Uint32(b))
	}
}

func (c *cursor) int64(v *int64) {
	if !c.reading {
		c.dst = binary.BigEndian.AppendUint64(c.dst, uint64(*v))
	} else if b := c.take(8); b != nil {
		*v = int64(binary.BigEndian.Uint64(b))
	}
}

func (c *cursor) float64(v *float64) {
	bits := int64(math.Float64bits(*v))
	if c.int64(&bits); c.reading {
		*v = math.Float64frombits(uint64(bits))
	}
}

func (c *cursor) uuid(v *record.UUID) {
	if !c.reading {
		c.dst = append(c.dst, v[:]...)
	} else if b := c.take(16); b != nil {
		copy(v[:], b)
	}
}

// length writes or reads the length of a string, byte or array field; -1 is null. A length is refused when what is left cannot hold
// that many elements of at least one byte each, so that foreign bytes cannot make a reader allocate.
func (c *cursor) length(n int) int {
	got := int(c.uvarint(uint32(n+1))) - 1
	if c.reading && got > len(c.src) {
		c.fail("length beyond the end")
		return -1
	}
	return got
}

func (c *cursor) string(v *string) {
	n := c.length(len(*v))
	if !c.reading {
		c.dst = append(c.dst, *v...)
		return
	}
	if n < 0 {
		c.fail("null where a string must be")
		return
	}
	*v = string(c.take(n))
}

// nullString is a nullable string; a nil pointer is null.
func (c *cursor) nullString(v **string) {
	if !c.reading {
		if *v == nil {
			c.length(-1)
			return
		}
		c.string(*v)
		return
	}
	n := c.length(0)
	if n < 0 {
		*v = nil
		return
	}
	s := string(c.take(n))
	*v = &s
}

func (c *cursor) bytes(v *[]byte) {
	n := c.length(len(*v))
	if !c.reading {
		c.dst = append(c.dst, *v...)
		return
	}
	if n < 0 {
		c.fail("null where bytes must be")
		return
	}
	*v = append([]byte(nil), c.take(n)...)
}

// array is an array that is never null; a nil slice and an empty one are the same.
func array[T any](c *cursor, v *[]T, element func(*cursor, *T)) {
	n := c.length(len(*v))
	if c.reading && n < 0 {
		c.fail("null where an array must be")
	}
	elements(c, v, n, element)
	if c.reading && len(*v) == 0 {
		*v = nil
	}
}

// nullArray is a nullable array: nil is null, which is not the same as empty.
func nullArray[T any](c *cursor, v *[]T, element func(*cursor, *T)) {
	n := len(*v)
	if *v == nil {
		n = -1
	}
	if n = c.length(n); n >= 0 {
		elements(c, v, n, element)
	} else if c.reading {
		*v = nil
	}
}

func elements[T any](c *cursor, v *[]T, n int, element func(*cursor, *T)) {
	if !c.reading {
		for i := range *v {
			element(c, &(*v)[i])
		}
		return
	}
	out := []T{}
	for i := 0; i < n && c.err == nil; i++ {
		var e T
		element(c, &e)
		out = append(out, e)
	}
	*v = out
}

// tag is one tagged field. set says whether a writer has something other than the default to write.
type tag struct {
	number uint32
	set    bool
	visit  func(*cursor)
}

// tags ends a struct: it writes the tagged fields that are set, in the order given (which must be by number), or reads those that are
// there and skips the unknown ones.
func (c *cursor) tags(known ...tag) {
	if c.reading {
		c.readTags(known)
		return
	}
	n := uint32(0)
	for _, t := range known {
		if t.set {
			n++
		}
	}
	c.uvarint(n)
	for _, t := range known {
		if !t.set {
			continue
		}
		body := cursor{version: c.version}
		t.visit(&body)
		c.uvarint(t.number)
		c.uvarint(uint32(len(body.dst)))
		c.dst = append(c.dst, body.dst...)
	}
}

func (c *cursor) readTags(known []tag) {
	for n := c.uvarint(0); n > 0 && c.err == nil; n-- {
		number := c.uvarint(0)
		body := cursor{reading: true, version: c.version, src: c.take(int(c.uvarint(0)))}
		for _, t := range known {
			if t.number == number {
				t.visit(&body)
			}
		}
		if c.err == nil {
			c.err = body.err
		}
	}
}

func elementInt32(c *cursor, v *int32)      { c.int32(v) }
func elementUUID(c *cursor, v *record.UUID) { c.uuid(v) }
func elementString(c *cursor, v *string)    { c.string(v) }

func (c *cursor) int32s(v *[]int32)          { array(c, v, elementInt32) }
func (c *cursor) nullInt32s(v *[]int32)      { nullArray(c, v, elementInt32) }
func (c *cursor) uuids(v *[]record.UUID)     { array(c, v, elementUUID) }
func (c *cursor) nullUUIDs(v *[]record.UUID) { nullArray(c, v, elementUUID) }
func (c *cursor) strings(v *[]string)        { array(c, v, elementString) }
