package field_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"leat/internal/coordinator/field"
	"leat/internal/record"
)

// fields writes or reads one of everything; what it reads is compared with what was written.
var (
	text    = "grüße"
	id      = record.UUID{1, 2, 15: 16}
	strs    = []string{"a", "", "c"}
	numbers = []int32{math.MinInt32, 0, math.MaxInt32}
)

func written(flexible bool) []byte {
	w := field.Writer{Flexible: flexible}
	w.Int8(-7)
	w.Bool(true)
	w.Bool(false)
	w.Int16(math.MinInt16)
	w.Int32(math.MaxInt32)
	w.Int64(math.MinInt64)
	w.Uvarint(300)
	w.UUID(id)
	w.String(text)
	w.Text(nil)
	w.Text(&text)
	w.Bytes([]byte{9, 8})
	w.Strings(strs)
	w.Int32s(numbers)
	w.Int32s(nil)
	w.NoTags()
	return w.B
}

func TestWhatIsWrittenIsReadInBothForms(t *testing.T) {
	for _, flexible := range []bool{false, true} {
		r := field.Reader{B: written(flexible), Flexible: flexible}
		ok := r.Int8() == -7 && r.Bool() && !r.Bool() && r.Int16() == math.MinInt16 && r.Int32() == math.MaxInt32 && r.Int64() == math.MinInt64 && r.Uvarint() == 300
		if !ok || r.UUID() != id {
			t.Errorf("flexible %v: numbers are read differently: %v", flexible, r.Err)
		}
		if s, none, some := r.String(), r.Text(), r.Text(); s != text || none != nil || some == nil || *some != text {
			t.Errorf("flexible %v: texts are read as %q, %v, %v", flexible, s, none, some)
		}
		if b := r.Bytes(); string(b) != "\x09\x08" {
			t.Errorf("flexible %v: bytes are read as %v", flexible, b)
		}
		if got := r.Strings(); strings.Join(got, ",") != "a,,c" {
			t.Errorf("flexible %v: strings are read as %q", flexible, got)
		}
		if got, none := r.Int32s(), r.Int32s(); len(got) != 3 || got[0] != numbers[0] || got[2] != numbers[2] || none != nil {
			t.Errorf("flexible %v: numbers are read as %v and %v", flexible, got, none)
		}
		r.Tags(nil)
		if err := r.Done("record"); err != nil || len(r.B) != 0 {
			t.Errorf("flexible %v: %d bytes are left, %v", flexible, len(r.B), err)
		}
	}
}

func TestARecordThatEndsTooEarlyIsToldWhereverItEnds(t *testing.T) {
	for _, flexible := range []bool{false, true} {
		whole := written(flexible)
		for n := range whole {
			r := field.Reader{B: whole[:n], Flexible: flexible}
			r.Int8()
			r.Bool()
			r.Bool()
			r.Int16()
			r.Int32()
			r.Int64()
			r.Uvarint()
			r.UUID()
			_, _, _, _, _, _, _ = r.String(), r.Text(), r.Text(), r.Bytes(), r.Strings(), r.Int32s(), r.Int32s()
			r.Tags(nil)
			if err := r.Done("offset commit"); err == nil || !strings.HasPrefix(err.Error(), "offset commit: ") {
				t.Fatalf("flexible %v: %d of %d bytes are read as %v", flexible, n, len(whole), err)
			}
		}
	}
}

func TestLengthsThatNothingStandsBehindMakeNoRoom(t *testing.T) {
	huge := []byte{0x7f, 0xff, 0xff, 0xff} // of an inflexible array
	compact := []byte{0xff, 0xff, 0xff, 0xff, 0x07}
	for _, c := range []struct {
		name string
		b    []byte
		flex bool
		read func(r *field.Reader)
	}{
		{"strings", huge, false, func(r *field.Reader) { r.Strings() }},
		{"compact strings", compact, true, func(r *field.Reader) { r.Strings() }},
		{"numbers", huge, false, func(r *field.Reader) { r.Int32s() }},
		{"compact numbers", compact, true, func(r *field.Reader) { r.Int32s() }},
		{"array", huge, false, func(r *field.Reader) { r.Array(0) }},
		{"bytes", huge, false, func(r *field.Reader) { r.Bytes() }},
		{"compact string", compact, true, func(r *field.Reader) { r.Text() }},
		{"varint past int32", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, true, func(r *field.Reader) { r.Uvarint() }},
		{"tags", compact, true, func(r *field.Reader) { r.Tags(nil) }},
	} {
		r := field.Reader{B: c.b, Flexible: c.flex}
		if made := testing.AllocsPerRun(1, func() { r = field.Reader{B: c.b, Flexible: c.flex}; c.read(&r) }); r.Err == nil || made > 5 {
			t.Errorf("%s: %v after %.0f allocations", c.name, r.Err, made)
		}
	}
}

func TestTheFirstFailureStays(t *testing.T) {
	first := errors.New("first")
	r := field.Reader{B: []byte{1, 2, 3, 4}}
	r.Fail(first)
	if v := r.Int32(); v != 0 {
		t.Errorf("%d is read after a failure", v)
	}
	if err := r.Done("x"); !errors.Is(err, first) {
		t.Errorf("%v, want the first failure", err)
	}
}

func TestTagsAreHandedOutWithTheirBytes(t *testing.T) {
	w := field.Writer{Flexible: true}
	w.Uvarint(2)
	w.Tag(0, []byte("a"))
	w.Tag(300, nil)
	r := field.Reader{B: w.B, Flexible: true}
	got := map[int]string{}
	r.Tags(func(tag int, b []byte) { got[tag] = string(b) })
	if len(got) != 2 || got[0] != "a" || r.Err != nil || len(r.B) != 0 {
		t.Errorf("%v, %v, %d bytes left", got, r.Err, len(r.B))
	}
}
