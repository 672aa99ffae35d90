package record

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Able says what a client can express. The suite asks for all of it and for nothing more.
type Able struct {
	Binary         bool // any bytes in keys and values, not only text without line ends
	Empty          bool // empty keys and values as something else than null
	NullKey        bool
	NullValue      bool
	NullBoth       bool // a record with neither key nor value
	Headers        bool // headers of its own for each record; without it, one set for all records of a codec
	NullHeader     bool // a header without a value
	RepeatedHeader bool // two headers of one name next to each other and in their order
	Timestamp      bool // create time set by the application
	IntervalHeader bool // two headers of one name with another between them
}

// All is what a complete client can express.
var All = Able{Binary: true, Empty: true, NullKey: true, NullValue: true, NullBoth: true, Headers: true, NullHeader: true,
	RepeatedHeader: true, Timestamp: true, IntervalHeader: true}

// Maker makes records that all differ from each other.
type Maker struct {
	rng  *rand.Rand
	able Able
	base int64
	made int
}

// NewMaker returns a source of records that depends on nothing but its arguments. Timestamps count up from base.
func NewMaker(seed uint64, base int64, able Able) *Maker {
	return &Maker{rng: rand.New(rand.NewPCG(seed, 0x6c656174)), able: able, base: base}
}

// Make returns n more records for a codec.
func (m *Maker) Make(codec string, n int) []Record {
	records := make([]Record, n)
	shared := m.headers(false)
	for i := range records {
		r := Record{Codec: codec, Key: m.key(), Value: m.value(), Headers: shared}
		if m.able.Timestamp {
			r.Timestamp = m.base + int64(m.made)
		}
		if r.Key == nil && r.Value == nil && !m.able.NullBoth {
			r.Key = []byte("key-for-no-value")
		}
		if m.able.Headers {
			r.Headers = m.headers(true)
		}
		m.made++
		records[i] = r
	}
	return records
}

// chance is true once in n times.
func (m *Maker) chance(n int) bool { return m.rng.IntN(n) == 0 }

func (m *Maker) key() []byte {
	switch {
	case m.able.NullKey && m.chance(10):
		return nil
	case m.able.Empty && m.chance(15):
		return []byte{}
	case m.able.Binary && m.chance(4):
		return []byte{0, 0xff, byte(m.rng.IntN(8)), '\n', '\t', 0x80}
	default:
		return fmt.Appendf(nil, "key-%d", m.rng.IntN(20))
	}
}

// value tells records apart by a number; null and empty values need a timestamp for that.
func (m *Maker) value() []byte {
	switch {
	case m.able.NullValue && m.able.Timestamp && m.chance(12):
		return nil
	case m.able.Empty && m.able.Timestamp && m.chance(12):
		return []byte{}
	}
	// Repetition, so that every codec finds something to compress.
	text := fmt.Sprintf("#%d %s", m.made, strings.Repeat("water goes where it does work; ", 1+m.rng.IntN(30)))
	if !m.able.Binary {
		return []byte(text)
	}
	data := []byte(text)
	for range m.rng.IntN(40) {
		data = append(data, byte(m.rng.Uint32()))
	}
	return data
}

func (m *Maker) headers(each bool) []Header {
	headers := []Header{{Name: "codec-run", Value: fmt.Appendf(nil, "%d", m.rng.IntN(1000))}}
	if !each {
		return append(headers, Header{Name: "größe", Value: []byte("ünïcode")})
	}
	if m.chance(5) {
		headers = nil
	}
	if m.chance(3) {
		headers = append(headers, Header{Name: "größe", Value: []byte("ünïcode")})
	}
	if m.able.Binary && m.chance(3) {
		headers = append(headers, Header{Name: "bytes", Value: []byte{0, 1, 0xfe, 0xff}})
	}
	if m.able.Empty && m.chance(3) {
		headers = append(headers, Header{Name: "empty", Value: []byte{}})
	}
	if m.able.NullHeader && m.chance(3) {
		headers = append(headers, Header{Name: "null", Value: nil})
	}
	if m.able.RepeatedHeader && m.chance(3) {
		headers = append(headers, Header{Name: "twice", Value: []byte("first")}, Header{Name: "twice", Value: []byte("second")})
	}
	if m.able.IntervalHeader && m.chance(3) {
		headers = append(headers, Header{Name: "apart", Value: []byte("1")}, Header{Name: "between", Value: []byte("x")},
			Header{Name: "apart", Value: []byte("2")})
	}
	return headers
}
