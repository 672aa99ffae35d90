package schema

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed records.txt
var recordsText string

// A field exists in versions [first, last].
type field struct {
	name        string
	kind        string // of one element, if it is an array: int32, string, struct, ...
	array       bool
	nullable    bool
	first, last int16
	tag         int    // -1: not tagged
	standard    string // of a tagged field: the value that is left out
	fields      []*field
}

// message is the layout of one kind of record.
type message struct {
	name        string
	first, last int16
	flexible    int16 // from this version on; none if negative
	fields      []*field
}

// kind names a message: the log it stands in, "key" or "value", and its number there.
type kind struct {
	family, part string
	number       int32
}

// tables are the messages of records.txt.
var tables = sync.OnceValue(func() map[kind]*message {
	all := make(map[kind]*message)
	var stack []*[]*field // by depth: where the next field goes
	for line := range strings.Lines(recordsText) {
		line = strings.TrimRight(line, "\n")
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" || strings.HasPrefix(line, "#") {
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth == 0 {
			number, m := parseMessage(words)
			all[kind{words[0], words[1], number}] = m
			stack = []*[]*field{&m.fields}
			continue
		}
		f := parseField(words)
		*stack[depth-1] = append(*stack[depth-1], f)
		stack = append(stack[:depth:depth], &f.fields)
	}
	return all
})

// must stops the program: the table is part of it, and a test reads all of it.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("bug: records.txt: %v", err))
	}
	return v
}

// parseMessage reads family, part, number, name, "versions", a range, and maybe "flexible" and where that begins.
func parseMessage(words []string) (int32, *message) {
	m := &message{name: words[3], flexible: -1}
	m.first, m.last = parseRange(words[5])
	if len(words) > 7 && words[6] == "flexible" {
		m.flexible, _ = parseRange(words[7])
	}
	return int32(must(strconv.Atoi(words[2]))), m
}

func parseRange(text string) (first, last int16) {
	from, to, _ := strings.Cut(strings.TrimSuffix(text, "+"), "-")
	first, last = int16(must(strconv.Atoi(from))), 1<<15-1
	if to != "" {
		last = int16(must(strconv.Atoi(to)))
	}
	return first, last
}

func parseField(words []string) *field {
	f := &field{name: words[0], last: 1<<15 - 1, tag: -1}
	var rest string
	rest, f.nullable = strings.CutPrefix(words[1], "?")
	f.kind, f.array = strings.CutPrefix(rest, "[]")
	for i := 2; i+1 < len(words); i += 2 {
		switch words[i] {
		case "versions":
			f.first, f.last = parseRange(words[i+1])
		case "tag":
			f.tag = must(strconv.Atoi(words[i+1]))
		case "default":
			f.standard = words[i+1]
		}
	}
	return f
}
