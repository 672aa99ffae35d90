package machine

import (
	"errors"
	"testing"
	"time"
)

// silent is a machine that answers nobody.
type silent struct{}

func (silent) Handle(time.Time, int) Result[int] { return Result[int]{} }
func (silent) Apply(Entry[int])                  {}
func (silent) Tick(time.Time) Result[int]        { return Result[int]{} }
func (silent) Due() time.Time                    { return time.Time{} }

// TestTheEndCostsWhatWaitsAndNotWhatWasAnswered stops a runner that has given out a year's tickets.
func TestTheEndCostsWhatWaitsAndNotWhatWasAnswered(t *testing.T) {
	r := NewRunner(RunnerConfig[int, int]{Name: "silent", Machine: silent{}})
	r.last = 1 << 42
	var heard []int
	for i := range 3 {
		r.Submit(func(Ticket) int { return i }, func(_ any, err error) {
			if errors.Is(err, ErrUnloaded) {
				heard = append(heard, i)
			}
		})
	}
	r.Close()
	if len(heard) != 3 || heard[0] != 0 || heard[1] != 1 || heard[2] != 2 {
		t.Errorf("told %v, want each once in the order in which they came", heard)
	}
}
