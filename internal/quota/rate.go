package quota

import "math"

// Rate is how much came in a second, counted in samples of a window's length, as Kafka's Rate over a WindowedSum does.
//
// One sample more is kept than the window has, because the oldest may lie partly before it.
type Rate struct {
	samples []sample
	current int
}

// sample counts what came from its start on until the next one began.
type sample struct {
	start, last int64
	sum         float64
}

// Record counts v at now; below zero it takes back what was counted before.
func (r *Rate) Record(w Window, v float64, now int64) {
	if len(r.samples) == 0 {
		r.samples = append(r.samples, sample{start: now, last: now})
	}
	s := &r.samples[r.current]
	if now-s.start >= w.Millis {
		s = r.advance(w, now)
	}
	s.sum += v
	s.last = max(s.last, now)
}

func (r *Rate) advance(w Window, now int64) *sample {
	r.current = (r.current + 1) % (w.Samples + 1)
	if r.current >= len(r.samples) {
		r.samples = append(r.samples, sample{})
	}
	r.samples[r.current] = sample{start: now, last: now}
	return &r.samples[r.current]
}

// Measure is the rate at now, and the milliseconds that it was taken over. They are never less than all samples but one: a client that has just begun
// may take at once what it saved. (Of a window of a single sample it is all of what came in its first millisecond.)
func (r *Rate) Measure(w Window, now int64) (rate float64, over int64) {
	sum, oldest := 0.0, now
	for i := range r.samples {
		s := &r.samples[i]
		if now-s.last >= w.span() {
			*s = sample{start: now, last: now}
		}
		sum += s.sum
		oldest = min(oldest, s.start)
	}
	over = max(0, now-oldest)
	if whole := over / w.Millis; whole < int64(w.Samples-1) {
		over += (int64(w.Samples-1) - whole) * w.Millis
	}
	over = max(over, 1)
	return sum / (float64(over) / 1000), over
}

// Throttle is for how many milliseconds nothing may come until the rate is down to the limit.
func Throttle(rate, limit float64, over int64) int64 {
	if rate <= limit {
		return 0
	}
	return round((rate - limit) / limit * float64(over))
}

// round is Java's: halves go up. What no number of milliseconds can hold is the largest.
func round(v float64) int64 {
	if v >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(math.Floor(v + 0.5))
}

// Millis32 is a number of milliseconds as answers tell it.
func Millis32(ms int64) int32 { return int32(max(0, min(ms, math.MaxInt32))) }
