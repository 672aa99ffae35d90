package balance

import (
	"math"
	"slices"
)

// evenCounts moves replicas from brokers with many to brokers with few. What is moved has about the size that the two differ by in bytes per replica
// moved, so that bytes become even on the way.
func (b *board) evenCounts() {
	pool := b.pool()
	if len(pool) < 2 {
		return
	}
	w := b.countBounds(pool)
	if !b.uneven(pool, w) {
		return
	}
	c := counting{board: b, bounds: w, lists: b.byBytes(unsettled), mean: map[int32]float64{}}
	for k, mean := range b.means(pool) {
		c.mean[pool[k]] = mean
	}
	// First what helps both sides, then what helps one and does not harm the other.
	for _, c.both = range []bool{true, false} {
		for moved := true; moved; {
			moved = false
			for _, pr := range pairs(pool, b.countOf, func(i int32) bool { return b.countOf(i) > w.low }, func(i int32) bool { return b.countOf(i) < w.high }) {
				moved = c.between(pr) || moved
			}
		}
	}
}

func (b *board) countOf(i int32) float64 { return float64(b.brokers[i].count) }

func (b *board) uneven(pool []int32, w bounds) bool {
	return slices.ContainsFunc(pool, func(i int32) bool { return w.outside(b.countOf(i)) })
}

// counting is one run of evenCounts.
type counting struct {
	*board
	bounds
	lists [][]int32
	mean  map[int32]float64 // bytes that a broker shall have
	both  bool              // only moves that help giver and taker
}

// between moves replicas between two brokers while that brings their counts nearer to the bounds, and reports whether it moved any.
func (c *counting) between(pr pair) bool {
	moved := false
	var list []int32
	for c.better(c.countOf(pr.from), c.countOf(pr.to), c.both) {
		if list == nil {
			list = c.fitting(c.lists, pr)
		}
		at := c.nearest(list, c.sizeWanted(pr), math.MaxInt, func(p *part) bool { return c.fits(p, pr.from, pr.to) }) // a disk may fill on the way
		if at < 0 {
			break
		}
		c.shift(c.lists, list[at], pr, ForCount)
		list = slices.Delete(list, at, at+1)
		moved = true
	}
	return moved
}

// sizeWanted is how large the next replica between the two is best: their distance from the bytes that they shall have, shared out over the moves
// that are still to come.
func (c *counting) sizeWanted(pr pair) float64 {
	f, t := &c.brokers[pr.from], &c.brokers[pr.to]
	bytes := min(float64(f.bytes)-c.mean[pr.from], c.mean[pr.to]-float64(t.bytes))
	moves := max(1, min(float64(f.count)-c.low, c.high-float64(t.count)))
	return max(0, bytes/moves)
}
