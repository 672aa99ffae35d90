package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

func TestPropertyQuantilesAreWithinASixtyFourth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 200).Draw(t, "durations")
		var h, other histogram
		for i, v := range all {
			if i%2 == 0 {
				h.add(time.Duration(v))
			} else {
				other.add(time.Duration(v))
			}
		}
		h.merge(&other)
		slices.Sort(all)
		if h.n != int64(len(all)) || h.min != time.Duration(all[0]) || h.max != time.Duration(all[len(all)-1]) {
			t.Fatalf("%d from %v to %v", h.n, h.min, h.max)
		}
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
			want := float64(all[int(math.Ceil(q*float64(len(all))))-1])
			if got := float64(h.quantile(q)); got < want || got > want*(1+1.0/fine)+1 {
				t.Fatalf("quantile %v of %v: %v, want %v", q, all, got, want)
			}
		}
		sum := int64(0)
		for _, b := range h.bands() {
			sum += b.Count
		}
		if sum != h.n {
			t.Fatalf("bands of %v have %d of %d", all, sum, h.n)
		}
	})
}

func TestHistogramIsDrawn(t *testing.T) {
	var h histogram
	for range 3 {
		h.add(1500 * time.Microsecond)
	}
	h.add(30 * time.Millisecond)
	want := "" +
		"     1 ms to 2 ms      ██████████████████  75.00 %            3\n" +
		"     2 ms to 5 ms                           0.00 %            0\n" +
		"     5 ms to 10 ms                          0.00 %            0\n" +
		"    10 ms to 20 ms                          0.00 %            0\n" +
		"    20 ms to 50 ms     ██████              25.00 %            1\n"
	if got := h.draw(63); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	h.add(300 * time.Microsecond) // a label with a letter of two bytes
	for line := range strings.Lines(h.draw(63)) {
		if n := len([]rune(line)); n != 64 {
			t.Errorf("%d columns: %q", n-1, line)
		}
	}
	if got := (&histogram{}).draw(63); got != "" {
		t.Errorf("nothing is drawn as %q", got)
	}
	if got := spark([]float64{0, 1, 2, 4, 8, 16}, 6); got != "▁▁▂▃▅█" {
		t.Error(got)
	}
	if got := spark([]float64{1, 1, 3, 3}, 2); got != "▃█" {
		t.Error(got)
	}
	if got := bar(0.0001, 10) + "|" + bar(1, 3) + "|" + bar(0.5, 1); got != "▏|███|▌" {
		t.Error(got)
	}
}

func TestAMeasurementThatIsStoppedHasNotFailed(t *testing.T) {
	m := newMeter(0)
	m.fail(fmt.Errorf("record: %w", context.Canceled))
	m.fail(fmt.Errorf("record: %w", kgo.ErrClientClosed))
	if m.failed != 0 || m.first != nil {
		t.Errorf("%d failed: %v", m.failed, m.first)
	}
	if m.fail(errors.New("no leader")); m.failed != 1 || m.first == nil {
		t.Errorf("%d failed: %v", m.failed, m.first)
	}
}
