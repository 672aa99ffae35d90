package coordinator

import "math"

// PartitionFor returns the partition of an internal topic that a group or transactional id belongs to: Kafka's
// abs(String.hashCode) modulo count, where hashCode counts UTF-16 code units.
func PartitionFor(id string, count int32) int32 {
	if count <= 0 {
		return 0
	}
	var hash int32
	for _, r := range id {
		if r > 0xffff {
			r -= 0x10000
			hash = hash*31 + (0xd800 + r>>10)
			r = 0xdc00 + r&0x3ff
		}
		hash = hash*31 + r
	}
	switch {
	case hash == math.MinInt32:
		return 0
	case hash < 0:
		hash = -hash
	}
	return hash % count
}
