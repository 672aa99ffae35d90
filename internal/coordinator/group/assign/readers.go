package assign

import "container/heap"

// readers is a heap of members, the one with the smallest load first; it is itself the heap.Interface.
type readers struct {
	order []int
	at    map[int]int // place of a member in order
	load  []int
}

func newReaders(members []int, load []int) *readers {
	h := &readers{order: append([]int(nil), members...), at: make(map[int]int, len(members)), load: load}
	for i, m := range h.order {
		h.at[m] = i
	}
	heap.Init(h)
	return h
}

// least is the member with the smallest load.
func (h *readers) least() int { return h.order[0] }

// sink puts the first member where its larger load belongs.
func (h *readers) sink() { heap.Fix(h, 0) }

// moved restores the order after the first member got one more and another one less.
func (h *readers) moved(less int) {
	heap.Fix(h, 0)
	heap.Fix(h, h.at[less])
}

// Len is for package heap.
func (h *readers) Len() int { return len(h.order) }

// Less is for package heap: of two with as much the one with the smaller id comes first.
func (h *readers) Less(i, j int) bool {
	a, b := h.order[i], h.order[j]
	if h.load[a] != h.load[b] {
		return h.load[a] < h.load[b]
	}
	return a < b
}

// Swap is for package heap.
func (h *readers) Swap(i, j int) {
	h.order[i], h.order[j] = h.order[j], h.order[i]
	h.at[h.order[i]], h.at[h.order[j]] = i, j
}

// Push is for package heap; nothing is ever pushed.
func (h *readers) Push(any) {}

// Pop is for package heap; nothing is ever popped.
func (h *readers) Pop() any { return nil }
