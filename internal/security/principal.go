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
// token authenticated it, and, in a tagged field that Kafka passes over, groups.
func AppendPrincipal(dst []byte, p Principal) []byte {
	dst = binary.BigEndian.AppendUint16(dst, principalVersion)
	for _, s := range []string{p.Type, p.Name} {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))+1), s...)
	}
	if p.Groups == "" {
		return append(dst, 0, 0)
	}
	dst = binary.AppendUvarint(append(dst, 0, 1), groupsTag)
	return append(binary.AppendUvarint(dst, uint64(len(p.Groups))), p.Groups...)
}

// groupsTag is far from what Kafka may come to use.
const groupsTag = 10_000

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
	return Principal{Type: parts[0], Name: parts[1], Groups: taggedGroups(rest[1:])}, nil
}

// taggedGroups finds the groups among tagged fields; what cannot be read says nothing.
func taggedGroups(data []byte) string {
	number := func() (n uint64, ok bool) {
		n, size := binary.Uvarint(data)
		if size <= 0 {
			return 0, false
		}
		data = data[size:]
		return n, true
	}
	fields, ok := number()
	for ; ok && fields > 0; fields-- {
		tag, known := number()
		n, sized := number()
		if !known || !sized || n > uint64(len(data)) {
			return ""
		}
		if tag == groupsTag {
			return string(data[:n])
		}
		data = data[n:]
	}
	return ""
}
