package security

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// principalVersion is the only version of the serialized form of a principal.
const principalVersion = 0

// errPrincipal means bytes that are not a principal.
var errPrincipal = errors.New("not a serialized principal")

// AppendPrincipal appends a principal in the form in which brokers forward it (Kafka's DefaultPrincipalData): version, type, name, whether a delegation
// token authenticated it, and, in a tagged field that Kafka passes over, groups.
func AppendPrincipal(dst []byte, p Principal) []byte {
	return appendTagged(append(appendNames(dst, p), 0), tagged{groupsTag, p.Groups})
}

func appendNames(dst []byte, p Principal) []byte {
	dst = binary.BigEndian.AppendUint16(dst, principalVersion)
	for _, s := range []string{p.Type, p.Name} {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))+1), s...)
	}
	return dst
}

// AppendTenantPrincipal is AppendPrincipal for a client of a tenant, whose name goes along: what the client may do has been decided by the broker that it asked,
// and names in the request are those that the cluster keeps.
func AppendTenantPrincipal(dst []byte, p Principal, tenant string) []byte {
	return appendTagged(append(appendNames(dst, p), 0), tagged{groupsTag, p.Groups}, tagged{tenantTag, tenant})
}

// The tags are far from what Kafka may come to use.
const (
	groupsTag = 10_000
	tenantTag = 10_001
)

// tagged is a text in a tagged field.
type tagged struct {
	tag  uint64
	text string
}

// appendTagged appends those fields that have a text.
func appendTagged(dst []byte, fields ...tagged) []byte {
	fields = slices.DeleteFunc(fields, func(f tagged) bool { return f.text == "" })
	dst = binary.AppendUvarint(dst, uint64(len(fields)))
	for _, f := range fields {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, f.tag), uint64(len(f.text)))
		dst = append(dst, f.text...)
	}
	return dst
}

// ParsePrincipal reads what AppendPrincipal wrote. Tagged fields of later versions are passed over.
func ParsePrincipal(data []byte) (Principal, error) {
	p, fields, err := parsePrincipal(data)
	if err == nil {
		p.Groups = taggedText(fields, groupsTag)
	}
	return p, err
}

// TenantOf is the name that AppendTenantPrincipal wrote; "" for none.
func TenantOf(data []byte) string {
	_, fields, err := parsePrincipal(data)
	if err != nil {
		return ""
	}
	return taggedText(fields, tenantTag)
}

func parsePrincipal(data []byte) (p Principal, fields []byte, err error) {
	if len(data) < 2 {
		return p, nil, fmt.Errorf("%w: %d bytes", errPrincipal, len(data))
	}
	if v := binary.BigEndian.Uint16(data); v != principalVersion {
		return p, nil, fmt.Errorf("%w: version %d, known is %d", errPrincipal, v, principalVersion)
	}
	var parts [2]string
	rest := data[2:]
	for i := range parts {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n == 0 || n-1 > uint64(len(rest)-size) {
			return p, nil, fmt.Errorf("%w: it ends inside a text", errPrincipal)
		}
		parts[i], rest = string(rest[size:size+int(n-1)]), rest[size+int(n-1):]
	}
	if len(rest) == 0 || parts[0] == "" || parts[1] == "" {
		return p, nil, fmt.Errorf("%w: type %q, name %q", errPrincipal, parts[0], parts[1])
	}
	return Principal{Type: parts[0], Name: parts[1]}, rest[1:], nil
}

// taggedText finds a text among tagged fields; what cannot be read says nothing.
func taggedText(data []byte, wanted uint64) string {
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
		if tag == wanted {
			return string(data[:n])
		}
		data = data[n:]
	}
	return ""
}
