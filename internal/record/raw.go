package record

import (
	"encoding/binary"
	"io"
	"math"
)

// Raw is one record as it stands in a batch, decoded as far as compaction needs. Its slices alias what it was read from.
type Raw struct {
	OffsetDelta    int32
	TimestampDelta int64
	Key            []byte // nil: null
	Tombstone      bool   // the value is null

	attributes byte
	tail       []byte // what follows the timestamp delta
}

// Raws calls fn for each record with its place in the batch until fn returns false, and checks that all that it reads is sound. A record's slices are valid only
// during the call, which neither waits for others nor reads another batch. Of what is decompressed there is no more in memory than the record. maxBytes bounds
// the decompressed size (0: 1 GiB).
func (b Batch) Raws(maxBytes int, fn func(int32, *Raw) bool) error {
	w, err := openWindow(b, maxBytes, false)
	if err != nil {
		return err
	}
	defer w.close()
	var r Raw
	for i := range b.Count() {
		body, err := w.next()
		if err == nil {
			err = r.decode(body)
		}
		if err != nil {
			return recordError(b, i, err)
		}
		if !fn(i, &r) {
			return nil
		}
	}
	return recordError(b, b.Count(), w.finish())
}

func (r *Raw) decode(body []byte) error {
	var rec Record
	if bad := decodeRecord(body, &rec, false); bad != "" {
		return invalidf("field %s", bad)
	}
	_, width := varlong(body[1:])
	*r = Raw{
		OffsetDelta: int32(rec.Offset), TimestampDelta: rec.Timestamp, Key: rec.Key, Tombstone: rec.Value == nil,
		attributes: body[0], tail: body[1+width:],
	}
	return nil
}

// write encodes the record with another timestamp delta. head is room for what comes before the tail.
func (r *Raw) write(out io.Writer, head []byte, timestampDelta int64) error {
	head = appendVarint(head[:0], int64(1+varintSize(timestampDelta)+len(r.tail)))
	head = append(head, r.attributes)
	head = appendVarint(head, timestampDelta)
	if _, err := out.Write(head); err != nil {
		return err
	}
	for tail := r.tail; len(tail) > 0; {
		piece := tail[:min(len(tail), chunkBytes)]
		if _, err := out.Write(piece); err != nil {
			return err
		}
		tail = tail[len(piece):]
	}
	return nil
}

// Rewrite is what takes the place of a batch: some of its records.
type Rewrite struct {
	Kept          func(index int32) bool // asked in order
	Count         int32                  // of those that are kept
	BaseTimestamp int64                  // what their timestamp deltas count from
	MaxTimestamp  int64
	DeleteHorizon bool // BaseTimestamp is the delete horizon (KIP-534)
	MaxBytes      int  // of the batch that is read, decompressed
}

// AppendRewritten encodes after dst a batch like b with fewer of its records, which pass through one by one. Offsets, sequences, producer, leader epoch and codec
// stay what they are, also the last offset, whose record may be gone.
func (b Batch) AppendRewritten(dst []byte, w Rewrite) ([]byte, error) {
	start := len(dst)
	packed := &sink{append(dst, b[:HeaderSize]...)}
	if err := b.writeKept(packed, w); err != nil {
		return packed.b[:start], err
	}
	dst = packed.b
	out := Batch(dst[start:])
	if len(out)-LogOverhead > math.MaxInt32 {
		return dst[:start], invalidf("batch of %d bytes: its length field holds at most %d", len(out), math.MaxInt32)
	}
	be := binary.BigEndian
	attributes := b.Attributes() &^ attrDeleteHorizon
	if w.DeleteHorizon {
		attributes |= attrDeleteHorizon
	}
	be.PutUint32(out[posBatchLength:], uint32(len(out)-LogOverhead))
	be.PutUint16(out[posAttributes:], uint16(attributes))
	be.PutUint64(out[posBaseTimestamp:], uint64(w.BaseTimestamp))
	be.PutUint64(out[posMaxTimestamp:], uint64(w.MaxTimestamp))
	be.PutUint32(out[posRecordCount:], uint32(w.Count))
	out.Reseal()
	return dst, nil
}

// writeKept compresses the records that are kept.
func (b Batch) writeKept(packed *sink, w Rewrite) error {
	sw, done := newStreamWriter(packed, b.Codec(), 0)
	defer done()
	shift := b.BaseTimestamp() - w.BaseTimestamp
	head := make([]byte, 0, 32)
	var failed error
	err := b.Raws(w.MaxBytes, func(i int32, r *Raw) bool {
		if w.Kept(i) {
			failed = r.write(sw, head, r.TimestampDelta+shift)
		}
		return failed == nil
	})
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return sw.Close()
}

// AppendEmptied encodes after dst what is left of b when all its records go but its offsets, producer and sequence have to stay known.
func (b Batch) AppendEmptied(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, b[:HeaderSize]...)
	out := Batch(dst[start:])
	be := binary.BigEndian
	be.PutUint32(out[posBatchLength:], uint32(len(out)-LogOverhead))
	be.PutUint16(out[posAttributes:], uint16(b.Attributes()&^(attrDeleteHorizon|attrCodecMask)))
	be.PutUint64(out[posBaseTimestamp:], math.MaxUint64) // NoTimestamp
	be.PutUint32(out[posRecordCount:], 0)
	out.Reseal()
	return dst
}
