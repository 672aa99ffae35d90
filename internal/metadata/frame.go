package metadata

import (
	"fmt"
	"math"
)

// frameVersion is the version of the frame before each record's fields; Kafka has no other.
const frameVersion = 1

// AppendRecord encodes a record with its frame at the highest version known, as the value of a log record.
func AppendRecord(dst []byte, r Record) []byte { return AppendRecordAt(dst, r, r.MaxVersion()) }

// AppendRecordAt encodes a record with its frame at a version: see VersionAt.
func AppendRecordAt(dst []byte, r Record, version int16) []byte {
	c := cursor{dst: dst}
	c.uvarint(frameVersion)
	c.uvarint(uint32(r.Key()))
	c.uvarint(uint32(version))
	return r.AppendTo(c.dst, version)
}

// ParseRecord decodes the value of a log record.
func ParseRecord(value []byte) (Record, error) {
	c := cursor{reading: true, src: value}
	frame, key, version := c.uvarint(0), c.uvarint(0), c.uvarint(0)
	if c.err != nil {
		return nil, fmt.Errorf("%w: no frame in %d bytes", ErrMalformed, len(value))
	}
	if frame != frameVersion {
		return nil, fmt.Errorf("%w: frame version %d, known is %d: %s", ErrMalformed, frame, frameVersion, useNewer)
	}
	make := newRecord(key)
	if make == nil {
		return nil, fmt.Errorf("%w: record type %d is not known: %s", ErrMalformed, key, useNewer)
	}
	r := make()
	if version > math.MaxInt16 || int16(version) > r.MaxVersion() {
		return nil, fmt.Errorf("%w: %T version %d, known is up to %d: %s", ErrMalformed, r, version, r.MaxVersion(), useNewer)
	}
	if err := r.ReadFrom(c.src, int16(version)); err != nil {
		return nil, err
	}
	return r, nil
}

func newRecord(key uint32) func() Record {
	if key >= uint32(len(recordTypes)) {
		return nil
	}
	return recordTypes[key]
}

// visitor is what a record type has to give: its fields, named once for writing and reading.
type visitor interface {
	Record
	visit(c *cursor)
}

func write(r visitor, dst []byte, version int16) []byte {
	c := cursor{dst: dst, version: version}
	r.visit(&c)
	return c.dst
}

func read(r visitor, src []byte, version int16) error {
	c := cursor{reading: true, src: src, version: version}
	r.visit(&c)
	if c.err != nil {
		return fmt.Errorf("%T version %d: %w", r, version, c.err)
	}
	if len(c.src) != 0 {
		return fmt.Errorf("%T version %d: %w: %d bytes left over", r, version, ErrMalformed, len(c.src))
	}
	return nil
}

// Levels of metadata.version at which records change their version.
const (
	levelInControlledShutdown = 7  // 3.3-IV3: the least level that Kafka 4 accepts
	levelMigratingBroker      = 8  // 3.4-IV0
	levelDirectories          = 17 // 3.7-IV2
	levelEligibleLeaders      = 23 // 4.0-IV1
	levelCordonedDirs         = 30 // 4.3-IV0
)

// VersionAt is the version at which a record is written while metadata.version has the given level, so that every node that runs at that
// level can read it.
func VersionAt(r Record, level int16) int16 {
	switch r.(type) {
	case *RegisterBrokerRecord:
		return step(level, levelInControlledShutdown, levelMigratingBroker, levelDirectories, levelCordonedDirs)
	case *BrokerRegistrationChangeRecord:
		return step(level, levelInControlledShutdown, levelDirectories, levelCordonedDirs)
	case *PartitionRecord, *PartitionChangeRecord:
		return step(level, levelDirectories, levelEligibleLeaders)
	default:
		return r.MaxVersion()
	}
}

// step counts the thresholds that level has reached.
func step(level int16, thresholds ...int16) int16 {
	n := int16(0)
	for _, t := range thresholds {
		if level >= t {
			n++
		}
	}
	return n
}
