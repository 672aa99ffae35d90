package storage

import "encoding/binary"

// appendIndexEntry notes that the batch with the given last offset (relative to the segment's base) begins at position.
func appendIndexEntry(dst []byte, relativeOffset int64, position int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(relativeOffset))
	return binary.BigEndian.AppendUint32(dst, uint32(position))
}
