package epochs

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"

	"github.com/zeebo/xxh3"

	"leat/internal/metadata"
)

// Hasher hashes topics as Kafka does (XXH3 over id, name, partitions and their racks) and remembers the hashes of single topics.
// The zero value is ready.
type Hasher struct {
	known map[*metadata.Topic]uint64
	buf   []byte
}

// Forget drops what is remembered: racks may have changed with a new image.
func (h *Hasher) Forget() { h.known = nil }

// MetadataHash hashes those of the topics that exist; 0 if none does. names are sorted.
func (h *Hasher) MetadataHash(image *metadata.Image, names []string) int64 {
	var all []byte
	for _, name := range names {
		if t, ok := image.Topic(name); ok {
			all = binary.LittleEndian.AppendUint64(all, h.topic(image, t))
		}
	}
	if len(all) == 0 {
		return 0
	}
	return int64(xxh3.Hash(all))
}

// topic hashes one topic.
func (h *Hasher) topic(image *metadata.Image, t *metadata.Topic) uint64 {
	if v, ok := h.known[t]; ok {
		return v
	}
	b := append(h.buf[:0], 0) // the version of this scheme
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(t.ID[:8]))
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(t.ID[8:]))
	b = appendText(b, t.Name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Partitions)))
	for p, partition := range t.Partitions {
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
		for _, rack := range racks(image, partition) {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(utf16.Encode([]rune(rack)))))
			b = appendText(b, rack)
		}
	}
	if h.known == nil {
		h.known = make(map[*metadata.Topic]uint64)
	}
	v := xxh3.Hash(b)
	h.buf, h.known[t] = b, v
	return v
}

// racks lists the racks of a partition's replicas, in order.
func racks(image *metadata.Image, p *metadata.Partition) []string {
	var all []string
	for _, id := range p.Replicas {
		if b, ok := image.Broker(id); ok && b.Rack != "" {
			all = append(all, b.Rack)
		}
	}
	slices.Sort(all)
	return all
}

// appendText adds a string in UTF-16, little endian, and then its length.
func appendText(b []byte, s string) []byte {
	units := utf16.Encode([]rune(s))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(len(units)))
}
