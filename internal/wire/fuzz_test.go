package wire

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func FuzzParseHeader(f *testing.F) {
	for _, r := range recordedFrames(f) {
		if r.side == "request" && r.filling == "defaults" {
			f.Add(r.frame)
		}
	}
	f.Add([]byte{0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 1, 0x80, 0x80, 0x80, 0x80, 0x0f, 1})
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, body, err := ParseHeader(frame)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v, want ErrMalformed", err)
			}
			return
		}
		if !bytes.HasSuffix(frame, body) || len(h.ClientID) > len(frame) {
			t.Errorf("header %+v, body %x of %x", h, body, frame)
		}
	})
}

// FuzzDecode checks that what the walk accepts, kmsg decodes within the bound of memory, and that it is stable: encoded and decoded
// again it has the same bytes.
func FuzzDecode(f *testing.F) {
	for _, r := range recordedFrames(f) {
		if h, body, err := ParseHeader(r.frame); r.side == "request" && err == nil {
			f.Add(h.Key, h.Version, body)
		}
	}
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		h := RequestHeader{Key: key, Version: version}
		before := len(body)
		var req kmsg.Request
		var err error
		cost := allocated(func() { req, err = Decode(h, body) })
		// Other goroutines of the fuzzing engine allocate, too: only what is far over the limit counts.
		if limit := uint64((decodeFactor+2)*before + 8*decodeSlack); cost > limit {
			t.Errorf("%s: %d bytes allocated for %d", messageName(key, version), cost, before)
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v, want ErrMalformed", err)
			}
			return
		}
		once := req.AppendTo(nil)
		again, err := Decode(h, once)
		if err != nil {
			t.Fatalf("%s: what was decoded encodes to what is refused: %v", messageName(key, version), err)
		}
		if twice := again.AppendTo(nil); !bytes.Equal(once, twice) {
			t.Errorf("%s: %x, then %x", messageName(key, version), once, twice)
		}
	})
}

// FuzzParseProduce compares the hand-written reader with the schema and with kmsg.
func FuzzParseProduce(f *testing.F) {
	for _, r := range recordedFrames(f) {
		if h, body, err := ParseHeader(r.frame); r.key == keyProduce && r.side == "request" && err == nil {
			f.Add(h.Version, body)
		}
	}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		h := RequestHeader{Key: keyProduce, Version: version}
		p, err := ParseProduce(h, body)
		l := layoutOf(request, keyProduce, version)
		if l == nil {
			if err == nil {
				t.Errorf("v%d: accepted", version)
			}
			return
		}
		w := walker{reader: reader{b: body}, limit: math.MaxInt}
		if w.layout(l); (w.err == nil) != (err == nil) {
			t.Fatalf("v%d %x: %v, but the schema says %v", version, body, err, w.err)
		}
		if err != nil {
			return
		}
		req := kmsg.NewPtrProduceRequest()
		req.Version = version
		if err := req.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		checkSameProduce(t, h, body, req)
		results := make([]ProduceResult, p.Len())
		frame := EncodeProduce(h, &p, results, nil, 0)
		defer frame.Release()
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = version
		if err := DecodeResponse(resp, frame.Parts[0].Bytes[4+len(appendResponseHeader(nil, h)):]); err != nil {
			t.Error(err)
		}
	})
}
