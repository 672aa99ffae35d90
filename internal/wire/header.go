package wire

import "fmt"

// RequestHeader is a request header of any version (0-2). ClientID is "" for null.
type RequestHeader struct {
	Key, Version  int16
	CorrelationID int32
	ClientID      string
}

// ParseHeader reads the header of a frame (without its length prefix) and returns the rest as body. For a known key with an
// unknown version it returns the header parsed as far as Kafka would and no error: the caller checks the version.
func ParseHeader(frame []byte) (RequestHeader, []byte, error) {
	r := reader{b: frame}
	h := RequestHeader{Key: r.int16(), Version: r.int16(), CorrelationID: r.int32()}
	if r.bad {
		return h, nil, fmt.Errorf("request of %d bytes: a header has at least 8: %w", len(frame), ErrMalformed)
	}
	api, known := Lookup(h.Key)
	if !known {
		return h, nil, fmt.Errorf("request with api key %d: not a key of Kafka 4.4: %w", h.Key, ErrMalformed)
	}
	// The client id keeps its two length bytes in every header version, so that a broker can always read it. Null counts as empty.
	client := r.str(false)
	if api.Flexible(h.Version) {
		r.skipTags()
	}
	if r.bad {
		return h, nil, fmt.Errorf("%s v%d request of %d bytes: header ends inside a field: %w", api.Name, h.Version, len(frame), ErrMalformed)
	}
	h.ClientID = intern(client)
	return h, frame[r.pos:], nil
}

// appendResponseHeader writes the header of the response to h, v0 or v1. Responses to ApiVersions always have v0: the client
// may not know yet what this broker speaks (KIP-511).
func appendResponseHeader(dst []byte, h RequestHeader) []byte {
	dst = appendInt32(dst, h.CorrelationID)
	if api, ok := Lookup(h.Key); ok && h.Key != keyApiVersions && api.Flexible(h.Version) {
		dst = append(dst, 0)
	}
	return dst
}
