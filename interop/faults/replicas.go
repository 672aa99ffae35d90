package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// What of a batch's header the comparison needs.
const (
	batchLength   = 8
	batchBody     = 12 // what the length does not count
	batchHeader   = 61
	batchLastFrom = 23
)

// batch is a batch as it lies in a file.
type batch struct {
	from, to int64 // offsets, the second one behind the last record
	bytes    []byte
}

// batches reads a replica's segments in order.
func batches(dir string) ([]batch, error) {
	segments, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, err
	}
	slices.Sort(segments)
	var all []batch
	for _, segment := range segments {
		data, err := os.ReadFile(segment)
		if err != nil {
			return nil, err
		}
		for at := 0; at < len(data); {
			rest := data[at:]
			if len(rest) < batchHeader {
				return nil, fmt.Errorf("%s: %d bytes at position %d are no batch", segment, len(rest), at)
			}
			size := batchBody + int(binary.BigEndian.Uint32(rest[batchLength:]))
			if size > len(rest) || size < batchHeader {
				return nil, fmt.Errorf("%s: a batch of %d bytes at position %d, but %d are left", segment, size, at, len(rest))
			}
			from := int64(binary.BigEndian.Uint64(rest))
			all = append(all, batch{from, from + int64(binary.BigEndian.Uint32(rest[batchLastFrom:])) + 1, rest[:size]})
			at += size
		}
	}
	return all, nil
}

// same compares the replicas of one partition: each must have the same batches in the same bytes, epochs and checksums with them. Where they
// must be equal to the end, none may be shorter; otherwise what they have in common counts.
func same(dirs []string, toTheEnd bool) error {
	first, err := batches(dirs[0])
	if err != nil {
		return err
	}
	at := map[int64]batch{}
	for _, b := range first {
		at[b.from] = b
	}
	for _, dir := range dirs[1:] {
		other, err := batches(dir)
		if err != nil {
			return err
		}
		for _, b := range other {
			switch a, ok := at[b.from]; {
			case ok && !bytes.Equal(a.bytes, b.bytes):
				return fmt.Errorf("offset %d: %s has a batch of %d bytes, epoch %d, crc %x, and %s has one of %d bytes, epoch %d, crc %x", b.from,
					dirs[0], len(a.bytes), epoch(a), crc(a), dir, len(b.bytes), epoch(b), crc(b))
			case !ok && toTheEnd:
				return fmt.Errorf("offset %d: %s has a batch that %s does not have", b.from, dir, dirs[0])
			}
		}
		if toTheEnd && len(other) != len(first) {
			return fmt.Errorf("%s has %d batches up to offset %d, %s has %d up to %d", dirs[0], len(first), end(first), dir, len(other), end(other))
		}
	}
	return nil
}

func epoch(b batch) uint32 { return binary.BigEndian.Uint32(b.bytes[batchBody:]) }

func crc(b batch) uint32 { return binary.BigEndian.Uint32(b.bytes[17:]) }

func end(all []batch) int64 {
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].to
}
