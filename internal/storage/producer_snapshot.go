package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"
)

// A .snapshot file holds the producer table as of the offset in its name: version int16 (1), CRC-32C uint32 of all that
// follows, number of entries int32, entries.
const (
	snapshotVersion    = 1
	snapshotHeaderSize = 2 + 4 + 4
	snapshotEntrySize  = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errSnapshot means that a snapshot file cannot be used; an older one and the log behind it give the same.
var errSnapshot = errors.New("corrupt producer snapshot")

// formatSnapshot encodes the table, ordered by producer id.
func (t *producerTable) formatSnapshot() []byte {
	list := make([]*producerEntry, 0, t.byID.len())
	for e := range t.byID.all() {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *producerEntry) int { return cmp.Compare(a.id, b.id) })
	out := make([]byte, snapshotHeaderSize, snapshotHeaderSize+len(list)*snapshotEntrySize)
	binary.BigEndian.PutUint16(out, snapshotVersion)
	binary.BigEndian.PutUint32(out[6:], uint32(len(list)))
	for _, e := range list {
		m := e.last()
		out = binary.BigEndian.AppendUint64(out, uint64(e.id))
		out = binary.BigEndian.AppendUint16(out, uint16(e.epoch))
		out = binary.BigEndian.AppendUint32(out, uint32(m.lastSequence))
		out = binary.BigEndian.AppendUint64(out, uint64(m.lastOffset))
		out = binary.BigEndian.AppendUint32(out, uint32(m.offsetDelta))
		out = binary.BigEndian.AppendUint64(out, uint64(e.lastTimestamp))
		out = binary.BigEndian.AppendUint32(out, uint32(e.coordinatorEpoch))
		out = binary.BigEndian.AppendUint64(out, uint64(e.txnFirstOffset))
	}
	binary.BigEndian.PutUint32(out[2:], crc32.Checksum(out[6:], castagnoli))
	return out
}

// parseSnapshot is the inverse of formatSnapshot.
func parseSnapshot(b []byte) ([]producerEntry, error) {
	if len(b) < snapshotHeaderSize {
		return nil, fmt.Errorf("%w: %d bytes are shorter than its header", errSnapshot, len(b))
	}
	v := binary.BigEndian.Uint16(b)
	if v > snapshotVersion && v < 100 { // further on it is damage
		return nil, &newerForm{"version", int64(v), strconv.Itoa(snapshotVersion)}
	}
	if v != snapshotVersion {
		return nil, fmt.Errorf("%w: version %d, known is %d", errSnapshot, v, snapshotVersion)
	}
	if stored, sum := binary.BigEndian.Uint32(b[2:]), crc32.Checksum(b[6:], castagnoli); stored != sum {
		return nil, fmt.Errorf("%w: CRC %08x, not %08x", errSnapshot, stored, sum)
	}
	n := int64(int32(binary.BigEndian.Uint32(b[6:])))
	b = b[snapshotHeaderSize:]
	if n < 0 || n*snapshotEntrySize > int64(len(b)) {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", errSnapshot, n, len(b))
	}
	list := make([]producerEntry, 0, n)
	for ; n > 0; n, b = n-1, b[snapshotEntrySize:] {
		list = append(list, parseSnapshotEntry(b))
	}
	return list, nil
}

func parseSnapshotEntry(b []byte) producerEntry {
	e := newProducerEntry(int64(binary.BigEndian.Uint64(b)))
	e.epoch = int16(binary.BigEndian.Uint16(b[8:]))
	m := batchMeta{
		lastSequence: int32(binary.BigEndian.Uint32(b[10:])),
		lastOffset:   int64(binary.BigEndian.Uint64(b[14:])),
		offsetDelta:  int32(binary.BigEndian.Uint32(b[22:])),
		timestamp:    int64(binary.BigEndian.Uint64(b[26:])),
	}
	e.lastTimestamp = m.timestamp
	e.coordinatorEpoch = int32(binary.BigEndian.Uint32(b[34:]))
	e.txnFirstOffset = max(-1, int64(binary.BigEndian.Uint64(b[38:])))
	if m.lastOffset >= 0 {
		e.push(m)
		e.short = m.firstSequence() > 0
	}
	return e
}

// checkSnapshotVersion refuses a log whose newest snapshot is of a later version, before anything of it is changed.
func (l *Log) checkSnapshotVersion() error {
	n := len(l.snapshot)
	if n == 0 {
		return nil
	}
	path := l.name(offsetName(l.snapshot[n-1], snapshotSuffix))
	f, err := l.fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return l.diskError("open", err)
	}
	var header [snapshotHeaderSize]byte
	read, err := f.ReadAt(header[:], 0)
	_ = f.Close() // only read
	if err != nil && err != io.EOF {
		return l.diskError("open", err)
	}
	if _, err := parseSnapshot(header[:read]); errors.Is(err, ErrNewer) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
