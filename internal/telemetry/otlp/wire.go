// Package otlp reads and writes the few messages of OpenTelemetry's protocol that a node has to do with: the metrics that clients push (KIP-714), and
// spans of requests that go to a collector. OpenTelemetry's own library would cost 12 MB, and memory while nobody wants traces.
//
// Terms: a field is a tag and a value of protobuf's wire format; a point is one number of a metric.
//
// Invariants: what comes from the network is read within bounds of size and depth, and never makes anything panic.
package otlp

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrGarbage is what cannot be read.
var ErrGarbage = errors.New("not a message of OpenTelemetry's protocol")

// Wire types of protobuf.
const (
	varint  = 0
	fixed64 = 1
	bytes   = 2
	fixed32 = 5
)

// field is one field of a message: number is that of varints and fixed ones, data that of bytes.
type field struct {
	tag    int
	kind   int
	number uint64
	data   []byte
}

// next takes the first field off a message.
func next(b []byte) (f field, rest []byte, err error) {
	key, n := binary.Uvarint(b)
	if n <= 0 || key>>3 == 0 || key>>3 > math.MaxInt32 {
		return f, nil, ErrGarbage
	}
	b = b[n:]
	f.tag, f.kind = int(key>>3), int(key&7)
	switch f.kind {
	case varint:
		if f.number, n = binary.Uvarint(b); n <= 0 {
			return f, nil, ErrGarbage
		}
		return f, b[n:], nil
	case fixed64:
		if len(b) < 8 {
			return f, nil, ErrGarbage
		}
		f.number = binary.LittleEndian.Uint64(b)
		return f, b[8:], nil
	case fixed32:
		if len(b) < 4 {
			return f, nil, ErrGarbage
		}
		f.number = uint64(binary.LittleEndian.Uint32(b))
		return f, b[4:], nil
	case bytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return f, nil, ErrGarbage
		}
		f.data = b[n : n+int(size)]
		return f, b[n+int(size):], nil
	}
	return f, nil, ErrGarbage
}

// each calls fn for all fields of a message.
func each(b []byte, fn func(field) error) error {
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return err
		}
		if err := fn(f); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

func appendTag(b []byte, tag, kind int) []byte {
	return binary.AppendUvarint(b, uint64(tag)<<3|uint64(kind))
}

func appendBytes(b []byte, tag int, data []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, tag, bytes), uint64(len(data)))
	return append(b, data...)
}

func appendText(b []byte, tag int, text string) []byte {
	b = binary.AppendUvarint(appendTag(b, tag, bytes), uint64(len(text)))
	return append(b, text...)
}

func appendNumber(b []byte, tag int, n uint64) []byte {
	return binary.AppendUvarint(appendTag(b, tag, varint), n)
}

func appendFixed(b []byte, tag int, n uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(b, tag, fixed64), n)
}

// Attribute is a name and a value, which is an integer if Text is empty.
type Attribute struct {
	Name, Text string
	Number     int64
}

// appendAttribute writes a KeyValue.
func appendAttribute(b []byte, tag int, a Attribute) []byte {
	value := appendNumber(nil, 3, uint64(a.Number))
	if a.Text != "" {
		value = appendText(nil, 1, a.Text)
	}
	return appendBytes(b, tag, appendBytes(appendText(nil, 1, a.Name), 2, value))
}
