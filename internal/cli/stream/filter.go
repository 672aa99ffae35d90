package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// filter is a condition on a record.
type filter func(*kgo.Record) bool

// filterFlags are the conditions of the command line; all of them must hold.
type filterFlags struct {
	key, value      string
	headers, fields []string
}

func (f *filterFlags) empty() bool {
	return f.key == "" && f.value == "" && len(f.headers) == 0 && len(f.fields) == 0
}

// filter puts the conditions together.
func (f *filterFlags) filter() (filter, error) {
	var all []filter
	for _, m := range []struct {
		flag, text string
		of         func(*kgo.Record) []byte
	}{{"key-matches", f.key, func(r *kgo.Record) []byte { return r.Key }}, {"value-matches", f.value, func(r *kgo.Record) []byte { return r.Value }}} {
		if m.text == "" {
			continue
		}
		re, err := regexp.Compile(m.text)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", m.flag, err)
		}
		all = append(all, func(r *kgo.Record) bool { return m.of(r) != nil && re.Match(m.of(r)) })
	}
	for _, text := range f.headers {
		all = append(all, headerFilter(text))
	}
	for _, text := range f.fields {
		test, err := fieldFilter(text)
		if err != nil {
			return nil, fmt.Errorf("--field %s: %w", text, err)
		}
		all = append(all, test)
	}
	return func(r *kgo.Record) bool {
		for _, test := range all {
			if !test(r) {
				return false
			}
		}
		return true
	}, nil
}

// headerFilter is NAME=VALUE, or NAME for any value.
func headerFilter(text string) filter {
	name, value, valued := strings.Cut(text, "=")
	return func(r *kgo.Record) bool {
		for _, h := range r.Headers {
			if h.Key == name && (!valued || string(h.Value) == value) {
				return true
			}
		}
		return false
	}
}

// comparison is an operator of a field test, the longer ones first.
var comparisons = []string{"!=", "<=", ">=", "=", "<", ">", "~"}

// fieldFilter is a test of one field of a JSON value: a.b.0=text; != < <= > >= and ~ (a regular expression) too, and a name alone for a field that is there.
func fieldFilter(text string) (filter, error) {
	path, op, want := text, "", ""
	if at := strings.IndexAny(text, "!<>=~"); at >= 0 {
		for _, c := range comparisons {
			if strings.HasPrefix(text[at:], c) {
				path, op, want = text[:at], c, text[at+len(c):]
				break
			}
		}
	}
	if path == "" {
		return nil, fmt.Errorf("it names no field: write a.b=text")
	}
	var re *regexp.Regexp
	if op == "~" {
		var err error
		if re, err = regexp.Compile(want); err != nil {
			return nil, err
		}
	}
	names := strings.Split(path, ".")
	return func(r *kgo.Record) bool {
		got, ok := field(r.Value, names)
		if !ok || op == "" {
			return ok
		}
		if re != nil {
			return re.MatchString(got)
		}
		return compare(got, op, want)
	}, nil
}

// field is the text of a field: that of a string, else its JSON.
func field(value []byte, names []string) (string, bool) {
	raw := json.RawMessage(value)
	for _, name := range names {
		var next json.RawMessage
		switch trimmed := bytes.TrimSpace(raw); {
		case len(trimmed) > 0 && trimmed[0] == '{':
			var object map[string]json.RawMessage
			if json.Unmarshal(trimmed, &object) != nil {
				return "", false
			}
			next = object[name]
		case len(trimmed) > 0 && trimmed[0] == '[':
			var list []json.RawMessage
			i, err := strconv.Atoi(name)
			if err != nil || json.Unmarshal(trimmed, &list) != nil || i < 0 || i >= len(list) {
				return "", false
			}
			next = list[i]
		}
		if next == nil {
			return "", false
		}
		raw = next
	}
	var s string
	if json.Unmarshal(raw, &s) == nil && raw[0] == '"' {
		return s, true
	}
	return string(raw), true
}

// compare compares as numbers if both are, else as text.
func compare(got, op, want string) bool {
	order := strings.Compare(got, want)
	a, errA := strconv.ParseFloat(got, 64)
	b, errB := strconv.ParseFloat(want, 64)
	if errA == nil && errB == nil {
		switch {
		case a < b:
			order = -1
		case a > b:
			order = 1
		default:
			order = 0
		}
	}
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}
