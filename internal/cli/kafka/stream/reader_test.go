package stream

import (
	"io"
	"strings"
	"testing"
)

// read reads all records as headers|key|value; null is ~.
func read(t *testing.T, input string, set properties) (string, error) {
	t.Helper()
	r, err := newLineReader(strings.NewReader(input), "orders", set)
	if err != nil {
		return "", err
	}
	text := func(b []byte) string {
		if b == nil {
			return "~"
		}
		return string(b)
	}
	var out []string
	for {
		rec, err := r.next()
		if err == io.EOF {
			return strings.Join(out, ";"), nil
		}
		if err != nil {
			return strings.Join(out, ";"), err
		}
		var headers []string
		for _, h := range rec.Headers {
			headers = append(headers, h.Key+"="+text(h.Value))
		}
		out = append(out, strings.Join(headers, ",")+"|"+text(rec.Key)+"|"+text(rec.Value))
	}
}

func TestLinesAreReadAsTheConsoleProducerReadsThem(t *testing.T) {
	keys := properties{"parse.key": "true"}
	headers := properties{"parse.key": "TRUE ", "parse.headers": "true", "null.marker": "NULL"}
	for _, c := range []struct {
		input     string
		set       properties
		want, err string
	}{
		{"a\nb\r\nc\rd", properties{}, "|~|a;|~|b;|~|c;|~|d", ""},
		{"a\n\nb\n", properties{}, "|~|a;|~|;|~|b", ""},
		{"k\tv\tw\n\tx\n", keys, "|k|v\tw;||x", ""},
		{"k\tv\nlost\n", keys, "|k|v", "No key separator found on line number 2: 'lost'"},
		{"lost\n", properties{"parse.key": "true", "ignore.error": "true"}, "|~|lost", ""},
		{"k:v\n", properties{"parse.key": "true", "key.separator": ":"}, "|k|v", ""},
		{"h:1,i:2\tk\tv\n", headers, "h=1,i=2|k|v", ""},
		{"NULL\tNULL\tNULL\n", headers, "|~|~", ""},
		{"h:NULL\tk\tv\n", headers, "h=~|k|v", ""},
		{"h\tk\tv\n", headers, "", "No header key separator found in pair 'h' on line number 1"},
		{"NULL:1\tk\tv\n", headers, "", "Header keys should not be equal to the null marker 'NULL' as they can't be null"},
		{"v\n", headers, "", "No headers delimiter found on line number 1: 'v'"},
		{"\xffa\n", properties{}, "|~|\ufffda", ""},
		{"a\n", properties{"headers.separator": ":"}, "", "headers.separator and headers.key.separator may not be equal"},
		{"a\n", properties{"null.marker": "\t"}, "", "null.marker and key.separator may not be equal"},
	} {
		got, err := read(t, c.input, c.set)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%q %v: %q, %v, want %q, %s", c.input, c.set, got, err, c.want, c.err)
		}
	}
}
