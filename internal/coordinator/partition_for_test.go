package coordinator

import "testing"

func TestPartitionForIsJavasHash(t *testing.T) {
	for _, c := range []struct {
		id    string
		count int32
		want  int32
	}{
		{"", 50, 0},
		{"a", 50, 47},                 // hash 97
		{"my-group", 50, 12},          // hash -1906497762
		{"polygenelubricants", 50, 0}, // hash -2147483648
		{"groupe-\u00e9t\u00e9", 50, 3},
		{"\U0001f600", 50, 49}, // two UTF-16 units, hash 1772899
	} {
		if got := PartitionFor(c.id, c.count); got != c.want {
			t.Errorf("PartitionFor(%q, %d) = %d, want %d", c.id, c.count, got, c.want)
		}
	}
}
