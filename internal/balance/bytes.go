package balance

import (
	"math"
	"slices"
)

// Bounds on the search for two replicas to swap: what is not found among these is left as it is.
const (
	swapsTried = 200
	swapLooks  = 50
)

// evenBytes moves replicas, or swaps two, so that brokers hold bytes in proportion to their disks. Counts stay within what evenCounts
// accepts.
func (b *board) evenBytes() {
	pool := b.pool()
	if len(pool) < 2 {
		return
	}
	e := weighing{board: b, of: map[int32]bounds{}, mean: map[int32]float64{}}
	uneven := false
	for k, mean := range b.means(pool) {
		w := around(mean, b.limits.Tolerance, float64(b.limits.MinBytes)/2)
		e.of[pool[k]], e.mean[pool[k]] = w, mean
		uneven = uneven || w.outside(float64(b.brokers[pool[k]].bytes))
	}
	if !uneven {
		return
	}
	counts := b.countBounds(pool)
	e.least, e.most = counts.wideLow, counts.wideHigh
	if b.uneven(pool, counts) {
		e.least, e.most = counts.low, counts.high
	}
	e.lists = b.byBytes(unsettled)
	for _, between := range []func(pair) bool{e.give, e.swaps} {
		for moved := true; moved; {
			moved = false
			for _, pr := range pairs(pool, e.over, func(i int32) bool { return e.over(i) > 0 }, func(i int32) bool { return e.over(i) < 0 }) {
				moved = between(pr) || moved
			}
		}
	}
}

// weighing is one run of evenBytes.
type weighing struct {
	*board
	of          map[int32]bounds
	mean        map[int32]float64
	lists       [][]int32
	least, most float64 // number of replicas that a broker must keep, or may have
}

// over is how many bytes a broker has more than it shall have.
func (e *weighing) over(i int32) float64 { return float64(e.brokers[i].bytes) - e.mean[i] }

// excess is by how much a broker is outside its bounds with so many bytes more.
func (e *weighing) excess(i int32, more float64) float64 {
	has := float64(e.brokers[i].bytes) + more
	return max(0, has-e.of[i].high, e.of[i].low-has)
}

// gains reports whether so many bytes going from one to the other bring the two nearer to their bounds. A byte is not enough: what is gained must
// be worth a tenth of what is copied.
func (e *weighing) gains(pr pair, bytes, copied float64) bool {
	now := e.excess(pr.from, 0) + e.excess(pr.to, 0)
	then := e.excess(pr.from, -bytes) + e.excess(pr.to, bytes)
	return now-then > copied/10
}

// wanted is how many bytes would best go from one to the other.
func (e *weighing) wanted(pr pair) float64 { return min(e.over(pr.from), -e.over(pr.to)) }

// off reports whether one of the two is outside its bounds, so that something may be gained.
func (e *weighing) off(pr pair) bool {
	return e.excess(pr.from, 0)+e.excess(pr.to, 0) > 0 && e.wanted(pr) > 0
}

// give moves replicas while that gains, and reports whether it moved any.
func (e *weighing) give(pr pair) bool {
	moved := false
	var list []int32
	for e.off(pr) && e.countOf(pr.from)-1 >= e.least && e.countOf(pr.to)+1 <= e.most {
		if list == nil {
			list = e.fitting(e.lists, pr)
		}
		at := e.nearest(list, e.wanted(pr), math.MaxInt, func(p *part) bool {
			return e.gains(pr, float64(p.in.Bytes), float64(p.in.Bytes)) && e.fits(p, pr.from, pr.to)
		})
		if at < 0 {
			break
		}
		e.shift(e.lists, list[at], pr, ForBytes)
		list = slices.Delete(list, at, at+1)
		moved = true
	}
	return moved
}

// swaps swaps replicas of two brokers while that gains, and reports whether it swapped any.
func (e *weighing) swaps(pr pair) bool {
	moved := false
	for e.swap(pr) {
		moved = true
	}
	return moved
}

// swap moves a large replica one way and a small one the other.
func (e *weighing) swap(pr pair) bool {
	if !e.off(pr) {
		return false
	}
	want := e.wanted(pr)
	list := e.lists[pr.from]
	for k := len(list) - 1; k >= max(0, len(list)-swapsTried); k-- {
		large := &e.parts[list[k]]
		if large.in.Bytes == 0 || !e.fits(large, pr.from, pr.to) {
			continue
		}
		back := e.nearest(e.lists[pr.to], float64(large.in.Bytes)-want, swapLooks, func(p *part) bool {
			between := float64(large.in.Bytes - p.in.Bytes)
			return between > 0 && e.gains(pr, between, float64(large.in.Bytes+p.in.Bytes)) && e.fits(p, pr.to, pr.from)
		})
		if back < 0 {
			continue
		}
		small := e.lists[pr.to][back]
		e.shift(e.lists, list[k], pr, ForBytes)
		e.shift(e.lists, small, pair{pr.to, pr.from}, ForBytes)
		return true
	}
	return false
}
