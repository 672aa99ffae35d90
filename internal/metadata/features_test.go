package metadata

import "testing"

func TestLevelsBetweenWhichNothingChanged(t *testing.T) {
	for _, c := range []struct {
		from, to int16
		changed  bool
	}{{33, 33, false}, {33, 32, true}, {31, 30, false}, {30, 29, true}, {29, 23, false}, {23, 22, true}, {22, 17, false}, {20, 16, true}, {10, 8, false}} {
		if got := MetadataChanged(c.from, c.to); got != c.changed {
			t.Errorf("%d to %d: changed %v, want %v", c.from, c.to, got, c.changed)
		}
		if got := MetadataChanged(c.to, c.from); got != c.changed {
			t.Errorf("%d to %d: changed %v, want %v", c.to, c.from, got, c.changed)
		}
	}
}
