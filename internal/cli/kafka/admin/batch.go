package admin

import "encoding/binary"

// Where a batch of records has its fields.
const (
	batchLength    = 8
	batchChecksum  = 17
	batchLastDelta = 23
	batchHeader    = 61
)

// batch is of a batch of records what must be the same on all replicas.
type batch struct {
	replica  int32
	last     int64 // offset of its last record
	checksum uint32
}

// nextBatch reads the first batch of some, and what comes behind it. It is false where no whole one is.
func nextBatch(records []byte) (b batch, rest []byte, ok bool) {
	if len(records) < batchHeader {
		return b, nil, false
	}
	size := batchLength + 4 + int64(int32(binary.BigEndian.Uint32(records[batchLength:])))
	if size < batchHeader || size > int64(len(records)) {
		return b, nil, false
	}
	b.last = int64(binary.BigEndian.Uint64(records)) + int64(int32(binary.BigEndian.Uint32(records[batchLastDelta:])))
	b.checksum = binary.BigEndian.Uint32(records[batchChecksum:])
	return b, records[size:], true
}
