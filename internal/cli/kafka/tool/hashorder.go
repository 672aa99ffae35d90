package tool

import (
	"slices"
	"unicode/utf16"
)

// HashOrder is the order in which a Java HashMap, or HashSet, of strings has its keys. Some tools print in it, and scripts may have got used to it.
func HashOrder(keys []string) []string {
	return HashOrderFunc(keys, HashCode)
}

// HashOrderFunc is [HashOrder] for keys with a hash code of their own.
func HashOrderFunc[K any](keys []K, code func(K) int32) []K {
	return hashOrder(keys, code, 16)
}

// SizedHashOrder is [HashOrder] of a map that was made for as many keys as it has.
func SizedHashOrder(keys []string) []string {
	return SizedHashOrderFunc(keys, HashCode)
}

// SizedHashOrderFunc is [SizedHashOrder] for keys with a hash code of their own.
func SizedHashOrderFunc[K any](keys []K, code func(K) int32) []K {
	table := 1
	for table < len(keys) {
		table *= 2
	}
	return hashOrder(keys, code, table)
}

func hashOrder[K any](keys []K, code func(K) int32, table int) []K {
	for float64(len(keys)) > float64(table)*0.75 {
		table *= 2
	}
	ordered := slices.Clone(keys)
	slices.SortStableFunc(ordered, func(a, b K) int { return bucket(code(a), table) - bucket(code(b), table) })
	return ordered
}

func bucket(code int32, table int) int {
	h := uint32(code)
	return int(h^h>>16) & (table - 1)
}

// HashCode is the hash code of a Java string.
func HashCode(s string) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(unit)
	}
	return h
}

// PartitionHash is the hash code of a TopicPartition of Kafka's clients.
func PartitionHash(topic string, partition int32) int32 {
	return 31*(31+partition) + HashCode(topic)
}
