package otlp

import "time"

// Span is one thing that took time, within a trace.
type Span struct {
	Trace      [16]byte
	ID, Parent [8]byte // Parent zero: it is the first
	Name       string
	Begin, End time.Time
	Attributes []Attribute
	OfARequest bool // from outside, and not a part of one
	Links      []Context
}

// Context is a place in a trace.
type Context struct {
	Trace [16]byte
	Span  [8]byte
}

// Spans forms an ExportTraceServiceRequest of spans of one resource.
func Spans(spans []Span, resource ...Attribute) []byte {
	var list []byte
	for i := range spans {
		list = appendBytes(list, 2, appendSpan(nil, &spans[i]))
	}
	var attributes []byte
	for _, a := range resource {
		attributes = appendAttribute(attributes, 1, a)
	}
	scope := appendBytes(nil, 1, appendText(nil, 1, "leat"))
	return appendBytes(nil, 1, appendBytes(appendBytes(nil, 1, attributes), 2, append(scope, list...)))
}

func appendSpan(b []byte, s *Span) []byte {
	const internal, server = 1, 2
	b = appendBytes(appendBytes(b, 1, s.Trace[:]), 2, s.ID[:])
	if s.Parent != ([8]byte{}) {
		b = appendBytes(b, 4, s.Parent[:])
	}
	kind := uint64(internal)
	if s.OfARequest {
		kind = server
	}
	b = appendNumber(appendText(b, 5, s.Name), 6, kind)
	b = appendFixed(appendFixed(b, 7, uint64(s.Begin.UnixNano())), 8, uint64(s.End.UnixNano()))
	for _, a := range s.Attributes {
		b = appendAttribute(b, 9, a)
	}
	for i := range s.Links {
		b = appendBytes(b, 13, appendBytes(appendBytes(nil, 1, s.Links[i].Trace[:]), 2, s.Links[i].Span[:]))
	}
	return b
}
