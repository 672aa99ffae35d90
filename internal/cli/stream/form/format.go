// Package form is how records stand in text: formats that a record is printed by, and the same formats read back.
//
// A format is text with fields in it, as kcat and rpk have them: "%k\t%v\n" is a key, a tab, a value and the end of a line. What a format prints, [Reader] reads
// again by the same format: byte for byte where the fields have lengths ("%K %k%V %v") or an encoding, and where the text between the fields does not occur in
// them otherwise. JSON lines are the other form. The package knows no cluster, no files and no flags.
//
// Terms: a field is one %-letter with its option in braces; a null is a key or value that is not there, which is another thing than an empty one.
package form

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Format is a parsed format.
type Format struct {
	pieces []piece
	null   string // the text that stands for null; "": none does
}

// piece is literal text, or a field.
type piece struct {
	literal string
	field   byte     // 0: literal
	text    encoding // of %k and %v
	number  *number  // of lengths and other numbers
	layout  string   // of times
	each    []piece  // of %h: what is said of each header; nil: a=1,b=2
}

// Fields are the letters of a format, with what each is, for the help text.
const Fields = `%k key, %v or %s value, %t topic, %p partition, %o offset, %e leader epoch,
%K length of the key, %V or %S of the value (-1: null), %T or %d time in milliseconds,
%d{rfc3339}, %d{unix}, %d{2006-01-02 15:04:05} time in another form (%t{...} too),
%h headers as a=1,b=2, %H how many, %h{%k=%v;} something for each, %% a percent sign.
%k{hex}, %k{base64} and %k{json} say how bytes are written, %K{big32}, %K{little16} and such
how numbers are (ascii unless told); \n \t \r \0 \\ \xHH are bytes.`

// Parse reads a format. null is the text that stands for a key or a value that is not there; "" for none.
func Parse(text, null string) (*Format, error) {
	pieces, err := parsePieces(text, "ktvspoeKVSTdhH")
	if err != nil {
		return nil, fmt.Errorf("format %q: %w", text, err)
	}
	if len(pieces) == 0 {
		return nil, fmt.Errorf("format %q: it is empty: %%v\\n is the value on a line", text)
	}
	return &Format{pieces, null}, nil
}

func parsePieces(text, letters string) ([]piece, error) {
	var pieces []piece
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			pieces = append(pieces, piece{literal: literal.String()})
			literal.Reset()
		}
	}
	for text != "" {
		switch {
		case text[0] == '\\':
			b, n, err := escape(text)
			if err != nil {
				return nil, err
			}
			literal.WriteByte(b)
			text = text[n:]
		case text[0] != '%':
			literal.WriteByte(text[0])
			text = text[1:]
		case len(text) > 1 && text[1] == '%':
			literal.WriteByte('%')
			text = text[2:]
		default:
			flush()
			p, n, err := parseField(text, letters)
			if err != nil {
				return nil, err
			}
			pieces = append(pieces, p)
			text = text[n:]
		}
	}
	flush()
	return pieces, nil
}

// escape reads a backslash and what it stands for.
func escape(text string) (b byte, n int, err error) {
	if len(text) < 2 {
		return 0, 0, fmt.Errorf(`a \ stands at the end: write \\ for the character itself`)
	}
	if at := strings.IndexByte(`ntr0\e`, text[1]); at >= 0 {
		return "\n\t\r\x00\\\x1b"[at], 2, nil
	}
	if text[1] == 'x' && len(text) >= 4 {
		if v, err := strconv.ParseUint(text[2:4], 16, 8); err == nil {
			return byte(v), 4, nil
		}
	}
	return 0, 0, fmt.Errorf(`\%c is none of \n, \t, \r, \0, \e, \\ and \xHH`, text[1])
}

// parseField reads a field and the option in braces behind it.
func parseField(text, letters string) (piece, int, error) {
	if len(text) < 2 {
		return piece{}, 0, fmt.Errorf("a %% stands at the end: write %%%% for the character itself")
	}
	p, n := piece{field: text[1]}, 2
	if strings.IndexByte(letters, p.field) < 0 {
		return piece{}, 0, fmt.Errorf("%%%c is no field: there are %s", p.field, "%"+strings.Join(strings.Split(letters, ""), " %"))
	}
	option, given := "", false
	if n < len(text) && text[n] == '{' {
		end := closing(text[n:])
		if end < 0 {
			return piece{}, 0, fmt.Errorf("%%%c{ has no closing brace", p.field)
		}
		option, given = text[n+1:n+end], true
		n += end + 1
	}
	var err error
	switch p.field = canonical(p.field, given); p.field {
	case 'k', 'v':
		p.text, err = parseEncoding(option)
	case 'd':
		p.layout, err = parseLayout(option)
	case 'h':
		if given {
			p.each, err = parsePieces(option, "kvKV")
		}
	case 't':
	default:
		p.number, err = parseNumber(option)
	}
	if err != nil {
		return piece{}, 0, fmt.Errorf("%%%c: %w", text[1], err)
	}
	return p, n, nil
}

// canonical gives the one letter that a field has here: kcat has %s, %S and %T, rpk %v, %V and %d.
func canonical(letter byte, option bool) byte {
	switch {
	case letter == 's':
		return 'v'
	case letter == 'S':
		return 'V'
	case letter == 'T', letter == 't' && option:
		return 'd'
	}
	return letter
}

// closing is where the brace that opens the text is closed again.
func closing(text string) int {
	depth := 0
	for i, c := range []byte(text) {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// layouts are the names of forms of a time; others are layouts of Go's package time.
var layouts = map[string]string{"": "ms", "ms": "ms", "unix": "unix", "unixnano": "unixnano", "rfc3339": "2006-01-02T15:04:05.000Z07:00"}

func parseLayout(option string) (string, error) {
	if layout, ok := layouts[option]; ok {
		return layout, nil
	}
	if !strings.ContainsAny(option, "0123456789") {
		return "", fmt.Errorf("{%s}: neither ms, unix, unixnano, rfc3339 nor a layout like 2006-01-02 15:04:05", option)
	}
	return option, nil
}

func appendTime(dst []byte, t time.Time, layout string) []byte {
	switch layout {
	case "ms":
		return strconv.AppendInt(dst, t.UnixMilli(), 10)
	case "unix":
		return strconv.AppendInt(dst, t.Unix(), 10)
	case "unixnano":
		return strconv.AppendInt(dst, t.UnixNano(), 10)
	}
	return t.AppendFormat(dst, layout)
}

func parseTime(text, layout string) (time.Time, error) {
	unit := map[string]func(int64) time.Time{"ms": time.UnixMilli, "unix": func(s int64) time.Time { return time.Unix(s, 0) },
		"unixnano": func(n int64) time.Time { return time.Unix(0, n) }}[layout]
	if unit == nil {
		return time.Parse(layout, text)
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: not a number", text)
	}
	return unit(v), nil
}

// number is how a number is written.
type number struct {
	size  int // bytes; 0: digits
	order binary.ByteOrder
}

func parseNumber(option string) (*number, error) {
	if option == "" || option == "ascii" {
		return &number{}, nil
	}
	if option == "byte" {
		return &number{1, binary.BigEndian}, nil
	}
	for name, order := range map[string]binary.ByteOrder{"big": binary.BigEndian, "little": binary.LittleEndian} {
		if bits, err := strconv.Atoi(strings.TrimPrefix(option, name)); err == nil && strings.HasPrefix(option, name) {
			if bits == 8 || bits == 16 || bits == 32 || bits == 64 {
				return &number{bits / 8, order}, nil
			}
		}
	}
	return nil, fmt.Errorf("{%s}: none of ascii, byte, big8 to big64, little8 to little64", option)
}

// fits reports whether a number can be written and read back.
func (n *number) fits(v int64) bool {
	if n.size == 0 || n.size == 8 {
		return true
	}
	most := int64(1) << (8*n.size - 1)
	return v >= -most && v < most
}

func (n *number) append(dst []byte, v int64) []byte {
	if n.size == 0 {
		return strconv.AppendInt(dst, v, 10)
	}
	var b [8]byte
	if n.order == binary.BigEndian {
		binary.BigEndian.PutUint64(b[:], uint64(v))
		return append(dst, b[8-n.size:]...)
	}
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	return append(dst, b[:n.size]...)
}

// read gives the number in n.size bytes, with its sign.
func (n *number) read(b []byte) int64 {
	var v uint64
	for i := range b {
		c := b[i]
		if n.order == binary.LittleEndian {
			c = b[len(b)-1-i]
		}
		v = v<<8 | uint64(c)
	}
	shift := 64 - 8*len(b)
	return int64(v<<shift) >> shift
}
