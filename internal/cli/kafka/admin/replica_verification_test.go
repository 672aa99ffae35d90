package admin

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"
)

// batchOf is a batch without records: from an offset to another, with a checksum.
func batchOf(base, last int64, checksum uint32) []byte {
	b := make([]byte, batchHeader+3)
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint32(b[batchLength:], uint32(len(b)-batchLength-4))
	binary.BigEndian.PutUint32(b[batchChecksum:], checksum)
	binary.BigEndian.PutUint32(b[batchLastDelta:], uint32(last-base))
	return b
}

func TestReplicasAreComparedBatchByBatch(t *testing.T) {
	orders := partition{"orders", 0}
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	one, two := batchOf(5, 7, 11), batchOf(8, 9, 12)
	both := slices.Concat(one, two)
	for name, c := range map[string]struct {
		first, second fetched
		offset        int64
		says          string
		same          bool
	}{
		"equal":                    {fetched{both, 10}, fetched{both, 10}, 10, "", true},
		"one is behind":            {fetched{both, 10}, fetched{one, 8}, 8, "", true},
		"up to the high watermark": {fetched{both, 9}, fetched{both, 9}, 8, "", true},
		"half a batch":             {fetched{both[:len(both)-1], 10}, fetched{both, 10}, 8, "", true},
		"one does not answer":      {fetched{both, 10}, fetched{nil, -1}, 5, "", true},
		"another checksum": {fetched{one, 10}, fetched{batchOf(5, 7, 99), 10}, 8,
			"2026-01-02 03:04:05,006: partition orders-0 has unmatched checksum at offset 7; replica 1's checksum 11; replica 2's checksum 99", true},
		"another offset": {fetched{one, 10}, fetched{batchOf(5, 6, 11), 10}, 5,
			"2026-01-02 03:04:05,006: partition orders-0: replica 1's offset 7 doesn't match replica 2's offset 6", false},
	} {
		t.Run(name, func(t *testing.T) {
			v := &verifier{order: []partition{orders}, replicas: map[partition][]int32{orders: {1, 2}}, offsets: map[partition]int64{orders: 5}, reported: now, every: time.Second}
			lines, same := v.verify(map[partition]map[int32]fetched{orders: {1: c.first, 2: c.second}}, now)
			if got := strings.Join(lines, "\n"); got != c.says || same != c.same || v.offsets[orders] != c.offset {
				t.Errorf("%q, same %t, offset %d", got, same, v.offsets[orders])
			}
		})
	}
}

func TestTheLargestLagIsReported(t *testing.T) {
	a, b := partition{"a", 0}, partition{"b", 0}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	v := &verifier{order: []partition{a, b}, replicas: map[partition][]int32{a: {1}, b: {1}}, offsets: map[partition]int64{a: 1, b: 2}, reported: now, every: time.Second}
	behind := map[partition]map[int32]fetched{a: {1: {nil, 4}}, b: {1: {nil, 9}}}
	if lines, _ := v.verify(behind, now.Add(time.Second)); len(lines) != 0 {
		t.Errorf("too early: %q", lines)
	}
	lines, _ := v.verify(behind, now.Add(1500*time.Millisecond))
	if want := "2026-01-02 03:04:06,500: max lag is 7 for partition b-0 at offset 2 among 2 partitions"; len(lines) != 1 || lines[0] != want {
		t.Errorf("%q", lines)
	}
}
