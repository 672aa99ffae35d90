package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/metrics"
	"testing"
)

const hostileLength = 64 << 10

// minimal writes the shortest valid bytes of a layout: null or empty everywhere. The array or tag section called target (by its place in the
// order of writing) is as long as hostileLength allows.
type minimal struct {
	b      []byte
	next   int
	target int
	lie    bool // claim more elements than are there
	inside bool
}

func (m *minimal) layout(l *layout) {
	for i := range l.fields {
		m.field(&l.fields[i], l.flexible)
	}
	if !l.flexible {
		return
	}
	if m.isTarget() {
		m.unknownTags()
		return
	}
	m.b = append(m.b, 0)
}

func (m *minimal) isTarget() bool {
	if m.inside {
		return false
	}
	m.next++
	return m.next-1 == m.target
}

func (m *minimal) unknownTags() {
	n := hostileLength / 5
	m.b = appendUvarint(m.b, n)
	for i := range n {
		m.b = appendUvarint(appendUvarint(m.b, 1<<20+i), 0)
	}
}

func (m *minimal) field(f *field, compact bool) {
	if f.array {
		m.array(f, compact)
		return
	}
	switch {
	case fixedSize[f.kind] > 0:
		m.b = append(m.b, make([]byte, fixedSize[f.kind])...)
	case f.kind == kindStruct:
		if f.nullable {
			m.b = append(m.b, 1)
		}
		m.layout(f.sub)
	case f.kind == kindString:
		m.b = appendString(m.b, compact, "")
	default:
		m.b = appendLength(m.b, compact, 0)
	}
}

func (m *minimal) array(f *field, compact bool) {
	if !m.isTarget() {
		m.count(f, compact)
		return
	}
	m.inside = true
	element := minimal{inside: true}
	one := *f
	one.array, one.nullable = false, false
	element.field(&one, compact)
	n := hostileLength / len(element.b)
	claimed := n
	if m.lie {
		claimed = hostileLength
	}
	m.b = appendLength(m.b, compact, claimed)
	for range n {
		m.b = append(m.b, element.b...)
	}
	m.inside = false
}

// count writes an array that is not the target: one element on the way to the target, none inside it.
func (m *minimal) count(f *field, compact bool) {
	if m.inside || f.kind != kindStruct {
		m.b = appendLength(m.b, compact, 0)
		return
	}
	m.b = appendLength(m.b, compact, 1)
	m.layout(f.sub)
}

func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// raceDetector is true when tests run with it.
var raceDetector bool

// TestHostileBodiesCostLittleMemory fills each array and each tag section of each request with as many elements as fit, and lets each array
// claim more than are there.
func TestHostileBodiesCostLittleMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes allocations larger, so their sizes say nothing")
	}
	worst, worstName := 0.0, ""
	for api, v := range versions {
		if v != api.Min && v != api.Max {
			continue // those between differ little, and each costs some milliseconds
		}
		l := layoutOf(request, api.Key, v)
		for target := 0; ; target++ {
			m := minimal{target: target}
			m.layout(l)
			if m.next <= target {
				break // there is no such array
			}
			lying := minimal{target: target, lie: true}
			lying.layout(l)
			for _, body := range [][]byte{m.b, lying.b} {
				h := RequestHeader{Key: api.Key, Version: v}
				var err error
				cost := allocated(func() { _, err = Decode(h, body) })
				name := fmt.Sprintf("%s v%d, array %d, %d bytes", api.Name, v, target, len(body))
				if err != nil && !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: %v, want ErrMalformed", name, err)
				}
				if limit := (decodeFactor+2)*len(body) + decodeSlack*3/2; cost > uint64(limit) {
					t.Errorf("%s: %d bytes allocated, limit %d (error %v)", name, cost, limit, err)
				}
				if ratio := float64(cost) / float64(len(body)); ratio > worst {
					worst, worstName = ratio, name
				}
			}
		}
	}
	t.Logf("worst: %.1f times its length: %s", worst, worstName)
}

func TestClaimedLengthsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name string
		h    RequestHeader
		body []byte
	}{
		{"array longer than the body", RequestHeader{Key: 3, Version: 1}, binary.BigEndian.AppendUint32(nil, 1<<30)},
		{"compact array longer than the body", RequestHeader{Key: 3, Version: 12}, []byte{0xff, 0xff, 0xff, 0xff, 0x07}},
		{"compact array of more than 2^31", RequestHeader{Key: 3, Version: 12}, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}},
		{"varint of six bytes", RequestHeader{Key: 3, Version: 12}, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}},
		{"null where it may not be", RequestHeader{Key: 12, Version: 4}, []byte{0}},
		{"string of more than 32767 bytes", RequestHeader{Key: 12, Version: 4}, append([]byte{0x81, 0x80, 0x02}, make([]byte, 33000)...)},
		{"tag of a later version", RequestHeader{Key: 1, Version: 12}, fetchWithTag(12, 1)},
		{"known tag of the wrong length", RequestHeader{Key: 1, Version: 15}, fetchWithTag(15, 1)},
		{"version that does not exist", RequestHeader{Key: 12, Version: 5}, nil},
		{"key that does not exist", RequestHeader{Key: 95}, nil},
		{"unstable version of another message", RequestHeader{Key: 22, Version: 7}, make([]byte, 100)},
	} {
		if _, err := Decode(c.h, c.body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", c.name, err)
		}
	}
}

// fetchWithTag is a fetch request without topics and with one tag of one byte.
func fetchWithTag(version int16, tag byte) []byte {
	m := minimal{target: -1, inside: true}
	m.layout(layoutOf(request, keyFetch, version))
	return append(m.b[:len(m.b)-1], 1, tag, 1, 0)
}

func TestUnknownTagsArePassedOver(t *testing.T) {
	if _, err := Decode(RequestHeader{Key: keyFetch, Version: 15}, fetchWithTag(15, 99)); err != nil {
		t.Error(err)
	}
}
