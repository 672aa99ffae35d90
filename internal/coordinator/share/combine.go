package share

import (
	"cmp"
	"slices"
)

// outranks orders what two writes say about the same record: the higher delivery count is the later word, and at the same count the
// higher state, because a record that is done with does not come back at the same count.
func (b *Batch) outranks(o *Batch) bool {
	if b.DeliveryCount != o.DeliveryCount {
		return b.DeliveryCount > o.DeliveryCount
	}
	return b.DeliveryState > o.DeliveryState
}

// sameDelivery reports whether two batches say the same of their records.
func (b *Batch) sameDelivery(o *Batch) bool {
	return b.DeliveryCount == o.DeliveryCount && b.DeliveryState == o.DeliveryState
}

// combine lays newer batches over those that were there and drops what lies below startOffset (-1: nothing). The result is ordered,
// without overlaps, and neighbours that say the same are one.
func combine(before, newer []Batch, startOffset int64) []Batch {
	all := prune(make([]Batch, 0, len(before)+len(newer)), before, startOffset)
	all = prune(all, newer, startOffset)
	if len(all) < 2 {
		return slices.Clip(all)
	}
	edges := make([]int64, 0, 2*len(all)) // where something may begin
	for _, b := range all {
		edges = append(edges, b.FirstOffset, b.LastOffset+1)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	slices.SortStableFunc(all, func(a, b Batch) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	var open pile
	out := make([]Batch, 0, len(all))
	for i, from := range edges[:len(edges)-1] {
		for len(all) > 0 && all[0].FirstOffset == from {
			open.push(all[0])
			all = all[1:]
		}
		for len(open) > 0 && open[0].LastOffset < from {
			open.pop()
		}
		if len(open) == 0 {
			continue
		}
		b := open[0]
		b.FirstOffset, b.LastOffset = from, edges[i+1]-1
		if n := len(out); n > 0 && out[n-1].LastOffset+1 == from && out[n-1].sameDelivery(&b) {
			out[n-1].LastOffset = b.LastOffset
			continue
		}
		out = append(out, b)
	}
	return out
}

// prune adds what of the batches does not lie below startOffset. A batch that ends before it begins says nothing.
func prune(to, batches []Batch, startOffset int64) []Batch {
	for _, b := range batches {
		if startOffset != -1 {
			b.FirstOffset = max(b.FirstOffset, startOffset)
		}
		if b.FirstOffset <= b.LastOffset {
			to = append(to, b)
		}
	}
	return to
}

// pile is a heap with the batch on top that outranks the others.
type pile []Batch

func (p *pile) push(b Batch) {
	h := append(*p, b)
	*p = h
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].outranks(&h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (p *pile) pop() {
	h := *p
	n := len(h) - 1
	h[0] = h[n]
	h = h[:n]
	*p = h
	for i := 0; ; {
		top, left := i, 2*i+1
		for _, c := range []int{left, left + 1} {
			if c < n && h[c].outranks(&h[top]) {
				top = c
			}
		}
		if top == i {
			return
		}
		h[i], h[top] = h[top], h[i]
		i = top
	}
}
