package compact

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// wellFormed checks the invariant of the map.
func wellFormed(t *testing.T, m *OffsetMap) {
	t.Helper()
	run := 0 // where the current run of used slots began
	for i, s := range m.slots {
		if s.offset == 0 {
			run = i + 1
			continue
		}
		if home := int(scale(s.hi, m.homes)); home > i || home < run {
			t.Fatalf("slot %d of the run from %d has its home at %d", i, run, home)
		}
		if i > run && (m.slots[i-1].hi > s.hi || m.slots[i-1].hi == s.hi && m.slots[i-1].lo >= s.lo) {
			t.Fatalf("slot %d is not behind the one before it", i)
		}
	}
}

func TestOffsetMapIsAMapUntilItIsFull(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, bytes := range []int64{0, 10_000, 100_000} {
		for _, load := range []float64{0.1, 0.9, 1} {
			m := NewOffsetMap(bytes, load)
			for _, keys := range []int64{1 << 40, 100, 1 << 40} {
				m.Reset(keys, 5)
				want, full := map[string]int64{}, 0
				for offset := range int64(12_000) {
					k := fmt.Sprint(rng.IntN(8000))
					_, known := want[k]
					ok := m.Put([]byte(k), offset)
					switch {
					case ok:
						want[k] = offset
					case known:
						t.Fatalf("no room for a key that is there")
					default:
						full++
					}
				}
				wellFormed(t, m)
				for k := range 8100 {
					last, ok := want[fmt.Sprint(k)]
					if !ok {
						last = -1
					}
					if got := m.Last(fmt.Append(nil, k)); got != last {
						t.Fatalf("key %d: %d, want %d", k, got, last)
					}
				}
				if m.Len() != len(want) || bytes/slotSize < 7000 && full == 0 || keys == 100 && len(m.slots) > int(200/load)+200 {
					t.Errorf("%d bytes, load %v: %d keys of %d, %d refused, %d slots", bytes, load, m.Len(), len(want), full, len(m.slots))
				}
				if len(m.slots)*slotSize > max(int(bytes), minSlots*slotSize) {
					t.Errorf("%d slots in %d bytes", len(m.slots), bytes)
				}
			}
		}
	}
}

func BenchmarkOffsetMap(b *testing.B) {
	m := NewOffsetMap(24<<20, 0.9)
	m.Reset(1<<40, 0)
	keys := make([][]byte, 1<<20)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "some-key-of-an-order-%d", i)
	}
	for _, k := range keys[:len(keys)*88/100] {
		m.Put(k, 1)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		k := keys[i&(1<<20-1)]
		m.Put(k, 2)
		m.Last(k)
		i++
	}
}
