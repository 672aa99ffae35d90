package wire

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEveryFilledMessagePassesItsSchema(t *testing.T) {
	for api, v := range versions {
		t.Run(fmt.Sprintf("%s v%d", api.Name, v), func(t *testing.T) {
			req := kmsg.RequestForKey(api.Key)
			fill(req)
			req.SetVersion(v)
			clearForeignTags(req)
			body := req.AppendTo(nil)
			if rest, err := walk(layoutOf(request, api.Key, v), body, 100); err != nil || rest != 0 {
				t.Errorf("request: %d bytes left, %v", rest, err)
			}
			resp := kmsg.ResponseForKey(api.Key)
			fill(resp)
			resp.SetVersion(v)
			clearForeignTags(resp)
			body = resp.AppendTo(nil)
			if rest, err := walk(layoutOf(response, api.Key, v), body, 100); err != nil || rest != 0 {
				t.Errorf("response: %d bytes left, %v", rest, err)
			}
			again := kmsg.ResponseForKey(api.Key)
			again.SetVersion(v)
			if err := DecodeResponse(again, body); err != nil {
				t.Fatal(err)
			}
			if got := again.AppendTo(nil); !bytes.Equal(got, body) {
				t.Errorf("response encoded again: %x, want %x", got, body)
			}
		})
	}
}

func TestDecodeGivesBackWhatWasEncoded(t *testing.T) {
	for api, v := range versions {
		for _, filled := range []bool{false, true} {
			req := kmsg.RequestForKey(api.Key)
			if filled {
				fill(req)
			}
			req.SetVersion(v)
			clearForeignTags(req)
			body := req.AppendTo(nil)
			got, err := Decode(RequestHeader{Key: api.Key, Version: v}, body)
			if err != nil {
				t.Errorf("%s v%d: %v", api.Name, v, err)
				continue
			}
			if again := got.AppendTo(nil); !bytes.Equal(again, body) {
				t.Errorf("%s v%d: encoded again: %s", api.Name, v, cmp.Diff(body, again))
			}
			if _, err := Decode(RequestHeader{Key: api.Key, Version: v}, append(body, 0)); err != nil {
				t.Errorf("%s v%d with one byte too many: %v, but Kafka accepts it", api.Name, v, err)
			}
			for n := range body {
				if _, err := Decode(RequestHeader{Key: api.Key, Version: v}, body[:n:n]); !errors.Is(err, ErrMalformed) {
					t.Errorf("%s v%d cut to %d of %d bytes: %v, want ErrMalformed", api.Name, v, n, len(body), err)
				}
			}
		}
	}
}
