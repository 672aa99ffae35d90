package balance

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// bounds are what a broker may have: outside wide something is done, and then until it is within narrow. That a broker between the two is left
// alone keeps small changes from moving anything.
type bounds struct{ wideLow, wideHigh, low, high float64 }

func around(mean, tolerance, slack float64) bounds {
	d := max(mean*tolerance, slack)
	return bounds{wideLow: mean - d, wideHigh: mean + d, low: mean - d/2, high: mean + d/2}
}

// whole makes the bounds those of a number of things: the mean between two numbers allows both.
func (w bounds) whole(mean float64) bounds {
	down, up := math.Floor(mean), math.Ceil(mean)
	return bounds{
		wideLow: min(down, math.Floor(w.wideLow)), wideHigh: max(up, math.Ceil(w.wideHigh)),
		low: min(down, math.Ceil(w.low)), high: max(up, math.Floor(w.high)),
	}
}

func (w bounds) outside(v float64) bool { return v < w.wideLow || v > w.wideHigh }

// better reports whether one less of from and one more of to brings one of the two nearer to the bounds and the other no further away; or both nearer,
// if that is asked for.
func (w bounds) better(from, to float64, both bool) bool {
	over, under := from > w.high, to < w.low
	if both {
		return over && under
	}
	return over && to < w.high || under && from > w.low
}

// pool lists the brokers that are evened out.
func (b *board) pool() []int32 {
	var out []int32
	for i := range b.brokers {
		if b.brokers[i].pool && !b.brokers[i].fenced {
			out = append(out, int32(i))
		}
	}
	return out
}

func (b *board) countBounds(pool []int32) bounds {
	sum := 0
	for _, i := range pool {
		sum += b.brokers[i].count
	}
	mean := float64(sum) / float64(len(pool))
	return around(mean, b.limits.Tolerance, 0).whole(mean)
}

// mean is the bytes that a broker shall have: its part of all by the size of its disks, if all are known.
func (b *board) means(pool []int32) []float64 {
	var bytes, total float64
	sizes, known := make([]float64, len(pool)), true
	for k, i := range pool {
		bytes += float64(b.brokers[i].bytes)
		for _, d := range b.brokers[i].dirs {
			if d.open {
				sizes[k] += float64(d.total)
			}
		}
		known = known && sizes[k] > 0
		total += sizes[k]
	}
	out := make([]float64, len(pool))
	for k := range pool {
		if out[k] = bytes / float64(len(pool)); known {
			out[k] = bytes * sizes[k] / total
		}
	}
	return out
}

// pair is a broker that has too much and one that has too little, and how much of that is between them.
type pair struct{ from, to int32 }

// pairs lists who may give to whom: the most to the least first.
func pairs(pool []int32, has func(i int32) float64, gives, takes func(i int32) bool) []pair {
	var out []pair
	for _, f := range pool {
		for _, t := range pool {
			if f != t && gives(f) && takes(t) {
				out = append(out, pair{f, t})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y pair) int {
		return cmp.Or(-cmp.Compare(has(x.from), has(y.from)), cmp.Compare(has(x.to), has(y.to)))
	})
	return out
}

// place is where a partition stands in a list by size, or belongs.
func (b *board) place(list []int32, part int32) int {
	return sort.Search(len(list), func(k int) bool {
		x := &b.parts[list[k]]
		return x.in.Bytes > b.parts[part].in.Bytes || x.in.Bytes == b.parts[part].in.Bytes && list[k] >= part
	})
}

// shift moves a replica and keeps the lists in step.
func (b *board) shift(lists [][]int32, part int32, pr pair, why Why) {
	at := b.place(lists[pr.from], part)
	lists[pr.from] = slices.Delete(lists[pr.from], at, at+1)
	lists[pr.to] = slices.Insert(lists[pr.to], b.place(lists[pr.to], part), part)
	b.move(&b.parts[part], pr.from, pr.to, why)
}

// fitting lists the replicas of one broker that may go to the other. Others may not as long as nothing but these are moved, so that a search among
// many that may not is made once and not for each move.
func (b *board) fitting(lists [][]int32, pr pair) []int32 {
	var out []int32
	for _, i := range lists[pr.from] {
		if b.fits(&b.parts[i], pr.from, pr.to) {
			out = append(out, i)
		}
	}
	return out
}

// nearest finds in a list the partition whose size is nearest to the one wanted, of those that will do, looking at no more than so many; -1 if there is none.
func (b *board) nearest(list []int32, want float64, looks int, ok func(*part) bool) int {
	size := func(k int) float64 { return float64(b.parts[list[k]].in.Bytes) }
	right := sort.Search(len(list), func(k int) bool { return size(k) >= want })
	left := right - 1
	for ; looks > 0 && (left >= 0 || right < len(list)); looks-- {
		k := right
		if right >= len(list) || left >= 0 && want-size(left) < size(right)-want {
			k = left
			left--
		} else {
			right++
		}
		if ok(&b.parts[list[k]]) {
			return k
		}
	}
	return -1
}
