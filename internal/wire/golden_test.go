package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorded is a frame that Kafka's own classes wrote (testdata/golden makes them), without its length prefix.
type recorded struct {
	key, version int16
	side         string // "request" or "response"
	filling      string // "defaults" or "filled"
	frame        []byte
}

func (r recorded) String() string {
	return fmt.Sprintf("%s %s %s", messageName(r.key, r.version), r.side, r.filling)
}

// recordedFrames reads all frames.
func recordedFrames(t testing.TB) []recorded {
	t.Helper()
	var all []recorded
	for i := range APIs {
		api := &APIs[i]
		if api.Max < 0 {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata", "frames", api.Name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			r := recorded{key: api.Key}
			var digits string
			if _, err := fmt.Sscanf(line, "v%d %s %s %s\n", &r.version, &r.side, &r.filling, &digits); err != nil {
				t.Fatalf("%s.txt: %q: %v", api.Name, line, err)
			}
			if r.frame, err = hex.DecodeString(digits); err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return all
}

func TestKafkasFramesAreReadAndWrittenBitByBit(t *testing.T) {
	seen := map[string]int{}
	for _, r := range recordedFrames(t) {
		seen[fmt.Sprintf("%s v%d", apis[r.key].Name, r.version)]++
		t.Run(r.String(), func(t *testing.T) {
			if r.side == "request" {
				checkRequest(t, r)
			} else {
				checkResponse(t, r)
			}
		})
	}
	for api, v := range versions {
		if name := fmt.Sprintf("%s v%d", api.Name, v); seen[name] != 4 {
			t.Errorf("%s: %d frames in testdata/frames, want 4", name, seen[name])
		}
	}
	if n := seen["InitProducerId v6"]; n != 4 {
		t.Errorf("InitProducerId v6: %d frames in testdata/frames, want 4", n)
	}
}

func checkRequest(t *testing.T, r recorded) {
	h, body, err := ParseHeader(r.frame)
	if err != nil {
		t.Fatal(err)
	}
	if want := (RequestHeader{Key: r.key, Version: r.version, CorrelationID: 7, ClientID: "golden"}); h != want {
		t.Errorf("header %+v, want %+v", h, want)
	}
	req, err := Decode(h, body)
	if err != nil {
		t.Fatal(err)
	}
	if got := AppendRequest(nil, 7, "golden", req)[4:]; !bytes.Equal(got, r.frame) {
		t.Error(cmp.Diff(r.frame, got))
	}
}

func checkResponse(t *testing.T, r recorded) {
	h := RequestHeader{Key: r.key, Version: r.version, CorrelationID: 7}
	head := appendResponseHeader(nil, h)
	if !bytes.HasPrefix(r.frame, head) {
		t.Fatalf("header %x, want the start of %x", head, r.frame)
	}
	resp := newRequest(r.key, r.version).ResponseKind()
	resp.SetVersion(r.version)
	if err := DecodeResponse(resp, r.frame[len(head):]); err != nil {
		t.Fatal(err)
	}
	f := EncodeResponse(h, resp)
	defer f.Release()
	if got := f.Parts[0].Bytes[4:]; !bytes.Equal(got, r.frame) {
		t.Error(cmp.Diff(r.frame, got))
	}
}
