package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"leat/internal/record"
)

// A manifest, the file leat-clean-logs, is what a clean start has to know of each log of a directory, so that it need not look into theirs:
// magic, version uint32, CRC-32C uint32 of all that follows, then variable-length integers as written below. It is believed only beside
// the marker of the very stop that wrote it, and of a log only if its directory did not change since.
const (
	manifestMagic      = "leatlogs"
	manifestVersion    = 1
	manifestHeaderSize = len(manifestMagic) + 4 + 4
)

// errManifest means that a manifest cannot be used. Without one the logs' own directories tell the same.
var errManifest = errors.New("manifest of clean logs not usable")

// manifest is the logs of one directory as of a clean stop.
type manifest struct {
	marker int64 // modification time of the marker of that stop, in nanoseconds since 1970
	logs   []cleanLog
}

// cleanLog is one log, all of which was synced.
//
// Invariant: segments are not empty and rise by base; logStart <= highWater <= logEnd; epochs and snapshots rise.
type cleanLog struct {
	tp                          record.TopicPartition
	topicID                     record.UUID
	changed                     int64 // modification time of its directory
	logStart, logEnd, highWater int64
	segments                    []cleanSegment
	epochs                      []epochStart
	snapshots                   []int64 // offsets
	newestSnapshot              int64   // length of the last of them
}

// cleanSegment is one segment: bytes of the .log, and entries in its indexes.
type cleanSegment struct{ base, size, offsets, times, aborted int64 }

// encode orders the logs by name and writes them.
func (m *manifest) encode() []byte {
	slices.SortFunc(m.logs, func(a, b cleanLog) int {
		return cmp.Or(strings.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
	})
	out := make([]byte, manifestHeaderSize, manifestHeaderSize+16+len(m.logs)*64)
	copy(out, manifestMagic)
	binary.BigEndian.PutUint32(out[len(manifestMagic):], manifestVersion)
	out = binary.AppendVarint(out, m.marker)
	out = binary.AppendUvarint(out, uint64(len(m.logs)))
	var before cleanLog
	for i := range m.logs {
		out = m.logs[i].append(out, &before)
		before = m.logs[i]
	}
	binary.BigEndian.PutUint32(out[manifestHeaderSize-4:], crc32.Checksum(out[manifestHeaderSize:], castagnoli))
	return out
}

// append writes a log. Topic and id are left out where the log before has the same.
func (c *cleanLog) append(out []byte, before *cleanLog) []byte {
	if c.tp.Topic == before.tp.Topic {
		out = binary.AppendUvarint(out, 0)
	} else {
		out = binary.AppendUvarint(out, uint64(len(c.tp.Topic)))
		out = append(out, c.tp.Topic...)
	}
	out = binary.AppendUvarint(out, uint64(c.tp.Partition))
	if c.topicID == before.topicID {
		out = append(out, 0)
	} else {
		out = append(append(out, 1), c.topicID[:]...)
	}
	for _, n := range []int64{c.changed, c.logStart, c.logEnd, c.highWater} {
		out = binary.AppendVarint(out, n)
	}
	out = binary.AppendUvarint(out, uint64(len(c.segments)))
	for _, s := range c.segments {
		for _, n := range []int64{s.base, s.size, s.offsets, s.times, s.aborted} {
			out = binary.AppendUvarint(out, uint64(n))
		}
	}
	out = binary.AppendUvarint(out, uint64(len(c.epochs)))
	for _, e := range c.epochs {
		out = binary.AppendUvarint(out, uint64(e.epoch))
		out = binary.AppendUvarint(out, uint64(e.startOffset))
	}
	out = binary.AppendUvarint(out, uint64(len(c.snapshots)))
	for _, offset := range c.snapshots {
		out = binary.AppendUvarint(out, uint64(offset))
	}
	if len(c.snapshots) > 0 {
		out = binary.AppendUvarint(out, uint64(c.newestSnapshot))
	}
	return out
}

// decodeManifest is the inverse of encode.
func decodeManifest(b []byte) (*manifest, error) {
	if len(b) < manifestHeaderSize || string(b[:len(manifestMagic)]) != manifestMagic {
		return nil, fmt.Errorf("%w: it does not begin as one", errManifest)
	}
	if v := binary.BigEndian.Uint32(b[len(manifestMagic):]); v != manifestVersion {
		return nil, fmt.Errorf("%w: version %d, known is %d", errManifest, v, manifestVersion)
	}
	stored, sum := binary.BigEndian.Uint32(b[manifestHeaderSize-4:]), crc32.Checksum(b[manifestHeaderSize:], castagnoli)
	if stored != sum {
		return nil, fmt.Errorf("%w: CRC %08x, not %08x", errManifest, stored, sum)
	}
	r := manifestReader{b: b[manifestHeaderSize:]}
	m := &manifest{marker: r.signed()}
	n := r.count(minCleanLog)
	m.logs = make([]cleanLog, n)
	var before cleanLog
	for i := range m.logs {
		m.logs[i] = r.log(&before)
		if r.bad {
			break
		}
		before = m.logs[i]
	}
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("%w: it contradicts itself %d bytes before its end", errManifest, len(r.b))
	}
	return m, nil
}

// minCleanLog is the least that a log takes in a manifest, in bytes; minCleanSegment likewise.
const (
	minCleanLog     = 10
	minCleanSegment = 5
)

// manifestReader reads the integers of a manifest. After something that cannot be, bad is set and all else is zero.
type manifestReader struct {
	b   []byte
	bad bool
}

func (r *manifestReader) signed() int64 {
	n, size := binary.Varint(r.b)
	return r.took(n, size)
}

// number is one that is not negative.
func (r *manifestReader) number() int64 {
	n, size := binary.Uvarint(r.b)
	if n > 1<<63-1 {
		size = 0
	}
	return r.took(int64(n), size)
}

func (r *manifestReader) took(n int64, size int) int64 {
	if r.bad || size <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count is how many things follow that take at least so many bytes each: never more than the rest can hold.
func (r *manifestReader) count(least int) int {
	n := r.number()
	if n > int64(len(r.b)/least) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *manifestReader) bytes(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *manifestReader) log(before *cleanLog) (c cleanLog) {
	c.tp.Topic, c.topicID = before.tp.Topic, before.topicID
	if n := r.count(1); n > 0 {
		c.tp.Topic = string(r.bytes(n))
	}
	partition := r.number()
	c.tp.Partition = int32(partition)
	if b := r.bytes(1); len(b) == 1 && b[0] != 0 {
		copy(c.topicID[:], r.bytes(len(c.topicID)))
	}
	c.changed, c.logStart, c.logEnd, c.highWater = r.signed(), r.signed(), r.signed(), r.signed()
	c.segments = make([]cleanSegment, r.count(minCleanSegment))
	for i := range c.segments {
		c.segments[i] = cleanSegment{r.number(), r.number(), r.number(), r.number(), r.number()}
	}
	if n := r.count(2); n > 0 {
		c.epochs = make([]epochStart, n)
	}
	for i := range c.epochs {
		epoch := r.number()
		c.epochs[i] = epochStart{int32(epoch), r.number()}
		r.bad = r.bad || epoch > 1<<31-1
	}
	if n := r.count(1); n > 0 {
		c.snapshots = make([]int64, n)
	}
	for i := range c.snapshots {
		c.snapshots[i] = r.number()
	}
	if len(c.snapshots) > 0 {
		c.newestSnapshot = r.number()
	}
	r.bad = r.bad || partition > 1<<31-1 || !c.sound()
	return c
}

// sound checks the invariant.
func (c *cleanLog) sound() bool {
	rises := func(n int, at func(int) int64) bool {
		for i := 1; i < n; i++ {
			if at(i) <= at(i-1) {
				return false
			}
		}
		return true
	}
	return len(c.tp.Topic) > 0 && len(c.segments) > 0 &&
		c.segments[0].base <= c.logStart && c.logStart <= c.highWater && c.highWater <= c.logEnd &&
		c.segments[len(c.segments)-1].base <= c.logEnd &&
		rises(len(c.segments), func(i int) int64 { return c.segments[i].base }) &&
		rises(len(c.snapshots), func(i int) int64 { return c.snapshots[i] }) &&
		rises(len(c.epochs), func(i int) int64 { return int64(c.epochs[i].epoch) }) &&
		rises(len(c.epochs), func(i int) int64 { return c.epochs[i].startOffset })
}
