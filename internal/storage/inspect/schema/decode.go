package schema

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"leat/internal/record"
)

// errShort means that the bytes end inside a field.
var errShort = errors.New("ends inside a field")

// decoder reads one record and forms its JSON. After the first error it does nothing.
type decoder struct {
	src      []byte
	version  int16
	flexible bool
	err      error
	out      []byte
	// consumer: the members of this group speak the consumer protocol, whose bytes are shown as what they mean.
	consumer bool
}

// decode appends the JSON of a message at a version.
func decode(dst []byte, m *message, version int16, src []byte) ([]byte, error) {
	if version < m.first || version > m.last {
		return dst, fmt.Errorf("%s has no version %d, only %d to %d", m.name, version, m.first, m.last)
	}
	d := decoder{src: src, version: version, flexible: m.flexible >= 0 && version >= m.flexible, out: dst}
	d.structure(m.fields)
	if d.err != nil {
		return dst, fmt.Errorf("%s version %d: %w", m.name, version, d.err)
	}
	return d.out, nil
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.src = nil
}

func (d *decoder) take(n int64) []byte {
	if d.err != nil || n < 0 || n > int64(len(d.src)) {
		d.fail(errShort)
		return nil
	}
	b := d.src[:n]
	d.src = d.src[n:]
	return b
}

// number reads an integer of so many bytes, with its sign.
func (d *decoder) number(size int64) int64 {
	b := d.take(size)
	if b == nil {
		return 0
	}
	var v uint64
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	shift := 64 - 8*size
	return int64(v<<shift) >> shift
}

func (d *decoder) uvarint() int64 {
	v, n := binary.Uvarint(d.src)
	if d.err != nil || n <= 0 || v > math.MaxUint32 {
		d.fail(errShort)
		return 0
	}
	d.src = d.src[n:]
	return int64(v)
}

// length reads the length of a string, of bytes or of an array; -1 is null.
func (d *decoder) length(plain int64) int64 {
	if d.flexible {
		return d.uvarint() - 1
	}
	return d.number(plain)
}

// structure reads a struct: plain fields first, then the tagged ones, which stand elsewhere in the JSON. So the pieces are gathered.
func (d *decoder) structure(fields []*field) {
	pieces := make([][]byte, len(fields))
	start := len(d.out)
	for i, f := range fields {
		if f.tag >= 0 || d.version < f.first || d.version > f.last {
			continue
		}
		pieces[i] = d.piece(start, f)
	}
	if d.flexible {
		d.tagged(start, fields, pieces)
	}
	d.out = append(d.out[:start], '{')
	for i, p := range pieces {
		if p == nil {
			continue
		}
		if d.out[len(d.out)-1] != '{' {
			d.out = append(d.out, ',')
		}
		d.out = appendText(d.out, fields[i].name)
		d.out = append(append(d.out, ':'), p...)
	}
	d.out = append(d.out, '}')
}

// piece reads one field and returns its JSON, using the end of out meanwhile.
func (d *decoder) piece(start int, f *field) []byte {
	d.out = d.out[:start]
	d.field(f)
	p := slices.Clone(d.out[start:])
	d.out = d.out[:start]
	if f.name == "protocolType" {
		d.consumer = string(p) == `"consumer"`
	}
	return p
}

func (d *decoder) tagged(start int, fields []*field, pieces [][]byte) {
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		tag, size := d.uvarint(), d.uvarint()
		body := d.take(size)
		if d.err != nil {
			return
		}
		for i, f := range fields {
			if f.tag != int(tag) || d.version < f.first || d.version > f.last {
				continue
			}
			rest := d.src
			d.src = body
			p := d.piece(start, f)
			if d.err == nil {
				d.src = rest
			}
			if string(p) != f.omitted() {
				pieces[i] = p
			}
		}
	}
}

// omitted is the JSON of the value that a tagged field has when it is not written.
func (f *field) omitted() string {
	if f.kind == "uuid" && f.standard == "zero" {
		return `"AAAAAAAAAAAAAAAAAAAAAA"`
	}
	return f.standard
}

func (d *decoder) field(f *field) {
	if !f.array {
		d.value(f)
		return
	}
	n := d.length(4)
	if n < 0 {
		d.null(f)
		return
	}
	if n > int64(len(d.src)) { // no element has less than a byte
		d.fail(errShort)
		return
	}
	d.out = append(d.out, '[')
	for i := range n {
		if d.err != nil {
			return
		}
		if i > 0 {
			d.out = append(d.out, ',')
		}
		d.value(&field{name: f.name, kind: f.kind, fields: f.fields})
	}
	d.out = append(d.out, ']')
}

func (d *decoder) null(f *field) {
	if !f.nullable {
		d.fail(fmt.Errorf("field %s is null", f.name))
	}
	d.out = append(d.out, "null"...)
}

// sizes of numbers, in bytes.
var sizes = map[string]int64{"int8": 1, "int16": 2, "int32": 4, "int64": 8}

// value reads one value that is no array.
func (d *decoder) value(f *field) {
	if size, ok := sizes[f.kind]; ok {
		d.out = strconv.AppendInt(d.out, d.number(size), 10)
		return
	}
	switch f.kind {
	case "uint16":
		d.out = strconv.AppendUint(d.out, uint64(uint16(d.number(2))), 10)
	case "bool":
		d.out = strconv.AppendBool(d.out, d.number(1) != 0)
	case "float64":
		d.out = appendDouble(d.out, math.Float64frombits(uint64(d.number(8))))
	case "uuid":
		var id record.UUID
		copy(id[:], d.take(16))
		d.out = appendText(d.out, id.String())
	case "string", "bytes":
		d.text(f)
	case "struct":
		if f.nullable && d.number(1) < 0 {
			d.null(f)
			return
		}
		if d.err == nil {
			d.structure(f.fields)
		}
	default:
		d.fail(fmt.Errorf("field %s: type %s is not known", f.name, f.kind))
	}
}

func (d *decoder) text(f *field) {
	plain := int64(2)
	if f.kind == "bytes" {
		plain = 4
	}
	n := d.length(plain)
	if n < 0 {
		d.null(f)
		return
	}
	b := d.take(n)
	if f.kind == "string" {
		d.out = appendText(d.out, string(b))
		return
	}
	if d.consumer && (f.name == "subscription" || f.name == "assignment") && d.embedded(f.name, b) {
		return
	}
	d.out = append(d.out, '"')
	d.out = base64.StdEncoding.AppendEncode(d.out, b)
	d.out = append(d.out, '"')
}

// embedded shows what a consumer said about itself, if it can be read.
func (d *decoder) embedded(name string, b []byte) bool {
	number := int32(0)
	if name == "assignment" {
		number = 1
	}
	m := tables()[kind{"consumer", "value", number}]
	if m == nil || len(b) < 2 {
		return false
	}
	out, err := decode(d.out, m, int16(binary.BigEndian.Uint16(b)), b[2:])
	if err != nil {
		return false
	}
	d.out = out
	return true
}
