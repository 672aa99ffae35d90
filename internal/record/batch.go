package record

import "encoding/binary"

// Byte positions of the fields of a record batch header (magic 2), and its length.
const (
	posBaseOffset           = 0
	posBatchLength          = 8
	posPartitionLeaderEpoch = 12
	posMagic                = 16
	posCRC                  = 17
	posAttributes           = 21
	posLastOffsetDelta      = 23
	posBaseTimestamp        = 27
	posMaxTimestamp         = 35
	posProducerID           = 43
	posProducerEpoch        = 51
	posBaseSequence         = 53
	posRecordCount          = 57

	// HeaderSize is the length in bytes of the header of a magic 2 batch.
	HeaderSize = 61
	// LogOverhead is the part of the header that the batch length field does not count: base offset and the length itself.
	LogOverhead = 12
)

// Values of the header fields when they say nothing.
const (
	NoProducerID    int64 = -1
	NoProducerEpoch int16 = -1
	NoSequence      int32 = -1
	NoTimestamp     int64 = -1
	NoLeaderEpoch   int32 = -1
)

// Bits of the attributes field.
const (
	attrCodecMask     = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
	attrDeleteHorizon = 0x40
)

// Batch is the bytes of exactly one whole record batch of magic 2, header included. It aliases whatever buffer it was cut
// from. Methods assume len(b) >= HeaderSize; only Split and Validate make that true for foreign bytes.
type Batch []byte

// BaseOffset is the offset of the batch's first record (which compaction may have removed).
func (b Batch) BaseOffset() int64 { return int64(binary.BigEndian.Uint64(b[posBaseOffset:])) }

// SetBaseOffset writes the base offset in place. It lies outside the CRC.
func (b Batch) SetBaseOffset(o int64) { binary.BigEndian.PutUint64(b[posBaseOffset:], uint64(o)) }

// Size is the whole length in bytes that the header claims.
func (b Batch) Size() int {
	return int(int32(binary.BigEndian.Uint32(b[posBatchLength:]))) + LogOverhead
}

// LeaderEpoch is the epoch of the leader that appended the batch.
func (b Batch) LeaderEpoch() int32 {
	return int32(binary.BigEndian.Uint32(b[posPartitionLeaderEpoch:]))
}

// SetLeaderEpoch writes the partition leader epoch in place. It lies outside the CRC.
func (b Batch) SetLeaderEpoch(e int32) {
	binary.BigEndian.PutUint32(b[posPartitionLeaderEpoch:], uint32(e))
}

// Magic is the format version; 2 for every batch that this package writes.
func (b Batch) Magic() int8 { return int8(b[posMagic]) }

// CRC is the stored CRC-32C of everything from the attributes on.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[posCRC:]) }

// Attributes is the raw attributes field.
func (b Batch) Attributes() int16 { return int16(binary.BigEndian.Uint16(b[posAttributes:])) }

// LastOffsetDelta is the distance from the base offset to the last offset.
func (b Batch) LastOffsetDelta() int32 {
	return int32(binary.BigEndian.Uint32(b[posLastOffsetDelta:]))
}

// LastOffset is the offset of the last record, inclusive.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the first offset after the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// BaseTimestamp is the timestamp (ms since the epoch) that record deltas count from, or the delete horizon if HasDeleteHorizon.
func (b Batch) BaseTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[posBaseTimestamp:])) }

// MaxTimestamp is the greatest record timestamp, or the append time if LogAppendTime.
func (b Batch) MaxTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[posMaxTimestamp:])) }

// ProducerID is the id of the idempotent producer, or NoProducerID.
func (b Batch) ProducerID() int64 { return int64(binary.BigEndian.Uint64(b[posProducerID:])) }

// ProducerEpoch is the epoch of the producer id.
func (b Batch) ProducerEpoch() int16 { return int16(binary.BigEndian.Uint16(b[posProducerEpoch:])) }

// BaseSequence is the sequence number of the first record, or NoSequence.
func (b Batch) BaseSequence() int32 { return int32(binary.BigEndian.Uint32(b[posBaseSequence:])) }

// LastSequence is the sequence number of the last record. Sequences wrap from 2147483647 to 0.
func (b Batch) LastSequence() int32 { return AddSequence(b.BaseSequence(), b.LastOffsetDelta()) }

// Count is the number of records.
func (b Batch) Count() int32 { return int32(binary.BigEndian.Uint32(b[posRecordCount:])) }

// Codec is the compression of the records.
func (b Batch) Codec() Codec { return Codec(b.Attributes() & attrCodecMask) }

// LogAppendTime reports whether MaxTimestamp is the broker's append time and holds for every record.
func (b Batch) LogAppendTime() bool { return b.Attributes()&attrLogAppendTime != 0 }

// Transactional reports whether the batch belongs to a transaction.
func (b Batch) Transactional() bool { return b.Attributes()&attrTransactional != 0 }

// Control reports whether the batch holds control records, which consumers never see.
func (b Batch) Control() bool { return b.Attributes()&attrControl != 0 }

// HasDeleteHorizon reports whether BaseTimestamp is the time at which tombstones in the batch may go (KIP-534).
func (b Batch) HasDeleteHorizon() bool { return b.Attributes()&attrDeleteHorizon != 0 }

// Payload is what follows the header: the records, compressed as Codec says.
func (b Batch) Payload() []byte { return b[HeaderSize:] }

// AddSequence adds n to a sequence number with the wrap that Kafka uses: after 2147483647 comes 0.
func AddSequence(seq, n int32) int32 {
	if s := int64(seq) + int64(n); s > 1<<31-1 {
		return int32(s - 1<<31)
	}
	return seq + n
}

// Header is one header of a record. A nil Value is null.
type Header struct {
	Key   string
	Value []byte
}

// Record is one decoded record. Key and Value alias the buffer they were decoded from; nil is null. Timestamp is in ms.
type Record struct {
	Offset    int64
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

// ControlType is the kind of a control record, the second field of its key.
type ControlType int16

// The control record types of Kafka 4.4.
const (
	ControlAbort          ControlType = 0
	ControlCommit         ControlType = 1
	ControlLeaderChange   ControlType = 2
	ControlSnapshotHeader ControlType = 3
	ControlSnapshotFooter ControlType = 4
	ControlKRaftVersion   ControlType = 5
	ControlKRaftVoters    ControlType = 6
)
