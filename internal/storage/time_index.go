package storage

import "encoding/binary"

// appendTimeIndexEntry notes that timestamp is the greatest in the segment up to the batch with the given last offset.
func appendTimeIndexEntry(dst []byte, timestamp int64, relativeOffset int64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(timestamp))
	return binary.BigEndian.AppendUint32(dst, uint32(relativeOffset))
}
