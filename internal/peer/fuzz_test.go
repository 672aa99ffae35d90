package peer

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// FuzzReadResponse gives any bytes to what reads answers: nothing panics, and nothing longer than the limit is taken.
func FuzzReadResponse(f *testing.F) {
	h := wire.RequestHeader{Key: 3, Version: 9, CorrelationID: 5}
	f.Add(describe(h, nil))
	f.Add(versions(wire.RequestHeader{Key: keyApiVersions, Version: 4, CorrelationID: 1}))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		r, in := bytes.NewReader(b), new(intake)
		for {
			_, body, err := in.next(r, limit)
			if err != nil {
				return
			}
			if len(body.B) > limit {
				t.Fatalf("%d bytes", len(body.B))
			}
			rest, err := wire.AfterTags(body.B)
			if err != nil {
				return
			}
			metadata := kmsg.NewPtrMetadataResponse()
			metadata.Version = 9
			_ = wire.DecodeResponse(metadata, rest)
			apis := kmsg.NewPtrApiVersionsResponse()
			apis.Version = 4
			_ = wire.DecodeResponse(apis, body.B)
		}
	})
}
