package inspect

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"leat/internal/record"
)

// Message is one record of the formats before magic 2.
type Message struct {
	record.Record
	Magic         int8
	LogAppendTime bool
	CRC           uint32
	Valid         bool // the CRC fits
}

// Positions in a message of magic 0 and 1.
const (
	legacyMagicAt      = 16
	legacyAttributesAt = 17
	legacyTimestampAt  = 18
	codecMask          = 7
	logAppendTimeBit   = 8
)

// Codec is the compression of a batch or message.
func (e Entry) Codec() record.Codec {
	if e.Magic < 2 {
		return record.Codec(e.Header[legacyAttributesAt] & codecMask)
	}
	return e.Header.Codec()
}

// LogAppendTime reports whether the broker stamped the records.
func (e Entry) LogAppendTime() bool {
	if e.Magic < 2 {
		return e.Magic == 1 && e.Header[legacyAttributesAt]&logAppendTimeBit != 0
	}
	return e.Header.LogAppendTime()
}

// Messages calls fn for the messages in one entry of magic 0 or 1: itself, or what a compressed one wraps. Slices are valid during the call.
func Messages(b []byte, fn func(*Message)) error {
	outer, codec, err := parseMessage(b)
	if err != nil {
		return err
	}
	if codec == record.Uncompressed {
		fn(&outer)
		return nil
	}
	if codec > record.LZ4 {
		return fmt.Errorf("codec %d: a message of magic %d has none above 3", codec, outer.Magic)
	}
	inner, err := record.Decompress(nil, outer.Value, codec, maxWhole)
	if err != nil {
		return err
	}
	return unwrap(inner, outer, fn)
}

// unwrap gives the messages inside a wrapper their offsets. In magic 1 they count from 0 and the wrapper has that of the last.
func unwrap(inner []byte, outer Message, fn func(*Message)) error {
	var list []Message
	for rest := inner; len(rest) > 0; {
		if len(rest) < record.PrefixSize {
			return fmt.Errorf("wrapped message: %d bytes are left", len(rest))
		}
		size, magic, err := record.Prefix(rest)
		if err != nil {
			return fmt.Errorf("wrapped message: %w", err)
		}
		if magic > 1 || size > len(rest) {
			return fmt.Errorf("wrapped message: %d bytes of magic %d, %d are left", size, magic, len(rest))
		}
		m, codec, err := parseMessage(rest[:size])
		if err != nil {
			return err
		}
		if codec != record.Uncompressed {
			return fmt.Errorf("wrapped message at offset %d is compressed again", m.Offset)
		}
		list = append(list, m)
		rest = rest[size:]
	}
	if len(list) == 0 {
		return fmt.Errorf("wrapper at offset %d is empty", outer.Offset)
	}
	shift := int64(0)
	if outer.Magic == 1 {
		shift = outer.Offset - list[len(list)-1].Offset
	}
	for i := range list {
		list[i].Offset += shift
		if outer.LogAppendTime {
			list[i].Timestamp, list[i].LogAppendTime = outer.Timestamp, true
		}
		fn(&list[i])
	}
	return nil
}

// parseMessage reads one message, whose size record.Prefix has verified.
func parseMessage(b []byte) (m Message, codec record.Codec, err error) {
	m = Message{Magic: int8(b[legacyMagicAt]), CRC: binary.BigEndian.Uint32(b[legacyCRCAt:])}
	m.Offset, m.Timestamp = int64(binary.BigEndian.Uint64(b)), record.NoTimestamp
	m.Valid = crc32.ChecksumIEEE(b[legacyCRCEnd:]) == m.CRC
	attributes, rest := b[legacyAttributesAt], b[legacyTimestampAt:]
	if m.Magic == 1 {
		m.LogAppendTime = attributes&logAppendTimeBit != 0
		m.Timestamp = int64(binary.BigEndian.Uint64(rest))
		rest = rest[8:]
	}
	if m.Key, rest, err = legacyBytes(rest); err == nil {
		m.Value, rest, err = legacyBytes(rest)
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes behind the value", len(rest))
	}
	if err != nil {
		err = fmt.Errorf("message at offset %d: %w", m.Offset, err)
	}
	return m, record.Codec(attributes & codecMask), err
}

// legacyBytes cuts bytes with a length of four bytes, -1 for null.
func legacyBytes(b []byte) (value, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, fmt.Errorf("ends inside a length")
	}
	n := int64(int32(binary.BigEndian.Uint32(b)))
	if b = b[4:]; n < 0 {
		return nil, b, nil
	}
	if n > int64(len(b)) {
		return nil, nil, fmt.Errorf("length %d, %d bytes are left", n, len(b))
	}
	return b[:n:n], b[n:], nil
}
