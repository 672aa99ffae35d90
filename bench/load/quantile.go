package load

import (
	"math"
	"time"
)

// Quantile is, in milliseconds, the smallest of the sorted durations that at least the share q of them does not exceed.
func Quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return float64(sorted[min(max(rank, 1), len(sorted))-1]) / 1e6
}
