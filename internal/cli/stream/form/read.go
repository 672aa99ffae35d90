package form

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// MaxRecord bounds one record of the input: no broker takes a larger request unless it is told to.
const MaxRecord = 100 << 20

// Reader reads records from text.
type Reader struct {
	in   *bufio.Reader
	next func() (*kgo.Record, error)

	Line int // where the record began that was read last, from 1
	line int // where the input is
}

// NewJSONReader reads JSON objects, one on each line; empty lines are skipped.
func NewJSONReader(in io.Reader) *Reader {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10), line: 1}
	r.next = func() (*kgo.Record, error) {
		for {
			r.Line = r.line
			text, err := r.until([]byte("\n"))
			if err != nil {
				return nil, err
			}
			if len(bytes.TrimSpace(text)) > 0 {
				return ParseJSON(text)
			}
		}
	}
	return r
}

// NewReader reads records by a format. A format that ends in a field goes on to the end of the line.
func NewReader(in io.Reader, f *Format) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10), line: 1}
	p, err := newScheme(f)
	if err != nil {
		return nil, err
	}
	r.next = func() (*kgo.Record, error) {
		if r.Line = r.line; p.end == "" {
			return p.stream(r)
		}
		text, err := r.until([]byte(p.end))
		if err != nil {
			return nil, err
		}
		return p.cut(text)
	}
	return r, nil
}

// Next reads a record; its partition is -1 and its time zero where the text does not tell. At the end of the input it returns io.EOF; every other error names the line.
func (r *Reader) Next() (*kgo.Record, error) {
	rec, err := r.next()
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("line %d: %w", r.Line, err)
	}
	return rec, err
}

// until reads to the end of a piece of text, which the end of the input is, too, if something stands before it.
func (r *Reader) until(end []byte) ([]byte, error) {
	var all []byte
	for {
		part, err := r.in.ReadSlice(end[len(end)-1])
		all = append(all, part...)
		r.line += bytes.Count(part, []byte("\n"))
		switch {
		case len(all) > MaxRecord:
			return nil, fmt.Errorf("more than %d MiB without %q: no record is that long", MaxRecord>>20, end)
		case err == nil && bytes.HasSuffix(all, end):
			return all[:len(all)-len(end)], nil
		case err == io.EOF && len(all) > 0:
			return all, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// take reads n bytes. It grows with what comes, not with what was promised.
func (r *Reader) take(n int64) ([]byte, error) {
	if n > MaxRecord {
		return nil, fmt.Errorf("a length of %d: no record is longer than %d MiB", n, MaxRecord>>20)
	}
	b, err := io.ReadAll(io.LimitReader(r.in, n))
	r.line += bytes.Count(b, []byte("\n"))
	if err == nil && int64(len(b)) < n {
		err = fmt.Errorf("the input ends in the middle of a record: %d of %d bytes: %w", len(b), n, io.ErrUnexpectedEOF)
	}
	return b, err
}

// scheme is a format as it is read: either everything up to an end that can only be the record's, cut at the text between the fields; or piece after piece.
type scheme struct {
	*Format
	end    string // "": piece after piece
	pieces []piece
}

func newScheme(f *Format) (*scheme, error) {
	s := &scheme{Format: f, pieces: slices.Clone(f.pieces)}
	if last := s.pieces[len(s.pieces)-1]; last.field != 0 && !s.sized(len(s.pieces)-1) {
		s.pieces = append(s.pieces, piece{literal: "\n"})
	}
	counted := false
	for i := range s.pieces {
		p := &s.pieces[i]
		if p.field == 'o' || p.field == 'e' {
			return nil, fmt.Errorf("%%%c: the broker decides it: leave it out of what is read", p.field)
		}
		counted = counted || p.field == 'H'
		if p.each != nil && !counted {
			return nil, errors.New("%h{...}: how many headers there are must go before: %H")
		}
		if p.field != 0 && !s.sized(i) && i+1 < len(s.pieces) && s.pieces[i+1].field != 0 && p.each == nil {
			return nil, fmt.Errorf("%%%c%%%c: where does the first end: put text between them, or a length before it", p.field, s.pieces[i+1].field)
		}
		if p.each != nil {
			if _, err := newScheme(&Format{pieces: p.each}); err != nil {
				return nil, fmt.Errorf("%%h{...}: %w", err)
			}
			last := len(p.each) - 1
			if p.each[last].field != 0 && !(&scheme{pieces: p.each}).sized(last) {
				return nil, errors.New("%h{...}: where does a header end: put text at its end")
			}
		}
	}
	if last := s.pieces[len(s.pieces)-1]; last.field == 0 && !s.anySized() {
		s.end, s.pieces = last.literal, s.pieces[:len(s.pieces)-1]
	}
	return s, nil
}

// sized reports whether a field says by itself or by a length before it where it ends.
func (s *scheme) sized(i int) bool {
	p := &s.pieces[i]
	switch p.field {
	case 'k', 'v':
		return slices.ContainsFunc(s.pieces[:i], func(q piece) bool { return q.field == p.field-'a'+'A' })
	case 'h':
		return p.each != nil
	}
	return p.number != nil && p.number.size > 0
}

func (s *scheme) anySized() bool {
	for i := range s.pieces {
		if s.pieces[i].field != 0 && s.sized(i) {
			return true
		}
	}
	return false
}

// cut divides the text of one record: each field ends where the text after it first occurs, the last one at the end.
func (s *scheme) cut(text []byte) (*kgo.Record, error) {
	rec := &kgo.Record{Partition: -1}
	st := state{}
	for i := 0; i < len(s.pieces); i++ {
		p := &s.pieces[i]
		if p.field == 0 {
			rest, ok := bytes.CutPrefix(text, []byte(p.literal))
			if !ok {
				return nil, fmt.Errorf("no %q", p.literal)
			}
			text = rest
			continue
		}
		part := text
		if i+1 < len(s.pieces) {
			at := bytes.Index(text, []byte(s.pieces[i+1].literal))
			if at < 0 {
				return nil, fmt.Errorf("no %q after %s", s.pieces[i+1].literal, nameOf(p.field))
			}
			part = text[:at]
		}
		text = text[len(part):]
		if err := s.set(rec, p, part, &st); err != nil {
			return nil, err
		}
	}
	if len(text) > 0 {
		return nil, fmt.Errorf("%q is too much", text)
	}
	return rec, nil
}

// state is what the numbers before a field said about it.
type state struct {
	key, value int64
	count      int64
}

// stream reads a record piece after piece.
func (s *scheme) stream(r *Reader) (*kgo.Record, error) {
	if _, err := r.in.Peek(1); err != nil {
		return nil, err // io.EOF where a record would begin is the end
	}
	rec, st := &kgo.Record{Partition: -1}, state{}
	if err := s.fields(r, rec, &st); err != nil {
		if err == io.EOF {
			err = fmt.Errorf("the input ends in the middle of a record: %w", io.ErrUnexpectedEOF)
		}
		return nil, err
	}
	return rec, nil
}

func (s *scheme) fields(r *Reader, rec *kgo.Record, st *state) error {
	for i := range s.pieces {
		p := &s.pieces[i]
		var err error
		switch {
		case p.field == 0:
			err = r.literal(p.literal, i == len(s.pieces)-1)
		case p.field == 'k' && s.sized(i):
			rec.Key, err = r.sized(p, st.key)
		case p.field == 'v' && s.sized(i):
			rec.Value, err = r.sized(p, st.value)
		case p.each != nil:
			rec.Headers, err = s.headers(r, p, st.count)
		case p.number != nil:
			err = s.readNumber(r, rec, p, st)
		default:
			var text []byte
			if text, err = r.before(s.pieces[i+1].literal); err == nil {
				err = s.set(rec, p, text, st)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// literal reads text that must be there; at the very end of the input the one that ends a record may be missing.
func (r *Reader) literal(want string, last bool) error {
	got, err := r.in.Peek(len(want))
	if err == io.EOF && len(got) == 0 && last {
		return nil
	}
	if string(got) != want {
		if err == io.EOF {
			return err
		}
		return fmt.Errorf("%q stands where %q should", got, want)
	}
	_, err = r.take(int64(len(want)))
	return err
}

// before reads up to a text, which stays.
func (r *Reader) before(end string) ([]byte, error) {
	var all []byte
	for {
		if next, _ := r.in.Peek(len(end)); string(next) == end {
			return all, nil
		}
		b, err := r.in.ReadByte()
		if err == io.EOF && len(all) > 0 && end == "\n" {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if b == '\n' {
			r.line++
		}
		if all = append(all, b); len(all) > MaxRecord {
			return nil, fmt.Errorf("more than %d MiB without %q: no record is that long", MaxRecord>>20, end)
		}
	}
}

// sized reads what has a length; a negative one is that of null.
func (r *Reader) sized(p *piece, length int64) ([]byte, error) {
	if length < 0 {
		return nil, nil
	}
	b, err := r.take(length)
	if err != nil {
		return nil, err
	}
	if b, err = p.text.decode(b); err != nil {
		return nil, fmt.Errorf("%s: %w", nameOf(p.field), err)
	}
	return b, nil
}

// readNumber reads a number: its bytes, or digits as far as they go.
func (s *scheme) readNumber(r *Reader, rec *kgo.Record, p *piece, st *state) error {
	if p.number.size > 0 {
		b, err := r.take(int64(p.number.size))
		if err != nil {
			return err
		}
		return setNumber(rec, p.field, p.number.read(b), st)
	}
	var digits []byte
	for len(digits) < 20 {
		b, err := r.in.Peek(1)
		if err != nil || (b[0] < '0' || b[0] > '9') && (b[0] != '-' || len(digits) > 0) {
			break
		}
		digits = append(digits, b[0])
		_, _ = r.in.ReadByte() // it was there
	}
	return s.set(rec, p, digits, st)
}

func (s *scheme) headers(r *Reader, p *piece, count int64) ([]kgo.RecordHeader, error) {
	var headers []kgo.RecordHeader
	one, err := newScheme(&Format{pieces: p.each, null: s.null})
	if err != nil {
		return nil, err
	}
	one.pieces = p.each // with the text at its end
	for range count {
		h := kgo.Record{}
		if err := one.fields(r, &h, &state{}); err != nil {
			return nil, err
		}
		headers = append(headers, kgo.RecordHeader{Key: string(h.Key), Value: h.Value})
	}
	return headers, nil
}

// set takes a field's text into the record.
func (s *scheme) set(rec *kgo.Record, p *piece, text []byte, st *state) error {
	var err error
	switch p.field {
	case 'k':
		rec.Key, err = s.bytes(p, text)
	case 'v':
		rec.Value, err = s.bytes(p, text)
	case 't':
		rec.Topic = string(text)
	case 'd':
		rec.Timestamp, err = parseTime(string(text), p.layout)
	case 'h':
		rec.Headers, err = ParseHeaders(string(text))
	default:
		var v int64
		if v, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			return fmt.Errorf("%s %q: not a number", nameOf(p.field), text)
		}
		return setNumber(rec, p.field, v, st)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", nameOf(p.field), err)
	}
	return nil
}

func (s *scheme) bytes(p *piece, text []byte) ([]byte, error) {
	if s.null != "" && string(text) == s.null {
		return nil, nil
	}
	return p.text.decode(text)
}

func setNumber(rec *kgo.Record, field byte, v int64, st *state) error {
	switch field {
	case 'K':
		st.key = v
	case 'V':
		st.value = v
	case 'H':
		if v < 0 || v > 1<<20 {
			return fmt.Errorf("%d headers: no record has so many", v)
		}
		st.count = v
	case 'p':
		if v < -1 || v > 1<<31-1 {
			return fmt.Errorf("partition %d: there is none", v)
		}
		rec.Partition = int32(v)
	}
	return nil
}

func nameOf(field byte) string {
	return map[byte]string{'k': "the key", 'v': "the value", 't': "the topic", 'd': "the time", 'h': "the headers", 'H': "the number of headers", 'p': "the partition",
		'K': "the length of the key", 'V': "the length of the value"}[field]
}

// ParseHeaders reads a=1,b=2; a name without an equals sign has no value, and \ takes the meaning from a comma, an equals sign and itself.
func ParseHeaders(text string) ([]kgo.RecordHeader, error) {
	var headers []kgo.RecordHeader
	if text == "" {
		return nil, nil
	}
	var name, part strings.Builder
	valued := false
	end := func() {
		if valued {
			headers = append(headers, kgo.RecordHeader{Key: name.String(), Value: []byte(part.String())})
		} else {
			headers = append(headers, kgo.RecordHeader{Key: part.String()})
		}
		name.Reset()
		part.Reset()
		valued = false
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			part.WriteByte(text[i])
		case c == '\\':
			return nil, fmt.Errorf(`%q ends in a \`, text)
		case c == ',':
			end()
		case c == '=' && !valued:
			name.WriteString(part.String())
			part.Reset()
			valued = true
		default:
			part.WriteByte(c)
		}
	}
	end()
	return headers, nil
}

// One reads a text that is one record by itself, without the end of a line.
func (f *Format) One(text string) (*kgo.Record, error) {
	s, err := newScheme(f)
	if err != nil {
		return nil, err
	}
	if s.end != "" {
		return s.cut([]byte(text))
	}
	r, err := NewReader(strings.NewReader(text), f)
	if err != nil {
		return nil, err
	}
	rec, err := r.next()
	if err == nil {
		if _, more := r.in.Peek(1); more == nil {
			return nil, fmt.Errorf("%q: something follows the record", text)
		}
	}
	return rec, err
}
