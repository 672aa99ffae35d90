package wire

import "encoding/binary"

func appendInt16(b []byte, v int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }
func appendInt32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func appendInt64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

func appendUvarint(b []byte, v int) []byte { return binary.AppendUvarint(b, uint64(v)) }

// appendLength writes the length of an array or of bytes.
func appendLength(b []byte, compact bool, n int) []byte {
	if compact {
		return appendUvarint(b, n+1)
	}
	return appendInt32(b, int32(n))
}

func appendString(b []byte, compact bool, s string) []byte {
	if compact {
		b = appendUvarint(b, len(s)+1)
	} else {
		b = appendInt16(b, int16(len(s)))
	}
	return append(b, s...)
}

// appendNull writes a string that is null.
func appendNull(b []byte, compact bool) []byte {
	if compact {
		return append(b, 0)
	}
	return appendInt16(b, -1)
}

// appendTagStart writes the number and length of a tagged field.
func appendTagStart(b []byte, tag, length int) []byte {
	return appendUvarint(appendUvarint(b, tag), length)
}
