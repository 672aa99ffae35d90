package record

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// collect decodes all records of b into copies that outlive the iteration.
func collect(b Batch, maxBytes int) ([]Record, error) {
	var out []Record
	err := b.Records(maxBytes, func(r *Record) bool {
		c := Record{Offset: r.Offset, Timestamp: r.Timestamp, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
		for _, h := range r.Headers {
			c.Headers = append(c.Headers, Header{h.Key, bytes.Clone(h.Value)})
		}
		out = append(out, c)
		return true
	})
	return out, err
}

func genBytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 300), rapid.Custom(func(t *rapid.T) []byte {
		return bytes.Repeat([]byte{rapid.Byte().Draw(t, "fill")}, rapid.IntRange(0, 200_000).Draw(t, "length"))
	}))
}

func genRecords(t *rapid.T, base int64) []Record {
	offset := base
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Record {
		r := Record{Offset: offset, Timestamp: rapid.Int64().Draw(t, "timestamp"), Key: genBytes().Draw(t, "key"), Value: genBytes().Draw(t, "value")}
		offset += rapid.Int64Range(1, 1000).Draw(t, "gap")
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			r.Headers = append(r.Headers, Header{rapid.String().Draw(t, "name"), genBytes().Draw(t, "header")})
		}
		return r
	}), 1, 12).Draw(t, "records")
}

func TestPropertyRecordsSurviveEncodeAndDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := NewSpec()
		spec.BaseOffset = rapid.Int64Range(1, 1<<40).Draw(t, "base")
		spec.Codec = Codec(rapid.IntRange(0, 4).Draw(t, "codec"))
		spec.Level = rapid.IntRange(-2, 22).Draw(t, "level")
		spec.Transactional = rapid.Bool().Draw(t, "transactional")
		spec.ProducerID = rapid.Int64Min(-1).Draw(t, "producer id")
		want := genRecords(t, spec.BaseOffset)
		prefix := []byte("before")
		all, err := AppendBatch(slices.Clone(prefix), spec, want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(all, prefix) {
			t.Fatalf("the bytes before the batch became %q", all[:len(prefix)])
		}
		batch, rest, err := Split(append(all[len(prefix):], "after"...))
		if err != nil || string(rest) != "after" {
			t.Fatalf("Split left %q, %v", rest, err)
		}
		if err := batch.Check(); err != nil {
			t.Fatal(err)
		}
		got, err := collect(batch, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, got) { // cmp alone takes half a minute for this many bytes
			t.Fatalf("decoded records differ (-want +got):\n%s", cmp.Diff(want, got))
		}
		if batch.ProducerID() != spec.ProducerID || batch.Transactional() != spec.Transactional || batch.LastOffset() != want[len(want)-1].Offset {
			t.Fatalf("header: producer id %d, transactional %t, last offset %d", batch.ProducerID(), batch.Transactional(), batch.LastOffset())
		}
	})
}

func TestPropertyPayloadsSurviveCompression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codec := Codec(rapid.IntRange(0, 4).Draw(t, "codec"))
		want := genBytes().Draw(t, "payload")
		packed, err := Compress([]byte("ab"), want, codec, rapid.IntRange(-200_000, 30).Draw(t, "level"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decompress([]byte("cd"), packed[2:], codec, len(want)+1)
		if err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		if !bytes.Equal(got, append([]byte("cd"), want...)) {
			t.Fatalf("%s: %d bytes became %d", codec, len(want), len(got)-2)
		}
		if len(want) > 1 {
			if _, err := Decompress(nil, packed[2:], codec, len(want)-1); !errors.Is(err, ErrTooLarge) {
				t.Fatalf("%s: one byte over the limit: %v", codec, err)
			}
		}
	})
}
