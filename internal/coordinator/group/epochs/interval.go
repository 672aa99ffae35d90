package epochs

import "time"

// MayAssign reports whether a new target assignment may be computed: when none was before, or the last is at least an interval old. A
// group that thousands of members join at once is so assigned once per interval, not once per member (KIP-1263).
func MayAssign(last int64, interval time.Duration, now time.Time) bool {
	return last == 0 || interval == 0 || now.UnixMilli() >= last+interval.Milliseconds()
}
