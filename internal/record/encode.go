package record

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
)

// BatchSpec says what a batch to be built looks like. The zero values of ProducerID and friends must be set to their No...
// constants by the caller who means "none": NewSpec does.
type BatchSpec struct {
	BaseOffset    int64
	LeaderEpoch   int32
	Codec         Codec
	Level         int // codec level, 0: the codec's default
	LogAppendTime bool
	Transactional bool
	Control       bool
	ProducerID    int64
	ProducerEpoch int16
	BaseSequence  int32
	// LastOffsetDelta, if greater than that of the last record, stands in the header: compaction keeps a batch's range of
	// offsets and sequences when it removes the last records.
	LastOffsetDelta int32
	// DeleteHorizon, if not 0, is the time (ms) from which on tombstones in the batch may go (KIP-534).
	DeleteHorizon int64
}

// NewSpec returns a spec of a plain uncompressed batch: no producer, no leader epoch, base offset 0.
func NewSpec() BatchSpec {
	return BatchSpec{LeaderEpoch: NoLeaderEpoch, ProducerID: NoProducerID, ProducerEpoch: NoProducerEpoch, BaseSequence: NoSequence}
}

func (s BatchSpec) attributes() int16 {
	a := int16(s.Codec) & attrCodecMask
	for _, bit := range [...]struct {
		set bool
		bit int16
	}{
		{s.LogAppendTime, attrLogAppendTime},
		{s.Transactional, attrTransactional},
		{s.Control, attrControl},
		{s.DeleteHorizon != 0, attrDeleteHorizon},
	} {
		if bit.set {
			a |= bit.bit
		}
	}
	return a
}

// AppendBatch encodes records as one batch after dst. Offsets of the records count (they may have gaps, must rise, and the
// first must not be below spec.BaseOffset); if all are zero they are numbered densely from spec.BaseOffset.
func AppendBatch(dst []byte, spec BatchSpec, records []Record) ([]byte, error) {
	if len(records) == 0 {
		return dst, invalidf("batch without records")
	}
	dense := !slices.ContainsFunc(records, func(r Record) bool { return r.Offset != 0 })
	start := len(dst)
	h := header{spec: spec, baseTimestamp: records[0].Timestamp, maxTimestamp: NoTimestamp, count: int32(len(records)), lastOffsetDelta: -1}
	if spec.DeleteHorizon != 0 {
		h.baseTimestamp = spec.DeleteHorizon
	}
	dst = append(dst, make([]byte, HeaderSize)...)
	raw := dst
	var buf *encodeBuffer
	if spec.Codec != Uncompressed {
		buf = encodeBuffers.Get().(*encodeBuffer)
		defer buf.release()
		raw = buf.b[:0]
	}
	for i := range records {
		delta := records[i].Offset - spec.BaseOffset
		if dense {
			delta = int64(i)
		}
		if delta <= int64(h.lastOffsetDelta) || delta > math.MaxInt32 {
			return dst[:start], invalidf("record %d: offset %d does not follow %d in a batch from %d", i, records[i].Offset,
				spec.BaseOffset+int64(h.lastOffsetDelta), spec.BaseOffset)
		}
		h.lastOffsetDelta = int32(delta)
		h.maxTimestamp = max(h.maxTimestamp, records[i].Timestamp)
		raw = appendRecord(raw, &records[i], records[i].Timestamp-h.baseTimestamp, delta)
	}
	if buf == nil {
		dst = raw
	} else {
		buf.b = raw
		var err error
		if dst, err = Compress(dst, raw, spec.Codec, spec.Level); err != nil {
			return dst[:start], err
		}
	}
	if len(dst)-start-LogOverhead > math.MaxInt32 {
		return dst[:start], invalidf("batch of %d bytes: its length field holds at most %d", len(dst)-start, math.MaxInt32)
	}
	h.lastOffsetDelta = max(h.lastOffsetDelta, spec.LastOffsetDelta)
	h.seal(dst[start:])
	return dst, nil
}

// AppendEmptyBatch encodes a batch without records after dst. Compaction leaves one in place of a producer's last batch, so that
// its sequence stays known.
func AppendEmptyBatch(dst []byte, spec BatchSpec, maxTimestamp int64) []byte {
	start := len(dst)
	spec.Codec = Uncompressed
	dst = append(dst, make([]byte, HeaderSize)...)
	header{spec: spec, baseTimestamp: NoTimestamp, maxTimestamp: maxTimestamp, lastOffsetDelta: spec.LastOffsetDelta}.seal(dst[start:])
	return dst
}

// header is what the header of a batch is written from.
type header struct {
	spec            BatchSpec
	baseTimestamp   int64
	maxTimestamp    int64
	lastOffsetDelta int32
	count           int32
}

// seal writes the header of b, a whole batch but for it.
func (h header) seal(b Batch) {
	be := binary.BigEndian
	b.SetBaseOffset(h.spec.BaseOffset)
	be.PutUint32(b[posBatchLength:], uint32(len(b)-LogOverhead))
	b.SetLeaderEpoch(h.spec.LeaderEpoch)
	b[posMagic] = 2
	be.PutUint16(b[posAttributes:], uint16(h.spec.attributes()))
	be.PutUint32(b[posLastOffsetDelta:], uint32(h.lastOffsetDelta))
	be.PutUint64(b[posBaseTimestamp:], uint64(h.baseTimestamp))
	be.PutUint64(b[posMaxTimestamp:], uint64(h.maxTimestamp))
	be.PutUint64(b[posProducerID:], uint64(h.spec.ProducerID))
	be.PutUint16(b[posProducerEpoch:], uint16(h.spec.ProducerEpoch))
	be.PutUint32(b[posBaseSequence:], uint32(h.spec.BaseSequence))
	be.PutUint32(b[posRecordCount:], uint32(h.count))
	b.Reseal()
}

// appendRecord encodes one record.
func appendRecord(dst []byte, r *Record, timestampDelta, offsetDelta int64) []byte {
	size := 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + bytesSize(r.Key) + bytesSize(r.Value) + varintSize(int64(len(r.Headers)))
	for i := range r.Headers {
		size += varintSize(int64(len(r.Headers[i].Key))) + len(r.Headers[i].Key) + bytesSize(r.Headers[i].Value)
	}
	dst = appendVarint(dst, int64(size))
	dst = append(dst, 0) // attributes
	dst = appendVarint(dst, timestampDelta)
	dst = appendVarint(dst, offsetDelta)
	dst = appendBytes(dst, r.Key)
	dst = appendBytes(dst, r.Value)
	dst = appendVarint(dst, int64(len(r.Headers)))
	for i := range r.Headers {
		dst = appendVarint(dst, int64(len(r.Headers[i].Key)))
		dst = append(dst, r.Headers[i].Key...)
		dst = appendBytes(dst, r.Headers[i].Value)
	}
	return dst
}

func bytesSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return appendVarint(dst, -1)
	}
	dst = appendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

// encodeBuffer holds the records of a batch until they are compressed.
type encodeBuffer struct{ b []byte }

var encodeBuffers = sync.Pool{New: func() any { return new(encodeBuffer) }}

func (e *encodeBuffer) release() {
	if cap(e.b) <= maxKeptBytes {
		encodeBuffers.Put(e)
	}
}

// AppendEndTxnMarker encodes the control batch that ends a transaction of a producer (commit or abort).
func AppendEndTxnMarker(dst []byte, spec BatchSpec, timestamp int64, commit bool, coordinatorEpoch int32) []byte {
	spec.Codec, spec.Transactional, spec.Control, spec.BaseSequence = Uncompressed, true, true, NoSequence
	kind := ControlAbort
	if commit {
		kind = ControlCommit
	}
	key := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(kind)) // version 0, type
	value := binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(coordinatorEpoch))
	dst, err := AppendBatch(dst, spec, []Record{{Offset: spec.BaseOffset, Timestamp: timestamp, Key: key, Value: value}})
	if err != nil {
		panic(err) // one record of fixed size always fits
	}
	return dst
}
