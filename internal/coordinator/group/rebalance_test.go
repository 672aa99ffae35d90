package group

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// come is somebody who joins with the id that it is given at once.
func (h *holder) come() machine.Ticket {
	return h.join(h.answers[h.join("")].(*kmsg.JoinGroupResponse).MemberID)
}

func (h *holder) generation(t machine.Ticket) int32 {
	if resp, ok := h.answers[t].(*kmsg.JoinGroupResponse); ok {
		return resp.Generation
	}
	return 0
}

// TestTheFirstGenerationWaitsForWhoeverComesInAnInstant without an initial delay: the few that come first are not a group of their own, one that is
// alone and many that have come are not held up, and those who go on coming hold nobody up for long.
func TestTheFirstGenerationWaitsForWhoeverComesInAnInstant(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		first, then int           // members that come at once, and after the pause
		pause       time.Duration // in which nobody comes
		most        time.Duration // that the first generation takes
		together    bool
	}{
		"alone":                       {first: 1, most: 4 * ms},
		"alone, another comes late":   {first: 1, pause: 5 * ms, then: 1, most: 4 * ms},
		"few come, many follow":       {first: 2, pause: 15 * ms, then: 300, most: 35 * ms, together: true},
		"few come, nobody follows":    {first: 3, most: 18 * ms},
		"all come at once":            {first: 10, most: 8 * ms},
		"many come, many follow":      {first: 250, pause: 15 * ms, then: 250, most: 43 * ms, together: true},
		"many come, one follows late": {first: 100, pause: 15 * ms, then: 1, most: 12 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHolder(t)
			began := h.now
			var first, last machine.Ticket
			for range c.first {
				first = h.come()
			}
			last = first
			h.after(c.pause)
			for range c.then {
				last = h.come()
			}
			if c.together || c.then == 0 {
				h.after(began.Add(c.most).Sub(h.now) - ms)
				if g := h.generation(first); g != 0 {
					t.Errorf("generation %d begins early", g)
				}
				h.after(ms)
			}
			if g := h.generation(first); g != 1 {
				t.Errorf("generation %d after %s", g, h.now.Sub(began))
			}
			if g := h.generation(last); (g == 1) != (c.together || c.then == 0) {
				t.Errorf("the last one is in generation %d", g)
			}
		})
	}
}

// TestAWaitForFewEndsSoonerWhenMoreCome and when whoever was given an id has come.
func TestAWaitForFewEndsSoonerWhenMoreCome(t *testing.T) {
	h := newHolder(t)
	first, given := h.come(), h.join("")
	h.after(5 * time.Millisecond)
	for range 8 {
		h.come()
	}
	h.join(h.answers[given].(*kmsg.JoinGroupResponse).MemberID)
	h.after((arrivalQuiet + arrivalFirst) * time.Millisecond)
	if g := h.generation(first); g != 1 {
		t.Errorf("generation %d %d ms after the last of many has come", g, arrivalQuiet+arrivalFirst)
	}
}

func TestThoseWhoGoOnComingHoldNobodyUpForLong(t *testing.T) {
	h := newHolder(t)
	began, first := h.now, h.come()
	for h.generation(first) == 0 && h.now.Sub(began) < 2*time.Second {
		h.come()
		h.after(3 * time.Millisecond)
	}
	if took := h.now.Sub(began); took < 900*time.Millisecond || took > 1010*time.Millisecond {
		t.Errorf("the first generation begins after %s", took)
	}
}
