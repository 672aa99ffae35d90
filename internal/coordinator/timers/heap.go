package timers

import "container/heap"

// before orders timers: what is due first, and what came first of those that are due at once.
func (r Ref) before(o Ref) bool {
	if r.Due != o.Due {
		return r.Due < o.Due
	}
	return r.N < o.N
}

// refHeap has the first one on top.
type refHeap []Ref

func (h refHeap) Len() int           { return len(h) }
func (h refHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h refHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *refHeap) Push(x any) { *h = append(*h, x.(Ref)) }

// Pop is for container/heap.
func (h *refHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}

// waiting is the timers of a target that are in no flight. Those that are gone stay until they come to the top or are many.
type waiting struct {
	heap  refHeap
	gone  map[int64]struct{} // numbers of timers in heap (or, after compaction, of none) that do not wait any more
	bytes int64              // of all in heap
}

// len is how many wait; after compaction it may be a few too low.
func (w *waiting) len() int { return max(0, len(w.heap)-len(w.gone)) }

// add takes a timer in.
func (w *waiting) add(r Ref) {
	delete(w.gone, r.N)
	heap.Push(&w.heap, r)
	w.bytes += int64(r.Size)
}

// remove takes a timer out.
func (w *waiting) remove(n int64) {
	if len(w.heap) == 0 {
		return
	}
	if w.heap[0].N == n {
		w.pop()
		return
	}
	if w.gone == nil {
		w.gone = make(map[int64]struct{})
	}
	w.gone[n] = struct{}{}
	if len(w.gone) > 1000+len(w.heap)/2 {
		w.sweep()
	}
}

func (w *waiting) pop() Ref {
	r := heap.Pop(&w.heap).(Ref)
	w.bytes -= int64(r.Size)
	w.settle()
	return r
}

// settle brings one to the top that waits.
func (w *waiting) settle() {
	for len(w.heap) > 0 && len(w.gone) > 0 {
		if _, gone := w.gone[w.heap[0].N]; !gone {
			return
		}
		delete(w.gone, w.heap[0].N)
		w.bytes -= int64(heap.Pop(&w.heap).(Ref).Size)
	}
	if len(w.heap) == 0 {
		w.heap, w.gone, w.bytes = nil, nil, 0
	}
}

// sweep forgets those that are gone.
func (w *waiting) sweep() {
	kept := w.heap[:0]
	w.bytes = 0
	for _, r := range w.heap {
		if _, gone := w.gone[r.N]; !gone {
			kept = append(kept, r)
			w.bytes += int64(r.Size)
		}
	}
	w.heap, w.gone = kept, nil
	heap.Init(&w.heap)
}

// first is the one due first, false if none waits.
func (w *waiting) first() (Ref, bool) {
	if len(w.heap) == 0 {
		return Ref{}, false
	}
	return w.heap[0], true
}

// pick lists those that are due, in order, as many as the limits allow and at least one. They still wait after it.
func (w *waiting) pick(now int64, maxRecords int, maxBytes int64) []Ref {
	var due []Ref
	var bytes int64
	for len(due) < maxRecords && len(w.heap) > 0 && w.heap[0].Due <= now {
		if bytes += int64(w.heap[0].Size); bytes > maxBytes && len(due) > 0 {
			break
		}
		due = append(due, w.pop())
	}
	for _, r := range due {
		w.add(r)
	}
	return due
}

// list gives some of those that wait, in no order.
func (w *waiting) list(most int) []Ref {
	var some []Ref
	for _, r := range w.heap {
		if len(some) == most {
			break
		}
		if _, gone := w.gone[r.N]; !gone {
			some = append(some, r)
		}
	}
	return some
}
