package security

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// principalVersion is the only version of the serialized form of a principal.
const principalVersion = 0

// errPrincipal means bytes that are not a principal.
var errPrincipal = errors.New("not a serialized principal")

// AppendPrincipal appends a principal in the form in which brokers forward it (Kafka's DefaultPrincipalData): version, type, name, whether a delegation
// token authenticated it, and no tagged fields.
func AppendPrincipal(dst []byte, p Principal) []byte {
	dst = binary.BigEndian.AppendUint16(dst, principalVersion)
	for _, s := range []string{p.Type, p.Name} {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))+1), s...)
	}
	return append(dst, 0, 0)
}

// ParsePrincipal reads what AppendPrincipal wrote. Tagged fields of later versions are passed over.
func ParsePrincipal(data []byte) (Principal, error) {
	if len(data) < 2 {
		return Principal{}, fmt.Errorf("%w: %d bytes", errPrincipal, len(data))
	}
	if v := binary.BigEndian.Uint16(data); v != principalVersion {
		return Principal{}, fmt.Errorf("%w: version %d, known is %d", errPrincipal, v, principalVersion)
	}
	var parts [2]string
	rest := data[2:]
	for i := range parts {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n == 0 || n-1 > uint64(len(rest)-size) {
			return Principal{}, fmt.Errorf("%w: it ends inside a text", errPrincipal)
		}
		parts[i], rest = string(rest[size:size+int(n-1)]), rest[size+int(n-1):]
	}
	if len(rest) == 0 || parts[0] == "" || parts[1] == "" {
		return Principal{}, fmt.Errorf("%w: type %q, name %q", errPrincipal, parts[0], parts[1])
	}
	return Principal{Type: parts[0], Name: parts[1]}, nil
}
