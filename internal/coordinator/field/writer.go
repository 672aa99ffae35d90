package field

import (
	"encoding/binary"

	"leat/internal/record"
)

// Writer writes the fields of a record.
type Writer struct {
	B        []byte
	Flexible bool
}

// Int16 writes a big-endian number.
func (w *Writer) Int16(v int16) { w.B = binary.BigEndian.AppendUint16(w.B, uint16(v)) }

// Int32 writes a big-endian number.
func (w *Writer) Int32(v int32) { w.B = binary.BigEndian.AppendUint32(w.B, uint32(v)) }

// Int64 writes a big-endian number.
func (w *Writer) Int64(v int64) { w.B = binary.BigEndian.AppendUint64(w.B, uint64(v)) }

// Length writes a length, -1 is null; width is that of the inflexible form.
func (w *Writer) Length(n, width int) {
	switch {
	case w.Flexible:
		w.B = binary.AppendUvarint(w.B, uint64(n+1))
	case width == 2:
		w.Int16(int16(n))
	default:
		w.Int32(int32(n))
	}
}

// String writes a string.
func (w *Writer) String(s string) {
	w.Length(len(s), 2)
	w.B = append(w.B, s...)
}

// Text writes a nullable string.
func (w *Writer) Text(s *string) {
	if s == nil {
		w.Length(-1, 2)
		return
	}
	w.String(*s)
}

// Bytes writes bytes.
func (w *Writer) Bytes(b []byte) {
	w.Length(len(b), 4)
	w.B = append(w.B, b...)
}

// Tag writes one tagged field; the caller has written how many there are.
func (w *Writer) Tag(tag int, b []byte) {
	w.B = binary.AppendUvarint(w.B, uint64(tag))
	w.B = binary.AppendUvarint(w.B, uint64(len(b)))
	w.B = append(w.B, b...)
}

// NoTags ends a struct that has no tagged fields to write.
func (w *Writer) NoTags() {
	if w.Flexible {
		w.B = append(w.B, 0)
	}
}

// Int8 writes one byte.
func (w *Writer) Int8(v int8) { w.B = append(w.B, byte(v)) }

// Bool writes one byte.
func (w *Writer) Bool(v bool) {
	if v {
		w.Int8(1)
		return
	}
	w.Int8(0)
}

// UUID writes 16 bytes.
func (w *Writer) UUID(id record.UUID) { w.B = append(w.B, id[:]...) }

// Uvarint writes an unsigned varint.
func (w *Writer) Uvarint(v int) { w.B = binary.AppendUvarint(w.B, uint64(v)) }

// Strings writes an array of strings.
func (w *Writer) Strings(all []string) {
	w.Length(len(all), 4)
	for _, s := range all {
		w.String(s)
	}
}

// Int32s writes an array of numbers; nil is null.
func (w *Writer) Int32s(all []int32) {
	if all == nil {
		w.Length(-1, 4)
		return
	}
	w.Length(len(all), 4)
	for _, v := range all {
		w.Int32(v)
	}
}
