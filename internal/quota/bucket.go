package quota

// Bucket gives out tokens, which come back at a rate; as many as come in a whole window may be saved (KIP-599). It may be in debt: who takes many at once
// gets them and waits afterwards.
type Bucket struct {
	tokens  float64
	updated int64
}

// Take takes n tokens; below zero gives back.
func (b *Bucket) Take(w Window, limit, n float64, now int64) {
	b.refill(w, limit, now)
	b.tokens = min(burst(w, limit), b.tokens-n)
}

// Left is how many there are; below zero: in debt.
func (b *Bucket) Left(w Window, limit float64, now int64) float64 {
	b.refill(w, limit, now)
	return b.tokens
}

// Debt is for how many milliseconds a bucket with so many tokens left is in debt.
func Debt(left, limit float64) int64 {
	if left >= 0 {
		return 0
	}
	return round(-left / limit * 1000)
}

func (b *Bucket) refill(w Window, limit float64, now int64) {
	b.tokens = min(burst(w, limit), b.tokens+limit*float64(max(0, now-b.updated))/1000)
	b.updated = max(now, b.updated)
}

func burst(w Window, limit float64) float64 {
	return float64(w.Samples) * float64(w.Millis) / 1000 * limit
}

// Full reports whether nothing of what was taken is missing any more.
func (b *Bucket) Full(w Window, limit float64, now int64) bool {
	return b.Left(w, limit, now) >= burst(w, limit)
}
