package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// PrefixSize is how many bytes of a batch Prefix needs: up to and with the magic, which stands in the same place in every format.
const PrefixSize = posMagic + 1

// Least lengths of what follows the length field. A legacy message of magic 0 has CRC, magic, attributes and two lengths; magic 1
// adds a timestamp.
const (
	minLength       = HeaderSize - LogOverhead
	minLengthMagic0 = 4 + 1 + 1 + 4 + 4
	minLengthMagic1 = minLengthMagic0 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Prefix reads the whole size and the magic of the batch that begins with b, of which it needs PrefixSize bytes. Magic 0 and 1 are
// no error here: their size is right, so a scan can step over them. A size or magic that cannot be is ErrCorrupt.
func Prefix(b []byte) (size int, magic int8, err error) {
	if len(b) < PrefixSize {
		return 0, 0, fmt.Errorf("%w: %d bytes, a batch needs %d", ErrIncomplete, len(b), HeaderSize)
	}
	length := int64(int32(binary.BigEndian.Uint32(b[posBatchLength:])))
	magic = int8(b[posMagic])
	least := int64(minLength)
	switch magic {
	case 2:
	case 1:
		least = minLengthMagic1
	case 0:
		least = minLengthMagic0
	default:
		return 0, magic, corruptf("magic %d at offset %d: only 0, 1 and 2 exist", magic, Batch(b).BaseOffset())
	}
	if length < least {
		return 0, magic, corruptf("length %d at offset %d: at least %d for magic %d", length, Batch(b).BaseOffset(), least, magic)
	}
	return int(length + LogOverhead), magic, nil
}

// Split cuts the first whole batch from b and returns it and the rest. It checks length and magic only, not the CRC.
// ErrIncomplete if b ends inside the batch (also when shorter than a header), io.EOF if b is empty.
//
// For a whole batch of magic 0 or 1 the error is ErrUnsupportedMagic, and the batch and the rest are returned all the same, so
// that a scan can step over it; of such a batch only BaseOffset, Size and Magic may be asked.
func Split(b []byte) (Batch, []byte, error) {
	if len(b) == 0 {
		return nil, nil, io.EOF
	}
	size, magic, err := Prefix(b)
	if err != nil {
		return nil, b, err
	}
	if len(b) < size {
		return nil, b, fmt.Errorf("%w: %d of %d bytes at offset %d", ErrIncomplete, len(b), size, Batch(b).BaseOffset())
	}
	batch, rest := Batch(b[:size:size]), b[size:]
	if magic != 2 {
		return batch, rest, fmt.Errorf("%w: magic %d at offset %d (%d bytes): only magic 2 is read", ErrUnsupportedMagic, magic, batch.BaseOffset(), size)
	}
	return batch, rest, nil
}

// Check verifies length, magic and CRC of one whole batch.
func (b Batch) Check() error {
	size, magic, err := Prefix(b)
	if err != nil {
		return err
	}
	if magic != 2 {
		return fmt.Errorf("%w: magic %d at offset %d: only magic 2 is read", ErrUnsupportedMagic, magic, b.BaseOffset())
	}
	if size != len(b) {
		return corruptf("length %d at offset %d: the batch has %d bytes", size-LogOverhead, b.BaseOffset(), len(b))
	}
	if computed := b.computeCRC(); computed != b.CRC() {
		return corruptf("CRC %08x at offset %d: the content has %08x", b.CRC(), b.BaseOffset(), computed)
	}
	return nil
}

// Reseal recomputes the CRC after attributes or timestamps were changed in place.
func (b Batch) Reseal() { binary.BigEndian.PutUint32(b[posCRC:], b.computeCRC()) }

func (b Batch) computeCRC() uint32 { return crc32.Checksum(b[posAttributes:], castagnoli) }

// SetMaxTimestamp writes the greatest timestamp and the log-append-time bit in place; the caller reseals.
func (b Batch) SetMaxTimestamp(ts int64, logAppendTime bool) {
	attributes := b.Attributes() &^ attrLogAppendTime
	if logAppendTime {
		attributes |= attrLogAppendTime
	}
	binary.BigEndian.PutUint16(b[posAttributes:], uint16(attributes))
	binary.BigEndian.PutUint64(b[posMaxTimestamp:], uint64(ts))
}
