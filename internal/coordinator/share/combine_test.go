package share

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func parseBatches(t *testing.T, text string) []Batch {
	t.Helper()
	var all []Batch
	for field := range strings.FieldsSeq(text) {
		var b Batch
		if _, err := fmt.Sscanf(field, "%d-%d:%d*%d", &b.FirstOffset, &b.LastOffset, &b.DeliveryState, &b.DeliveryCount); err != nil {
			t.Fatalf("%s: %v", field, err)
		}
		all = append(all, b)
	}
	return all
}

func TestBatchesCombineAsKafkas(t *testing.T) {
	text, err := os.ReadFile("testdata/combine.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		n++
		parts := strings.Split(line, "|")
		start, err := strconv.ParseInt(strings.TrimSpace(parts[0]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := combine(parseBatches(t, parts[1]), parseBatches(t, parts[2]), start)
		if diff := cmp.Diff(parseBatches(t, parts[3]), got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-Kafka's +ours):\n%s", strings.TrimSpace(line), diff)
		}
	}
	if n < 300 {
		t.Fatalf("only %d cases", n)
	}
}

// TestPropertyEachRecordHasItsHighestBatch compares the sweep with a loop over all offsets.
func TestPropertyEachRecordHasItsHighestBatch(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		some := func() (all []Batch) {
			for range r.IntN(12) {
				first := r.Int64N(60)
				all = append(all, Batch{first, first + r.Int64N(15) - 1, int8(2 * r.IntN(3)), int16(r.IntN(4))})
			}
			return all
		}
		before, newer, start := some(), some(), r.Int64N(40)-1
		got := combine(before, newer, start)
		at := func(list []Batch, offset int64) *Batch {
			var best *Batch
			for i := range list {
				if b := &list[i]; b.FirstOffset <= offset && offset <= b.LastOffset && (best == nil || b.outranks(best)) {
					best = b
				}
			}
			return best
		}
		for offset := range int64(80) {
			want, have := at(append(append([]Batch(nil), before...), newer...), offset), at(got, offset)
			if offset < start {
				want = nil
			}
			if (want == nil) != (have == nil) || want != nil && !want.sameDelivery(have) {
				t.Fatalf("seed %d, offset %d: want %v, have %v in %v", seed, offset, want, have, got)
			}
		}
		for i := 1; i < len(got); i++ {
			if got[i].FirstOffset <= got[i-1].LastOffset || got[i].FirstOffset == got[i-1].LastOffset+1 && got[i].sameDelivery(&got[i-1]) {
				t.Fatalf("seed %d: %v overlap or could be one", seed, got)
			}
		}
	}
}
