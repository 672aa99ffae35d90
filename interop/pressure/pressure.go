// Package pressure tells how long something would have taken on a machine that has nothing else to do.
//
// Suites that promise something in so many seconds run beside others that take all processors. What Linux counts as the time in which some process waited for a
// processor or a disk (/proc/pressure) is not held against whoever was measured meanwhile; where it counts nothing, all of the time is.
package pressure

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Span is a time that is measured, from its beginning on.
type Span struct {
	began  time.Time
	waited time.Duration
}

// Begin begins a span.
func Begin() Span { return Span{began: time.Now(), waited: waited()} }

// Took is how long it lasts already.
func (s Span) Took() time.Duration { return time.Since(s.began) }

// Own is how much of that nobody had to wait for a processor or a disk.
func (s Span) Own() time.Duration { return max(0, s.Took()-(waited()-s.waited)) }

// waited is for how long since the machine started some process has waited.
func waited() (sum time.Duration) {
	for _, of := range []string{"cpu", "io"} {
		text, err := os.ReadFile("/proc/pressure/" + of)
		if err != nil {
			continue // it is not counted
		}
		sum += some(string(text))
	}
	return sum
}

// some is the total of the line about times in which some processes waited, and not all.
func some(text string) time.Duration {
	for line := range strings.Lines(text) {
		var average [3]float64
		var total int64
		if n, _ := fmt.Sscanf(line, "some avg10=%g avg60=%g avg300=%g total=%d", &average[0], &average[1], &average[2], &total); n == 4 {
			return time.Duration(total) * time.Microsecond
		}
	}
	return 0
}
