package record

import "encoding/binary"

// varint reads a zigzag varint of at most 32 bits. n is its length; 0 if b ends inside it, negative if it does not fit.
func varint(b []byte) (v int32, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int32(b[0]>>1) ^ -int32(b[0]&1), 1
	}
	u, n := binary.Uvarint(b[:min(len(b), binary.MaxVarintLen32)])
	if n == 0 && len(b) >= binary.MaxVarintLen32 || u > 1<<32-1 {
		return 0, -1
	}
	return int32(uint32(u)>>1) ^ -int32(u&1), n
}

// varlong is varint for 64 bits.
func varlong(b []byte) (v int64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	u, n := binary.Uvarint(b)
	return int64(u>>1) ^ -int64(u&1), n
}

// appendVarint encodes v in zigzag form. An int32 has the same encoding as the int64 of its value.
func appendVarint(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v)<<1^uint64(v>>63))
}

// varintSize is the length of the encoding of v.
func varintSize(v int64) int {
	n := 1
	for u := uint64(v)<<1 ^ uint64(v>>63); u >= 0x80; u >>= 7 {
		n++
	}
	return n
}
