package run

import (
	"fmt"
	"slices"
	"time"

	"leat/internal/balance"
	"leat/internal/record"
)

// Status is what a runner does, for people.
type Status struct {
	At      time.Time `json:"at"`     // when this was so
	Active  bool      `json:"active"` // this node balances
	Mode    string    `json:"mode"`
	Stable  time.Time `json:"brokers_unchanged_since"`
	Next    time.Time `json:"next_plan"`
	Begun   []string  `json:"moving"`
	Pending int       `json:"moves_to_begin"`
	Notes   []string  `json:"notes"` // why nothing, or not more, is done
}

// Status is what the runner did when it looked last.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running {
		return Status{Notes: []string{"there is only one broker: nothing to even out"}}
	}
	return r.status
}

// tell notes what is done now.
func (r *Runner) tell(now time.Time, notes []string) {
	s := Status{At: now, Active: r.active, Stable: r.stable, Next: r.next, Pending: len(r.pending), Notes: notes, Mode: string(r.cfg.Settings().Limits.Mode)}
	for tp, m := range r.begun {
		s.Begun = append(s.Begun, describe(tp, &m.Move))
	}
	slices.Sort(s.Begun)
	r.mu.Lock()
	r.status = s
	r.mu.Unlock()
}

func describe(tp record.TopicPartition, m *balance.Move) string {
	return fmt.Sprintf("%s-%d %v -> %v (%s)", tp.Topic, tp.Partition, m.Before, m.After, m.Why)
}
