package wire

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

//go:embed schema.txt
var schemaText string

// kind is the type of a field, or of the elements of an array.
type kind uint8

const (
	kindBool kind = iota
	kindInt8
	kindInt16
	kindUint16
	kindInt32
	kindInt64
	kindFloat64
	kindUUID
	kindString
	kindBytes // records, too
	kindStruct
)

var kindsByName = map[string]kind{
	"boolean": kindBool, "int8": kindInt8, "int16": kindInt16, "uint16": kindUint16, "int32": kindInt32, "int64": kindInt64,
	"float64": kindFloat64, "uuid": kindUUID, "string": kindString, "bytes": kindBytes, "records": kindBytes, "struct": kindStruct,
}

// fixedSize is the length of a kind on the wire, 0 if it varies.
var fixedSize = [...]int{
	kindBool: 1, kindInt8: 1, kindInt16: 2, kindUint16: 2, kindInt32: 4, kindInt64: 8, kindFloat64: 8, kindUUID: 16,
	kindString: 0, kindBytes: 0, kindStruct: 0,
}

// field is one field of a message or struct in one version.
type field struct {
	name            string
	kind            kind
	array, nullable bool
	tag             int // -1: not tagged
	sub             *layout
}

// layout is the fields of a message or struct in one version.
type layout struct {
	flexible bool
	fields   []field // without tags, in order
	tagged   []field
	// foreignTags are the tags that other versions of the message know here. Kafka refuses them, and kmsg would decode them
	// unchecked; all other unknown tags are passed over.
	foreignTags []int
	hasBytes    bool // bytes or records are somewhere inside
}

// message is all versions of a request or response, parsed when first needed.
type message struct {
	text     string
	once     sync.Once
	versions []*layout // by version; nil: none
}

// direction tells requests from responses.
type direction uint8

const (
	request direction = iota
	response
)

var messages = sync.OnceValue(indexSchema)

// indexSchema finds the text of each message without parsing it.
func indexSchema() *[2][len(apis)]message {
	all := new([2][len(apis)]message)
	for _, section := range strings.Split(schemaText, "\n== ")[1:] {
		head, body, _ := strings.Cut(section, "\n")
		name, number, _ := strings.Cut(head, " key=")
		key, err := strconv.Atoi(number)
		if err != nil || key >= len(apis) {
			panic("schema.txt: bad section " + head)
		}
		d := request
		if strings.HasSuffix(name, "Response") {
			d = response
		}
		all[d][key].text = body
	}
	return all
}

// layoutOf returns the layout of a message, or nil if Kafka 4.4 has no such version.
func layoutOf(d direction, key, version int16) *layout {
	if key < 0 || int(key) >= len(apis) || version < 0 {
		return nil
	}
	m := &messages()[d][key]
	m.once.Do(func() { m.versions = parseVersions(m.text) })
	if int(version) >= len(m.versions) {
		return nil
	}
	return m.versions[version]
}

// parseVersions reads the versions of one message. schema.txt is ours, so a line that does not parse is a bug.
func parseVersions(text string) []*layout {
	p := schemaParser{lines: strings.Split(strings.TrimRight(text, "\n"), "\n")}
	var versions []*layout
	for p.next < len(p.lines) && p.lines[p.next] != "" {
		first, last, flexible := p.versionLine()
		l := p.layout(2, flexible)
		for len(versions) <= last {
			versions = append(versions, nil)
		}
		for v := first; v <= last; v++ {
			versions[v] = l
		}
	}
	tags := map[string][]int{}
	for _, l := range versions {
		l.collectTags("", tags)
	}
	for _, l := range versions {
		l.markForeignTags("", tags)
	}
	return versions
}

type schemaParser struct {
	lines []string
	next  int
}

// versionLine reads "v3-8" or "v9 flexible".
func (p *schemaParser) versionLine() (first, last int, flexible bool) {
	span, mark, _ := strings.Cut(p.lines[p.next], " ")
	from, to, isSpan := strings.Cut(strings.TrimPrefix(span, "v"), "-")
	if !isSpan {
		to = from
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil {
		panic("schema.txt: bad version line " + p.lines[p.next])
	}
	p.next++
	return first, last, mark == "flexible"
}

// layout reads the lines that are indented by indent.
func (p *schemaParser) layout(indent int, flexible bool) *layout {
	l := &layout{flexible: flexible}
	for p.next < len(p.lines) {
		line := p.lines[p.next]
		text := strings.TrimLeft(line, " ")
		if len(line)-len(text) != indent || text == "" {
			break
		}
		p.next++
		f := parseField(text)
		if f.kind == kindStruct {
			f.sub = p.layout(indent+2, flexible)
			l.hasBytes = l.hasBytes || f.sub.hasBytes
		}
		l.hasBytes = l.hasBytes || f.kind == kindBytes
		if f.tag >= 0 {
			l.tagged = append(l.tagged, f)
		} else {
			l.fields = append(l.fields, f)
		}
	}
	return l
}

// parseField reads "name: ?[]type tag=N".
func parseField(text string) field {
	name, rest, _ := strings.Cut(text, ": ")
	rest, tag, isTagged := strings.Cut(rest, " tag=")
	f := field{name: name, tag: -1}
	if isTagged {
		n, err := strconv.Atoi(tag)
		if err != nil {
			panic("schema.txt: bad tag: " + text)
		}
		f.tag = n
	}
	rest, f.nullable = strings.CutPrefix(rest, "?")
	rest, f.array = strings.CutPrefix(rest, "[]")
	k, ok := kindsByName[rest]
	if !ok {
		panic("schema.txt: unknown type: " + text)
	}
	f.kind = k
	return f
}

// collectTags notes under the path of each struct which tags it has in this version.
func (l *layout) collectTags(path string, tags map[string][]int) {
	if l == nil {
		return
	}
	for _, f := range l.tagged {
		tags[path] = append(tags[path], f.tag)
	}
	for _, list := range [][]field{l.fields, l.tagged} {
		for _, f := range list {
			f.sub.collectTags(path+"/"+f.name, tags)
		}
	}
}

func (l *layout) markForeignTags(path string, tags map[string][]int) {
	if l == nil || l.foreignTags != nil {
		return
	}
	l.foreignTags = []int{}
	for _, tag := range tags[path] {
		if l.taggedField(uint32(tag)) == nil {
			l.foreignTags = append(l.foreignTags, tag)
		}
	}
	for _, list := range [][]field{l.fields, l.tagged} {
		for _, f := range list {
			f.sub.markForeignTags(path+"/"+f.name, tags)
		}
	}
}

func (l *layout) taggedField(tag uint32) *field {
	for i := range l.tagged {
		if uint32(l.tagged[i].tag) == tag {
			return &l.tagged[i]
		}
	}
	return nil
}

func (l *layout) refuses(tag uint32) bool {
	for _, t := range l.foreignTags {
		if uint32(t) == tag {
			return true
		}
	}
	return false
}

// name is how errors call a message: "Metadata v12".
func messageName(key, version int16) string {
	if api, ok := Lookup(key); ok {
		return fmt.Sprintf("%s v%d", api.Name, version)
	}
	return fmt.Sprintf("api key %d v%d", key, version)
}

var elementSizes [2][len(apis)]atomic.Int32
