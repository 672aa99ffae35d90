package record

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// Sent is what one client sent to one topic, in order.
type Sent struct {
	Records []Record
	Acks    []Ack // one per record
}

// Add appends what another call sent.
func (s *Sent) Add(records []Record, acks []Ack) {
	s.Records = append(s.Records, records...)
	s.Acks = append(s.Acks, acks...)
}

// Reading says how the records were read.
type Reading struct {
	Timestamps bool // false if the sender left the time to the client, so that it is not known here
	Partitions int32
	Partition  Partitioner // where a keyed record belongs; nil if the client does not promise it
}

// Judge compares what was read with what was sent, byte for byte: nothing missing, nothing twice, nothing else, records of
// one key in one partition and in order, and each record where the broker told its producer.
func Judge(sent Sent, got []Placed, how Reading) error {
	if len(sent.Acks) != len(sent.Records) {
		return fmt.Errorf("%d records sent, %d acknowledged", len(sent.Records), len(sent.Acks))
	}
	indexes := map[string]int{}
	for i, r := range sent.Records {
		indexes[content(r, how)] = i
	}
	if len(indexes) != len(sent.Records) {
		return errors.New("the suite made two equal records") // its own fault
	}
	got = slices.SortedFunc(slices.Values(got), func(a, b Placed) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	seen := map[int]bool{}
	lastOfKey := map[string]int{}
	placeOfKey := map[string]int32{}
	for i, p := range got {
		index, known := indexes[content(p.Record, how)]
		if !known {
			return fmt.Errorf("partition %d offset %d: nobody sent %s", p.Partition, p.Offset, p.Content())
		}
		if seen[index] {
			return fmt.Errorf("partition %d offset %d: record %d came twice", p.Partition, p.Offset, index)
		}
		seen[index] = true
		if i > 0 && got[i-1].Partition == p.Partition && got[i-1].Offset+1 != p.Offset {
			return fmt.Errorf("partition %d: offset %d comes after %d", p.Partition, p.Offset, got[i-1].Offset)
		}
		if ack := sent.Acks[index]; ack.Partition >= 0 && (ack.Partition != p.Partition || ack.Offset != p.Offset) {
			return fmt.Errorf("record %d: acknowledged at partition %d offset %d, read at partition %d offset %d",
				index, ack.Partition, ack.Offset, p.Partition, p.Offset)
		}
		if p.Key == nil {
			continue
		}
		if err := judgeKey(p, index, lastOfKey, placeOfKey, how); err != nil {
			return err
		}
	}
	if len(got) != len(sent.Records) {
		for i, r := range sent.Records {
			if !seen[i] {
				return fmt.Errorf("%d of %d records read; the first that is missing is record %d (%s): %s",
					len(got), len(sent.Records), i, r.Codec, r.Content())
			}
		}
	}
	return nil
}

func judgeKey(p Placed, index int, lastOfKey map[string]int, placeOfKey map[string]int32, how Reading) error {
	if how.Partition == nil {
		return nil
	}
	want := how.Partition(p.Key, how.Partitions)
	if want < 0 {
		return nil // this partitioner takes any partition for such a key
	}
	key := string(p.Key)
	if p.Partition != want {
		return fmt.Errorf("key %q is in partition %d, its hash says %d", key, p.Partition, want)
	}
	if place, ok := placeOfKey[key]; ok && place != p.Partition {
		return fmt.Errorf("key %q is in partitions %d and %d", key, place, p.Partition)
	}
	if last, ok := lastOfKey[key]; ok && last > index {
		return fmt.Errorf("key %q: record %d comes before record %d, sent the other way round", key, last, index)
	}
	placeOfKey[key], lastOfKey[key] = p.Partition, index
	return nil
}

func content(r Record, how Reading) string {
	if !how.Timestamps {
		r.Timestamp = 0
	}
	return r.Content()
}

// Partitioner is where a keyed record belongs; -1 means anywhere.
type Partitioner func(key []byte, partitions int32) int32

// CRC32 is librdkafka's default, consistent_random: empty keys go anywhere.
func CRC32(key []byte, partitions int32) int32 {
	if len(key) == 0 {
		return -1
	}
	return int32(crc32.ChecksumIEEE(key) % uint32(partitions))
}

// Murmur2 is the Java client's default.
func Murmur2(key []byte, partitions int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % partitions
}

func murmur2(data []byte) uint32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(data))
	for rest := data; ; rest = rest[4:] {
		if len(rest) >= 4 {
			k := uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16 | uint32(rest[3])<<24
			k *= m
			k ^= k >> 24
			h = h*m ^ k*m
			continue
		}
		for i := len(rest) - 1; i >= 0; i-- {
			h ^= uint32(rest[i]) << (8 * i)
		}
		if len(rest) > 0 {
			h *= m
		}
		break
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
