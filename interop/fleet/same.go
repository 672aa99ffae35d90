package fleet

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Batch is what tells a batch of a replica's log from others.
type Batch struct {
	BaseOffset int64
	Epoch      int32
	CRC        uint32
}

// Log reads the batches of a partition from the node's segments, for instance of "topic-0".
func (n *Node) Log(partition string) ([]Batch, error) {
	var paths []string
	for _, dir := range n.LogDirs() {
		found, err := filepath.Glob(filepath.Join(dir, partition, "*.log"))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("node %d has no %s", n.ID, partition)
	}
	slices.SortFunc(paths, func(a, b string) int {
		if filepath.Base(a) < filepath.Base(b) {
			return -1
		}
		return 1
	})
	var out []Batch
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		const prefix, header = 12, 61
		for len(data) >= header {
			length := int(binary.BigEndian.Uint32(data[8:])) + prefix
			if length < header || length > len(data) { // preallocated, or being written
				break
			}
			out = append(out, Batch{int64(binary.BigEndian.Uint64(data)), int32(binary.BigEndian.Uint32(data[12:])), binary.BigEndian.Uint32(data[17:])})
			data = data[length:]
		}
	}
	return out, nil
}

// Same checks that two nodes hold the same batches of a partition, from the later of the two beginnings to the end, and tells how many.
func Same(a, b *Node, partition string) (int, error) {
	one, err := a.Log(partition)
	if err != nil {
		return 0, err
	}
	other, err := b.Log(partition)
	if err != nil {
		return 0, err
	}
	if len(one) > 0 && len(other) > 0 {
		from := max(one[0].BaseOffset, other[0].BaseOffset)
		one = slices.DeleteFunc(one, func(x Batch) bool { return x.BaseOffset < from })
		other = slices.DeleteFunc(other, func(x Batch) bool { return x.BaseOffset < from })
	}
	for i := range min(len(one), len(other)) {
		if one[i] != other[i] {
			return 0, fmt.Errorf("%s: batch %d is %+v on node %d and %+v on node %d", partition, i, one[i], a.ID, other[i], b.ID)
		}
	}
	if len(one) != len(other) {
		return 0, fmt.Errorf("%s: node %d has %d batches, node %d has %d", partition, a.ID, len(one), b.ID, len(other))
	}
	return len(one), nil
}
