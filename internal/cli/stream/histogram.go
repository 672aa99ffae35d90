package stream

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"
	"unicode/utf8"
)

// histogram counts durations in buckets that are at most 1/64 wide of what they hold, in a memory that does not grow.
type histogram struct {
	counts   [buckets]int64
	n        int64
	sum      time.Duration
	min, max time.Duration
}

const (
	fine    = 64 // buckets for each doubling
	exact   = 2 * fine
	buckets = exact + 40*fine // up to 2^47 ns, a day and a half; longer ones stand in the last
)

// bucketOf is where a duration is counted: by nanoseconds at first, then by 64ths.
func bucketOf(d time.Duration) int {
	v := uint64(max(0, d))
	if v < exact {
		return int(v)
	}
	shift := bits.Len64(v) - bits.Len64(exact) + 1
	return min(buckets-1, shift*fine+int(v>>shift))
}

// highest is the longest duration of a bucket.
func highest(bucket int) time.Duration {
	if bucket < exact {
		return time.Duration(bucket)
	}
	shift := bucket/fine - 1
	return time.Duration(uint64(bucket-shift*fine+1)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)]++
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// merge adds what another one has counted.
func (h *histogram) merge(o *histogram) {
	if o.n == 0 {
		return
	}
	for i, n := range o.counts {
		h.counts[i] += n
	}
	if h.n == 0 || o.min < h.min {
		h.min = o.min
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// quantile is the duration that a share q of all does not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := int64(math.Ceil(q*float64(h.n))), int64(0)
	for i, n := range h.counts {
		if seen += n; seen >= rank && n > 0 {
			return max(h.min, min(h.max, highest(i)))
		}
	}
	return h.max
}

func (h *histogram) mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// band is a part of a histogram as it is shown.
type band struct {
	From  float64 `json:"from_ms"`
	To    float64 `json:"to_ms"`
	Count int64   `json:"count"`
}

// bands are the counts between 1, 2, 5, 10, 20, 50 and so on, from the first that has any to the last. A bucket on an edge counts below it.
func (h *histogram) bands() []band {
	var all []band
	low, at := time.Duration(0), 0
	for edge := time.Microsecond; at < buckets && h.n > 0; edge = next(edge) {
		b := band{From: millis(low), To: millis(edge)}
		for at < buckets && (highest(at) <= edge || edge > 1<<46) {
			b.Count += h.counts[at]
			at++
		}
		if low = edge; b.Count > 0 || len(all) > 0 {
			all = append(all, b)
		}
	}
	for len(all) > 0 && all[len(all)-1].Count == 0 {
		all = all[:len(all)-1]
	}
	return all
}

// next is the step after d of 1, 2, 5, 10.
func next(d time.Duration) time.Duration {
	unit := d
	for unit >= 10 {
		unit /= 10
	}
	if unit == 2 {
		return d / 2 * 5
	}
	return 2 * d
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// draw draws the bands as bars that fit a width.
func (h *histogram) draw(columns int) string {
	var out strings.Builder
	all := h.bands()
	most := int64(1)
	for _, b := range all {
		most = max(most, b.Count)
	}
	for _, b := range all {
		label := fmt.Sprintf("%9s to %-9s", short(b.From), short(b.To))
		count := fmt.Sprintf(" %6.2f %% %12s", 100*float64(b.Count)/float64(h.n), thousands(b.Count))
		room := max(10, columns-utf8.RuneCountInString(label)-len(count)-1)
		filled := bar(float64(b.Count)/float64(most), room)
		fmt.Fprintf(&out, "%s %s%s%s\n", label, filled, strings.Repeat(" ", max(0, room-len([]rune(filled)))), count)
	}
	return out.String()
}

// short writes milliseconds in the unit that reads best.
func short(ms float64) string {
	switch {
	case ms == 0:
		return "0"
	case ms < 1:
		return fmt.Sprintf("%g µs", math.Round(ms*1000))
	case ms < 1000:
		return fmt.Sprintf("%g ms", ms)
	}
	return fmt.Sprintf("%g s", ms/1000)
}

// bar is a bar of eighths of a column; what there is shows at least one of them.
func bar(share float64, room int) string {
	eighths := int(math.Round(share * float64(room) * 8))
	if share > 0 {
		eighths = max(1, eighths)
	}
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}

// spark draws a row of numbers, one column each; more than fit are averaged.
func spark(values []float64, columns int) string {
	if len(values) > columns {
		var less []float64
		for i := range columns {
			a, z := i*len(values)/columns, (i+1)*len(values)/columns
			sum := 0.0
			for _, v := range values[a:z] {
				sum += v
			}
			less = append(less, sum/float64(z-a))
		}
		values = less
	}
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	var out strings.Builder
	for _, v := range values {
		step := 0
		if most > 0 {
			step = int(math.Round(v / most * 7))
		}
		out.WriteRune([]rune("▁▂▃▄▅▆▇█")[step])
	}
	return out.String()
}
