package why

import "time"

// History watches where groups stand from look to look, so that a group that stays at an offset can be told from one that reads and falls behind.
// It keeps only those that have something to read. The zero History has seen nothing.
type History struct {
	places map[seat]*past
	turn   bool // of looks: what was not seen at the last one is forgotten
}

type seat struct {
	group, topic string
	partition    int32
}

// past is what was seen of a place. Two windows are kept, so that there is always one to compare with.
type past struct {
	turn            bool
	committed       int64
	since           time.Time
	watermarkAtHold int64
	window, before  sample
}

type sample struct {
	at                   time.Time
	committed, watermark int64
}

// Begin begins a look. Each place is then told once to See, and End forgets those that were not.
func (h *History) Begin() {
	if h.places == nil {
		h.places = map[seat]*past{}
	}
	h.turn = !h.turn
}

// See takes in where a group stands, and fills in since when and what was before.
func (h *History) See(now time.Time, window time.Duration, group string, s *Standing) {
	if s.Lag() == 0 {
		return
	}
	k := seat{group, s.Topic, s.Partition}
	p := h.places[k]
	if p == nil {
		p = &past{committed: s.Committed, since: now, watermarkAtHold: s.HighWatermark}
		p.window = sample{now, s.Committed, s.HighWatermark}
		p.before = p.window
		h.places[k] = p
	}
	p.turn = h.turn
	if p.committed != s.Committed {
		p.committed, p.since, p.watermarkAtHold = s.Committed, now, s.HighWatermark
	}
	if now.Sub(p.window.at) >= window {
		p.before, p.window = p.window, sample{now, s.Committed, s.HighWatermark}
	}
	s.Since, s.WatermarkAtHold = p.since, p.watermarkAtHold
	s.Then, s.ThenCommitted, s.ThenWatermark = p.before.at, p.before.committed, p.before.watermark
}

// End ends a look.
func (h *History) End() {
	for k, p := range h.places {
		if p.turn != h.turn {
			delete(h.places, k)
		}
	}
}
