package tlsstore

import (
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"unicode/utf16"
)

// attribute is one part of a distinguished name.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type relativeNameSET []attribute

// keywords are the attributes that RFC 2253 has names for; Java writes all others as numbers.
var keywords = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

// DistinguishedName writes a subject, in DER, as Java's X500Principal.getName does (RFC 2253): the most special part first. Rules and ACLs are written for
// that form, so it must be the same to the last space. What is no name gives "".
func DistinguishedName(raw []byte) string {
	var parts []relativeNameSET
	if rest, err := asn1.Unmarshal(raw, &parts); err != nil || len(rest) > 0 {
		return ""
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		for j := range parts[i] {
			if j > 0 {
				b.WriteByte('+')
			}
			parts[i][j].write(&b)
		}
		if i > 0 {
			b.WriteByte(',')
		}
	}
	return b.String()
}

func (a *attribute) write(b *strings.Builder) {
	oid := a.Type.String()
	word, known := keywords[oid]
	if !known {
		word = oid
	}
	b.WriteString(word)
	b.WriteByte('=')
	text, ok := textOf(&a.Value)
	if !known || !ok {
		b.WriteByte('#')
		b.WriteString(hex.EncodeToString(a.Value.FullBytes))
		return
	}
	writeEscaped(b, text)
}

// textOf decodes the kinds of strings that names are made of.
func textOf(v *asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal {
		return "", false
	}
	switch v.Tag {
	case asn1.TagUTF8String:
		return strings.ToValidUTF8(string(v.Bytes), "\uFFFD"), true
	case asn1.TagPrintableString, asn1.TagIA5String:
		return ascii(v.Bytes), true
	case asn1.TagT61String, asn1.TagGeneralString:
		var b strings.Builder
		for _, c := range v.Bytes {
			b.WriteRune(rune(c))
		}
		return b.String(), true
	case asn1.TagBMPString:
		units := make([]uint16, len(v.Bytes)/2)
		for i := range units {
			units[i] = uint16(v.Bytes[2*i])<<8 | uint16(v.Bytes[2*i+1])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}

func ascii(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		if c > 0x7f {
			out.WriteRune('\uFFFD')
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// writeEscaped puts a backslash before what has a meaning in a name, and before spaces at both ends.
func writeEscaped(b *strings.Builder, text string) {
	lead := len(text) - len(strings.TrimLeft(text, " \r\n"))
	trail := len(strings.TrimRight(text, " \r\n"))
	for i, c := range text {
		switch {
		case c == 0:
			b.WriteString(`\00`)
			continue
		case strings.ContainsRune(`,=+<>#;"\`, c), i < lead, i >= trail:
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
}
