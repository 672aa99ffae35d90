package wire

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrMalformed is wrapped by every error about bytes that do not parse.
var ErrMalformed = errors.New("malformed request")

// Decode parses the body of any request but Produce. Strings and byte slices are copies, so the result may outlive the body. Array
// lengths are checked against the bytes that are there before anything is allocated. Bytes after the last field are ignored, as Kafka 4.4 does.
func Decode(h RequestHeader, body []byte) (kmsg.Request, error) {
	if int(h.Key) >= len(apis) {
		return decodeOwn(h, body)
	}
	l := layoutOf(request, h.Key, h.Version)
	if l == nil {
		return nil, fmt.Errorf("%s: no such version: %w", messageName(h.Key, h.Version), ErrMalformed)
	}
	req := newRequest(h.Key, h.Version)
	if req == nil {
		return nil, fmt.Errorf("%s: no such version: %w", messageName(h.Key, h.Version), ErrMalformed)
	}
	if _, err := walk(l, body, elementSize(request, h.Key, req)); err != nil {
		return nil, fmt.Errorf("%s request: %w", messageName(h.Key, h.Version), err)
	}
	if l.hasBytes {
		body = append([]byte(nil), body...)
	}
	req.SetVersion(h.Version)
	if err := req.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%s request: %w: %w", messageName(h.Key, h.Version), err, ErrMalformed)
	}
	return req, nil
}

// DecodeResponse parses the body of a response of the version that resp has, with the checks of Decode. Byte slices in resp alias body.
func DecodeResponse(resp kmsg.Response, body []byte) error {
	key, version := resp.Key(), resp.GetVersion()
	l := layoutOf(response, key, version)
	if l == nil {
		return fmt.Errorf("%s response: no such version: %w", messageName(key, version), ErrMalformed)
	}
	if _, err := walk(l, body, elementSize(response, key, resp)); err != nil {
		return fmt.Errorf("%s response: %w", messageName(key, version), err)
	}
	if err := resp.ReadFrom(body); err != nil {
		return fmt.Errorf("%s response: %w: %w", messageName(key, version), err, ErrMalformed)
	}
	return nil
}

// elementSize is the memory of the largest struct that kmsg puts into an array of a message or behind a pointer.
func elementSize(d direction, key int16, msg any) int {
	known := &elementSizes[d][key]
	if n := known.Load(); n > 0 {
		return int(n)
	}
	n := max(largestElement(reflect.TypeOf(msg).Elem()), 1)
	known.Store(int32(n))
	return n
}

func largestElement(t reflect.Type) int {
	largest := 0
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			largest = max(largest, largestElement(t.Field(i).Type))
		}
	case reflect.Slice, reflect.Pointer:
		if e := t.Elem(); e.Kind() == reflect.Struct {
			largest = max(int(e.Size()), largestElement(e))
		}
	}
	return largest
}
