package form

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// encoding is how the bytes of a key or a value are written.
type encoding byte

const (
	plain encoding = iota
	inHex
	inBase64
	inJSON // as a JSON string
)

func parseEncoding(option string) (encoding, error) {
	switch option {
	case "", "raw":
		return plain, nil
	case "hex":
		return inHex, nil
	case "base64":
		return inBase64, nil
	case "json":
		return inJSON, nil
	}
	return 0, fmt.Errorf("{%s}: none of raw, hex, base64 and json", option)
}

func (e encoding) append(dst, b []byte) ([]byte, error) {
	switch e {
	case inHex:
		return hex.AppendEncode(dst, b), nil
	case inBase64:
		return base64.StdEncoding.AppendEncode(dst, b), nil
	case inJSON:
		if !utf8.Valid(b) {
			return dst, fmt.Errorf("its bytes are no text (UTF-8): print them as {hex} or {base64}")
		}
		return appendString(dst, string(b)), nil
	}
	return append(dst, b...), nil
}

// length is how many bytes the encoding takes for b.
func (e encoding) length(b []byte) int64 {
	switch e {
	case inHex:
		return int64(hex.EncodedLen(len(b)))
	case inBase64:
		return int64(base64.StdEncoding.EncodedLen(len(b)))
	case inJSON:
		return int64(len(appendString(nil, string(b))))
	}
	return int64(len(b))
}

func (e encoding) decode(text []byte) ([]byte, error) {
	switch e {
	case inHex:
		return hex.AppendDecode([]byte{}, text)
	case inBase64:
		return base64.StdEncoding.AppendDecode([]byte{}, text)
	case inJSON:
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("not a JSON string: %w", err)
		}
		return []byte(s), nil
	}
	return append([]byte{}, text...), nil
}
