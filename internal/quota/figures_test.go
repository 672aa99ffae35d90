package quota

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// counter is what the figures are of.
type counter interface {
	step(v float64, now int64) (measured float64, throttle int64)
}

type rateOf struct {
	Rate
	w     Window
	limit float64
}

func (r *rateOf) step(v float64, now int64) (float64, int64) {
	r.Record(r.w, v, now)
	rate, over := r.Measure(r.w, now)
	return rate, Throttle(rate, r.limit, over)
}

type bucketOf struct {
	Bucket
	w     Window
	limit float64
}

func (b *bucketOf) step(v float64, now int64) (float64, int64) {
	b.Take(b.w, b.limit, v, now)
	left := b.Left(b.w, b.limit, now)
	return left, Debt(left, b.limit)
}

// The figures are those of Kafka's Rate, TokenBucket and throttle times: time, value, measured, milliseconds to wait.
func TestFiguresAreKafkas(t *testing.T) {
	text, err := os.ReadFile("testdata/kafka-4.4-figures.txt")
	if err != nil {
		t.Fatal(err)
	}
	var c counter
	var title string
	lines, stories := 0, 0
	for line := range strings.Lines(string(text)) {
		if head, rest, ok := strings.Cut(strings.TrimSpace(line), " samples="); ok {
			w, limit := Window{}, 0.0
			if _, err := fmt.Sscanf(rest, "%d window=%d bound=%g", &w.Samples, &w.Millis, &limit); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			w.Millis *= 1000
			title, c = head, &rateOf{w: w, limit: limit}
			if strings.HasPrefix(head, "bucket") {
				c = &bucketOf{w: w, limit: limit}
			}
			stories++
			continue
		}
		var now, throttle int64
		var v, measured float64
		if _, err := fmt.Sscanf(line, "%d %g %g %d", &now, &v, &measured, &throttle); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got, wait := c.step(v, now)
		if math.Abs(got-measured) > 1e-9*max(1, math.Abs(measured)) || wait != throttle {
			t.Fatalf("%s: at %d after %g: measured %g, wait %d ms, Kafka measures %g and waits %d ms", title, now, v, got, wait, measured, throttle)
		}
		lines++
	}
	if stories != 9 || lines < 500 {
		t.Fatalf("%d stories of %d lines", stories, lines)
	}
}
