package machine

import "time"

// Meter is told how a runner gets on. Its methods are called from several goroutines at once, and must be quick.
type Meter interface {
	Queued(change int)                    // events that wait
	Handled(waited, took time.Duration)   // an event: in the queue, and by the machine and the log
	Flushed(lingered, took time.Duration) // a batch: since its first decision, and by the log
	Committed(after time.Duration)        // a batch: since it was appended
}

// noMeter is the Meter of a runner without one.
type noMeter struct{}

func (noMeter) Queued(int)                           {}
func (noMeter) Handled(time.Duration, time.Duration) {}
func (noMeter) Flushed(time.Duration, time.Duration) {}
func (noMeter) Committed(time.Duration)              {}
