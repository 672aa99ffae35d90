package record

import (
	"encoding/binary"
	"math"
)

// Raw is one record as it stands in a batch, decoded as far as compaction needs. Its slices alias what it was read from.
type Raw struct {
	OffsetDelta    int32
	TimestampDelta int64
	Key            []byte // nil: null
	Tombstone      bool   // the value is null
	Size           int    // of the encoded record, its length field included

	attributes byte
	tail       []byte // what follows the timestamp delta
}

// NextRaw reads the record that records begins with, checks that all of it is sound, and returns what follows it. records is the payload
// of a batch, decompressed.
func NextRaw(records []byte, r *Raw) (rest []byte, err error) {
	size, n := varint(records)
	if n <= 0 || size < 0 || int(size) > len(records)-n {
		return records, invalidf("record size %d: not a length within the batch", size)
	}
	body := records[n : n+int(size)]
	var rec Record
	if bad := decodeRecord(body, &rec, false); bad != "" {
		return records, invalidf("field %s", bad)
	}
	_, width := varlong(body[1:])
	*r = Raw{
		OffsetDelta: int32(rec.Offset), TimestampDelta: rec.Timestamp, Key: rec.Key, Tombstone: rec.Value == nil,
		Size: n + int(size), attributes: body[0], tail: body[1+width:],
	}
	return records[n+int(size):], nil
}

// Append encodes the record after dst with another timestamp delta.
func (r *Raw) Append(dst []byte, timestampDelta int64) []byte {
	dst = appendVarint(dst, int64(1+varintSize(timestampDelta)+len(r.tail)))
	dst = append(dst, r.attributes)
	dst = appendVarint(dst, timestampDelta)
	return append(dst, r.tail...)
}

// Rewrite is what takes the place of the records of a batch.
type Rewrite struct {
	Records       []byte // encoded one after the other, not compressed
	Count         int32
	BaseTimestamp int64 // what their timestamp deltas count from
	MaxTimestamp  int64
	DeleteHorizon bool // BaseTimestamp is the delete horizon (KIP-534)
}

// AppendRewritten encodes after dst a batch like b with other records: fewer of its own. Offsets, sequences, producer, leader epoch and codec
// stay what they are, also the last offset, whose record may be gone.
func (b Batch) AppendRewritten(dst []byte, w Rewrite) ([]byte, error) {
	start := len(dst)
	dst = append(dst, b[:HeaderSize]...)
	var err error
	if dst, err = Compress(dst, w.Records, b.Codec(), 0); err != nil {
		return dst[:start], err
	}
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
