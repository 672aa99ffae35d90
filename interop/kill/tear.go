package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"leat/interop/target"
)

// What of a batch's header tearing needs: offset and length come first, the number of its last record later.
const (
	lengthAt     = 8
	lengthEnd    = 12
	lastRecordAt = 23
	lastRecordTo = 27
)

// tear appends the beginning of a batch to the active segment of a partition. A kill alone never leaves one, because the system
// finishes a write that it has begun; a machine that stops does.
func tear(rng *rand.Rand, node *target.Node, topic string) (string, error) {
	partition := fmt.Sprintf("%s-%d", topic, rng.IntN(partitions))
	segments, err := filepath.Glob(filepath.Join(node.DataDir(), partition, "*.log"))
	if err != nil || len(segments) == 0 {
		return "", fmt.Errorf("%s has no segments: %w", partition, err)
	}
	path := slices.Max(segments)
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	batch := nextBatch(data)
	if batch == nil {
		return "", nil // an empty segment: nothing to begin a batch like
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = f.Write(batch[:1+rng.IntN(len(batch)-1)])
	return path, err
}

// nextBatch is the last batch of a segment again, with the offset that would follow.
func nextBatch(data []byte) []byte {
	var last []byte
	for rest := data; len(rest) >= lastRecordTo; {
		size := lengthEnd + int(binary.BigEndian.Uint32(rest[lengthAt:]))
		if size > len(rest) {
			break
		}
		last, rest = rest[:size], rest[size:]
	}
	if last == nil {
		return nil
	}
	batch := slices.Clone(last)
	next := binary.BigEndian.Uint64(last) + uint64(binary.BigEndian.Uint32(last[lastRecordAt:])) + 1
	binary.BigEndian.PutUint64(batch, next)
	return batch
}
