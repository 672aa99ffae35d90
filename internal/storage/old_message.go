package storage

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"leat/internal/record"
)

// checkOldMessage checks the CRC of a whole message of magic 0 or 1, as it stands in a log: offset, length, CRC, and what that covers. A batch whose
// header is torn before its magic, with zeros behind, looks like one.
func checkOldMessage(b []byte) error {
	const crcAt = record.LogOverhead
	stored, sum := binary.BigEndian.Uint32(b[crcAt:]), crc32.ChecksumIEEE(b[crcAt+4:])
	if stored != sum {
		return fmt.Errorf("message of magic %d at offset %d: CRC %08x, the content has %08x: %w", b[16], binary.BigEndian.Uint64(b), stored, sum, record.ErrCorrupt)
	}
	return nil
}
