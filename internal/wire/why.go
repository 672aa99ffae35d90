package wire

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Why asks a node what is wrong: with the cluster, after asking all other nodes, or only what it knows itself. It implements kmsg.Request.
//
//	version 0
//	int8     1: only what the node knows itself, as facts; 0: findings about the cluster
//	string   what about: kind:name, empty: everything
type Why struct {
	own

	Facts bool
	About string
}

// WhyResponse answers Why.
//
//	version 0
//	int16    error code
//	string   what is wrong with the question, if there is an error
//	int32    length of what follows: the answer as JSON (package why: Facts or Report)
type WhyResponse struct {
	own

	ErrorCode int16
	Message   string
	JSON      []byte
}

// Key implements kmsg.Request.
func (*Why) Key() int16 { return KeyWhy }

// ResponseKind implements kmsg.Request.
func (*Why) ResponseKind() kmsg.Response { return new(WhyResponse) }

// AppendTo implements kmsg.Request.
func (w *Why) AppendTo(b []byte) []byte {
	facts := byte(0)
	if w.Facts {
		facts = 1
	}
	return appendString(append(b, facts), false, w.About)
}

// ReadFrom implements kmsg.Request.
func (w *Why) ReadFrom(b []byte) error {
	r := reader{b: b}
	w.Facts, w.About = r.int8() == 1, r.text()
	if r.bad {
		return fmt.Errorf("LeatWhy of %d bytes: %w", len(b), ErrMalformed)
	}
	return nil
}

// Key implements kmsg.Response.
func (*WhyResponse) Key() int16 { return KeyWhy }

// RequestKind implements kmsg.Response.
func (*WhyResponse) RequestKind() kmsg.Request { return new(Why) }

// AppendTo implements kmsg.Response.
func (w *WhyResponse) AppendTo(b []byte) []byte {
	b = appendString(appendInt16(b, w.ErrorCode), false, w.Message)
	return append(appendInt32(b, int32(len(w.JSON))), w.JSON...)
}

// ReadFrom implements kmsg.Response.
func (w *WhyResponse) ReadFrom(b []byte) error {
	r := reader{b: b}
	w.ErrorCode, w.Message = r.int16(), r.text()
	w.JSON = append([]byte(nil), r.take(int(r.int32()))...)
	if r.bad {
		return fmt.Errorf("answer to LeatWhy of %d bytes: %w", len(b), ErrMalformed)
	}
	return nil
}
