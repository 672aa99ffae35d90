package cli

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"leat/internal/storage/inspect"
	"leat/internal/storage/inspect/schema"
)

// decoder turns key and value of a record into text; nil if there is none.
type decoder func(r *inspect.Row) (key, value *string)

// decoder is what the flags of kafka-dump-log ask for.
func (f *dumpLogFlags) decoder() (decoder, error) {
	switch {
	case f.offsets:
		return coordinatorDecoder(schema.Groups), nil
	case f.transactions:
		return coordinatorDecoder(schema.Transactions), nil
	case f.clusterMetadata:
		return valueDecoder("Error at ", schema.Metadata), nil
	case f.remoteMetadata:
		return valueDecoder("Error at offset ", schema.RemoteLogMetadata), nil
	case f.shareState:
		return coordinatorDecoder(schema.ShareState), nil
	}
	key, err := classDecoder("key-decoder-class", f.keyDecoder)
	if err != nil {
		return nil, err
	}
	value, err := classDecoder("value-decoder-class", f.valueDecoder)
	if err != nil {
		return nil, err
	}
	return func(r *inspect.Row) (*string, *string) { return maybe(r.Key, key), maybe(r.Value, value) }, nil
}

// coordinator reports whether the records must have keys, which name their type.
func (f *dumpLogFlags) coordinator() bool {
	return f.offsets || f.transactions || f.shareState && !f.clusterMetadata && !f.remoteMetadata
}

func maybe(b []byte, decode func([]byte) string) *string {
	if b == nil {
		return nil
	}
	text := decode(b)
	return &text
}

// classDecoder stands for one of the decoders that come with Kafka.
func classDecoder(flag, class string) (func([]byte) string, error) {
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "StringDecoder":
		return javaText, nil
	case "DefaultDecoder":
		return hex.EncodeToString, nil
	case "IntegerDecoder":
		return func(b []byte) string { return number(b, 4) }, nil
	case "LongDecoder":
		return func(b []byte) string { return number(b, 8) }, nil
	}
	return nil, fmt.Errorf("--%s=%s: a Java class cannot be loaded: known are StringDecoder, DefaultDecoder, IntegerDecoder and LongDecoder", flag, class)
}

func number(b []byte, size int) string {
	if len(b) < size {
		return fmt.Sprintf("%d bytes are no number of %d", len(b), size)
	}
	if size == 4 {
		return strconv.FormatInt(int64(int32(binary.BigEndian.Uint32(b))), 10)
	}
	return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10)
}

// coordinatorDecoder decodes the records of a coordinator. What cannot be decoded is said in place of the key.
func coordinatorDecoder(family schema.Family) decoder {
	return func(r *inspect.Row) (*string, *string) {
		key, value, err := schema.Coordinator(family, r.Key, r.Value)
		if unknown, ok := errors.AsType[schema.UnknownTypeError](err); ok {
			text := fmt.Sprintf("Unknown record type %d at offset %d, skipping.", unknown.Type, r.Offset)
			return &text, nil
		}
		if err != nil {
			text := fmt.Sprintf("Error at offset %d, skipping. %v", r.Offset, err)
			return &text, nil
		}
		keyText, valueText := string(key), "<DELETE>"
		if value != nil {
			valueText = string(value)
		}
		return &keyText, &valueText
	}
}

// valueDecoder decodes records without keys.
func valueDecoder(failed string, decode func([]byte) ([]byte, error)) decoder {
	return func(r *inspect.Row) (*string, *string) {
		b, err := decode(r.Value)
		text := string(b)
		if err != nil {
			text = fmt.Sprintf("%s%d, skipping. %v", failed, r.Offset, err)
		}
		return nil, &text
	}
}

// javaText is text as Java makes it of bytes: the longest beginning of something that could be a character becomes one U+FFFD.
func javaText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
			out.WriteRune(r)
			b = b[n:]
			continue
		}
		out.WriteRune(utf8.RuneError)
		b = b[brokenPart(b):]
	}
	return out.String()
}

// brokenPart is the length of the bytes at the beginning of b that could have become one character; half a surrogate pair is one.
func brokenPart(b []byte) int {
	lo, hi, want := byte(0x80), byte(0xBF), 0
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		want = 1
	case c >= 0xE0 && c <= 0xEF:
		want = 2
		if c == 0xE0 {
			lo = 0xA0
		}
	case c >= 0xF0 && c <= 0xF4:
		want = 3
		if c == 0xF0 {
			lo = 0x90
		} else if c == 0xF4 {
			hi = 0x8F
		}
	}
	n := 1
	for ; n <= want && n < len(b) && b[n] >= lo && b[n] <= hi; n++ {
		lo, hi = 0x80, 0xBF
	}
	return n
}
