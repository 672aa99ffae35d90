package server

import (
	"math"
	"time"
)

// minutes turns a number of minutes into a duration; numbers past the range become the longest.
func minutes(n int64) time.Duration {
	if n > int64(math.MaxInt64/time.Minute) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Minute
}
