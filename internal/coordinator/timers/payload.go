package timers

import (
	"leat/internal/coordinator/field"
	"leat/internal/record"
)

// AppendPayload adds what a timer keeps of a record: key, value and headers.
func AppendPayload(b []byte, r *record.Record) []byte {
	w := field.Writer{B: b}
	appendBytes(&w, r.Key)
	appendBytes(&w, r.Value)
	w.Int32(int32(len(r.Headers)))
	for _, h := range r.Headers {
		appendBytes(&w, []byte(h.Key))
		appendBytes(&w, h.Value)
	}
	return w.B
}

func appendBytes(w *field.Writer, b []byte) {
	if b == nil {
		w.Int32(-1)
		return
	}
	w.Int32(int32(len(b)))
	w.B = append(w.B, b...)
}

func readBytes(r *field.Reader) []byte {
	n := int(r.Int32())
	if n == -1 {
		return nil
	}
	b := r.Take(n)
	if b == nil {
		b = []byte{}
	}
	return b
}

// Payload is the record of a timer. Its slices belong to b.
func Payload(b []byte) (rec record.Record, err error) {
	r := field.Reader{B: b}
	rec.Key, rec.Value = readBytes(&r), readBytes(&r)
	for range bounded(&r, 8) {
		rec.Headers = append(rec.Headers, record.Header{Key: string(readBytes(&r)), Value: readBytes(&r)})
	}
	return rec, r.Done("payload of a timer")
}
