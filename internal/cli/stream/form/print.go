package form

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Append prints a record.
func (f *Format) Append(dst []byte, r *kgo.Record) ([]byte, error) {
	var err error
	for i := range f.pieces {
		if dst, err = f.piece(dst, &f.pieces[i], r); err != nil {
			return dst, fmt.Errorf("%s partition %d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
	}
	return dst, nil
}

func (f *Format) piece(dst []byte, p *piece, r *kgo.Record) ([]byte, error) {
	switch p.field {
	case 0:
		return append(dst, p.literal...), nil
	case 'k':
		return f.bytes(dst, "key", p, r.Key)
	case 'v':
		return f.bytes(dst, "value", p, r.Value)
	case 't':
		return append(dst, r.Topic...), nil
	case 'd':
		return appendTime(dst, r.Timestamp, p.layout), nil
	case 'h':
		return f.headers(dst, p, r.Headers)
	}
	return f.number(dst, p, f.numberOf(p.field, f.pieces, r.Key, r.Value, r))
}

func (f *Format) number(dst []byte, p *piece, v int64) ([]byte, error) {
	if !p.number.fits(v) {
		return dst, fmt.Errorf("%%%c is %d, which does not fit in %d bits", p.field, v, 8*p.number.size)
	}
	return p.number.append(dst, v), nil
}

// numberOf is the number that a field stands for. A length is that of what the format writes, encoded.
func (f *Format) numberOf(field byte, pieces []piece, key, value []byte, r *kgo.Record) int64 {
	switch field {
	case 'K':
		return f.lengthOf('k', pieces, key)
	case 'V':
		return f.lengthOf('v', pieces, value)
	case 'p':
		return int64(r.Partition)
	case 'o':
		return r.Offset
	case 'e':
		return int64(r.LeaderEpoch)
	}
	return int64(len(r.Headers))
}

func (f *Format) lengthOf(field byte, pieces []piece, b []byte) int64 {
	if b == nil {
		return -1
	}
	for i := range pieces {
		if pieces[i].field == field {
			return pieces[i].text.length(b)
		}
	}
	return int64(len(b))
}

// bytes prints a key or a value. A null is nothing, or the text that stands for it; where a length goes before, that says it already.
func (f *Format) bytes(dst []byte, what string, p *piece, b []byte) ([]byte, error) {
	if b == nil {
		if f.hasLength(p.field) {
			return dst, nil
		}
		return append(dst, f.null...), nil
	}
	dst, err := p.text.append(dst, b)
	if err != nil {
		return dst, fmt.Errorf("%s: %w", what, err)
	}
	return dst, nil
}

// hasLength reports whether the length of a field goes before it.
func (f *Format) hasLength(field byte) bool {
	for i := range f.pieces {
		switch f.pieces[i].field {
		case field - 'a' + 'A':
			return true
		case field:
			return false
		}
	}
	return false
}

// headers prints the headers: each by its own pieces, or all as a=1,b=2 where a header without a value has no equals sign.
func (f *Format) headers(dst []byte, p *piece, headers []kgo.RecordHeader) ([]byte, error) {
	if p.each == nil {
		for i, h := range headers {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, escapeHeader.Replace(h.Key)...)
			if h.Value != nil {
				dst = append(dst, '=')
				dst = append(dst, escapeHeader.Replace(string(h.Value))...)
			}
		}
		return dst, nil
	}
	one := &Format{pieces: p.each, null: f.null}
	for _, h := range headers {
		var err error
		r := kgo.Record{Key: []byte(h.Key), Value: h.Value}
		for i := range p.each {
			if dst, err = one.piece(dst, &p.each[i], &r); err != nil {
				return dst, fmt.Errorf("header %s: %w", h.Key, err)
			}
		}
	}
	return dst, nil
}

// escapeHeader keeps a=1,b=2 readable back whatever stands in names and values.
var escapeHeader = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `=`, `\=`)
