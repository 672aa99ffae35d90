package form

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// AppendJSON prints a record as a line of JSON. Bytes that are no text stand in base64 under key_base64 and value_base64, so that every record comes back as it was.
func AppendJSON(dst []byte, r *kgo.Record) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, r.Topic)
	dst = append(dst, `,"partition":`...)
	dst = strconv.AppendInt(dst, int64(r.Partition), 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, r.Offset, 10)
	dst = append(dst, `,"timestamp":`...)
	dst = strconv.AppendInt(dst, r.Timestamp.UnixMilli(), 10)
	dst = append(dst, ',')
	dst = appendBytes(dst, "key", r.Key)
	dst = append(dst, ',')
	dst = appendBytes(dst, "value", r.Value)
	dst = append(dst, `,"headers":[`...)
	for i, h := range r.Headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		dst = appendBytes(dst, "key", []byte(h.Key))
		dst = append(dst, ',')
		dst = appendBytes(dst, "value", h.Value)
		dst = append(dst, '}')
	}
	return append(dst, "]}\n"...)
}

func appendBytes(dst []byte, name string, b []byte) []byte {
	switch {
	case b == nil:
		return append(append(append(dst, '"'), name...), `":null`...)
	case utf8.Valid(b):
		return appendString(append(append(append(dst, '"'), name...), `":`...), string(b))
	}
	dst = append(append(append(dst, '"'), name...), `_base64":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, b), '"')
}

// appendString appends a JSON string without hiding < and > from browsers, which is not what these lines are for.
func appendString(dst []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be encoded
	return append(dst, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// line is a record in JSON as people may write it.
type line struct {
	Topic       string          `json:"topic"`
	Partition   *int32          `json:"partition"`
	Offset      json.RawMessage `json:"offset"`       // of where it was read; not used
	LeaderEpoch json.RawMessage `json:"leader_epoch"` // the same
	Timestamp   json.RawMessage `json:"timestamp"`
	Headers     json.RawMessage `json:"headers"`
	pair
}

// pair is a key and a value, each as text, as any JSON, or in base64.
type pair struct {
	Key         json.RawMessage `json:"key"`
	KeyBase64   *string         `json:"key_base64"`
	Value       json.RawMessage `json:"value"`
	ValueBase64 *string         `json:"value_base64"`
}

// ParseJSON reads a record from one JSON object. Strings stand for their text, null for nothing, and every other value for its JSON.
func ParseJSON(text []byte) (*kgo.Record, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var l line
	if err := d.Decode(&l); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, errors.New("the JSON object is not complete")
		}
		return nil, err
	}
	if d.More() {
		return nil, errors.New("something follows the JSON object: one on a line")
	}
	if l.Value == nil && l.ValueBase64 == nil {
		return nil, errors.New(`no value: "value": null is a tombstone`)
	}
	r := &kgo.Record{Topic: l.Topic, Partition: -1}
	if l.Partition != nil {
		if r.Partition = *l.Partition; r.Partition < -1 {
			return nil, fmt.Errorf("partition %d: there is none below 0", r.Partition)
		}
	}
	var err error
	if r.Key, r.Value, err = l.bytes(); err != nil {
		return nil, err
	}
	if r.Timestamp, err = jsonTime(l.Timestamp); err != nil {
		return nil, err
	}
	r.Headers, err = jsonHeaders(l.Headers)
	return r, err
}

func (p *pair) bytes() (key, value []byte, err error) {
	if key, err = jsonBytes("key", p.Key, p.KeyBase64); err == nil {
		value, err = jsonBytes("value", p.Value, p.ValueBase64)
	}
	return key, value, err
}

func jsonBytes(name string, raw json.RawMessage, inBase64 *string) ([]byte, error) {
	switch {
	case inBase64 != nil && raw != nil:
		return nil, fmt.Errorf("%s and %s_base64: one of them", name, name)
	case inBase64 != nil:
		b, err := base64.StdEncoding.AppendDecode([]byte{}, []byte(*inBase64))
		if err != nil {
			return nil, fmt.Errorf("%s_base64: %w", name, err)
		}
		return b, nil
	case raw == nil || string(raw) == "null":
		return nil, nil
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return []byte(s), err
	}
	var out bytes.Buffer
	err := json.Compact(&out, raw)
	return out.Bytes(), err
}

// jsonTime is a time in milliseconds, or as RFC 3339 has it.
func jsonTime(raw json.RawMessage) (time.Time, error) {
	if raw == nil || string(raw) == "null" {
		return time.Time{}, nil
	}
	if raw[0] == '"' {
		var t time.Time
		if err := json.Unmarshal(raw, &t); err != nil {
			return t, fmt.Errorf("timestamp %s: neither milliseconds nor RFC 3339", raw)
		}
		return t, nil
	}
	ms, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("timestamp %s: neither milliseconds nor RFC 3339", raw)
	}
	return time.UnixMilli(ms), nil
}

// jsonHeaders are [{"key":"a","value":"1"}, ...] in their order, or {"a":"1", ...} in that of the text.
func jsonHeaders(raw json.RawMessage) ([]kgo.RecordHeader, error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] == '{' {
		return headerObject(raw)
	}
	var list []pair
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	var headers []kgo.RecordHeader
	for i := range list {
		key, value, err := list[i].bytes()
		if err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		if key == nil {
			return nil, fmt.Errorf("headers: header %d has no key", i+1)
		}
		headers = append(headers, kgo.RecordHeader{Key: string(key), Value: value})
	}
	return headers, nil
}

func headerObject(raw json.RawMessage) ([]kgo.RecordHeader, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	var headers []kgo.RecordHeader
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		value, err := jsonBytes("value", v, nil)
		if err != nil {
			return nil, fmt.Errorf("headers: %v: %w", name, err)
		}
		headers = append(headers, kgo.RecordHeader{Key: fmt.Sprint(name), Value: value})
	}
	return headers, nil
}
