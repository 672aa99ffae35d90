package stream

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lineReader reads records from lines as the console producer's reader does.
type lineReader struct {
	in    *bufio.Reader
	line  int
	topic string

	parseKey, parseHeaders, ignoreError bool
	keySeparator, delimiter             string
	separator                           *regexp.Regexp
	headerSeparator                     string
	null                                *string
}

// newLineReader reads the properties of the reader.
func newLineReader(in io.Reader, topic string, set properties) (*lineReader, error) {
	get := func(name, standard string) string {
		if v, ok := set[name]; ok {
			return v
		}
		return standard
	}
	r := &lineReader{in: bufio.NewReaderSize(in, 64<<10), topic: topic, parseKey: set.boolean("parse.key", false), parseHeaders: set.boolean("parse.headers", false),
		ignoreError: set.boolean("ignore.error", false), keySeparator: get("key.separator", "\t"), delimiter: get("headers.delimiter", "\t"),
		headerSeparator: get("headers.key.separator", ":")}
	separator := get("headers.separator", ",")
	if null, ok := set["null.marker"]; ok {
		r.null = &null
	}
	var err error
	if r.separator, err = regexp.Compile(separator); err != nil {
		r.separator = regexp.MustCompile(regexp.QuoteMeta(separator))
	}
	return r, r.distinct(separator)
}

// distinct refuses separators that cannot be told apart.
func (r *lineReader) distinct(separator string) error {
	type named struct{ name, text string }
	checks := [][2]named{
		{{"headers.delimiter", r.delimiter}, {"headers.separator", separator}},
		{{"headers.delimiter", r.delimiter}, {"headers.key.separator", r.headerSeparator}},
		{{"headers.separator", separator}, {"headers.key.separator", r.headerSeparator}},
	}
	if r.null != nil {
		null := named{"null.marker", *r.null}
		checks = append(checks, [][2]named{{null, {"key.separator", r.keySeparator}}, {null, {"headers.separator", separator}}, {null, {"headers.delimiter", r.delimiter}},
			{null, {"headers.key.separator", r.headerSeparator}}}...)
	}
	for _, c := range checks {
		if c[0].text == c[1].text {
			return kafkaException("%s and %s may not be equal", c[0].name, c[1].name)
		}
	}
	return nil
}

// readLine reads to the end of a line, which is \n, \r or both, and turns bytes that are no text into the sign for that, as Java does.
func (r *lineReader) readLine() (string, error) {
	var line []byte
	for {
		b, err := r.in.ReadByte()
		if err == io.EOF && len(line) > 0 {
			break
		}
		if err != nil {
			return "", err
		}
		if b == '\r' {
			if next, err := r.in.Peek(1); err == nil && next[0] == '\n' {
				_, _ = r.in.ReadByte() // it is there
			}
			break
		}
		if b == '\n' {
			break
		}
		if line = append(line, b); len(line) > 100<<20 {
			return "", errors.New("a line of more than 100 MiB: no record is that long")
		}
	}
	r.line++
	if !utf8.Valid(line) {
		return string([]rune(string(line))), nil
	}
	return string(line), nil
}

// next reads a record; io.EOF at the end.
func (r *lineReader) next() (*kgo.Record, error) {
	line, err := r.readLine()
	if err != nil {
		return nil, err
	}
	rec := &kgo.Record{Topic: r.topic}
	rest := line
	headers, found, err := r.part(r.parseHeaders, rest, r.delimiter, "headers delimiter", line)
	if err != nil {
		return nil, err
	}
	if found {
		rest = rest[len(headers)+len(r.delimiter):]
	}
	key, keyed, err := r.part(r.parseKey, rest, r.keySeparator, "key separator", line)
	if err != nil {
		return nil, err
	}
	if keyed {
		rest = rest[len(key)+len(r.keySeparator):]
		rec.Key = r.bytes(key)
	}
	rec.Value = r.bytes(rest)
	if found && !r.isNull(headers) {
		rec.Headers, err = r.headers(headers)
	}
	return rec, err
}

func (r *lineReader) isNull(text string) bool { return r.null != nil && text == *r.null }

func (r *lineReader) bytes(text string) []byte {
	if r.isNull(text) {
		return nil
	}
	return []byte(text)
}

// part is what stands before a separator.
func (r *lineReader) part(wanted bool, text, separator, name, line string) (part string, found bool, err error) {
	if !wanted {
		return "", false, nil
	}
	at := strings.Index(text, separator)
	if at < 0 {
		if r.ignoreError {
			return "", false, nil
		}
		return "", false, kafkaException("No %s found on line number %d: '%s'", name, r.line, line)
	}
	return text[:at], true, nil
}

func (r *lineReader) headers(text string) ([]kgo.RecordHeader, error) {
	parts := r.separator.Split(text, -1)
	for len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1] // as Java splits
	}
	var headers []kgo.RecordHeader
	for _, pair := range parts {
		name, value, ok := strings.Cut(pair, r.headerSeparator)
		switch {
		case !ok && r.ignoreError:
			headers = append(headers, kgo.RecordHeader{Key: pair})
			continue
		case !ok:
			return nil, kafkaException("No header key separator found in pair '%s' on line number %d", pair, r.line)
		case r.isNull(name):
			return nil, kafkaException("Header keys should not be equal to the null marker '%s' as they can't be null", *r.null)
		}
		headers = append(headers, kgo.RecordHeader{Key: name, Value: r.bytes(value)})
	}
	return headers, nil
}
