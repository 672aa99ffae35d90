package form

import (
	"bytes"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/present/fill"
)

// Template prints records by a template. What it has of a record: Topic, Partition, Offset, LeaderEpoch, Time (RFC 3339), Timestamp (milliseconds), Key and
// Value (empty where the record has none; HasKey and HasValue tell), Headers (a list of Key and Value), and Header, the value of the last header of each name, which
// is the one that counts.
type Template struct{ t *fill.Template }

// ParseTemplate reads a template.
func ParseTemplate(text string) (*Template, error) {
	t, err := fill.Parse(text, fill.Strict())
	if err != nil {
		return nil, err
	}
	if err := t.Execute(&bytes.Buffer{}, view(&kgo.Record{})); err != nil { // a name that there is not is found before the first record
		return nil, err
	}
	return &Template{t}, nil
}

// view is a record as a template sees it.
func view(r *kgo.Record) map[string]any {
	headers, last := make([]any, 0, len(r.Headers)), map[string]any{}
	for _, h := range r.Headers {
		headers = append(headers, map[string]any{"Key": h.Key, "Value": string(h.Value)})
		last[h.Key] = string(h.Value)
	}
	return map[string]any{"Topic": r.Topic, "Partition": r.Partition, "Offset": r.Offset, "LeaderEpoch": r.LeaderEpoch, "Time": r.Timestamp.Format(time.RFC3339Nano),
		"Timestamp": r.Timestamp.UnixMilli(), "Key": string(r.Key), "Value": string(r.Value), "HasKey": r.Key != nil, "HasValue": r.Value != nil,
		"Headers": headers, "Header": fill.Open(last)}
}

// Append prints a record and the end of the line.
func (t *Template) Append(dst []byte, r *kgo.Record) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	if err := t.t.Execute(out, view(r)); err != nil {
		return dst, fmt.Errorf("%s partition %d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
