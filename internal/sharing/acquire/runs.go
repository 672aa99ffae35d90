package acquire

import (
	"time"

	"github.com/tidwall/btree"
)

// run is a stretch of known offsets, both inclusive, in one state.
type run struct {
	first, last int64
	state       int8
	count       int16
	size        int64     // how many records were acquired together when this was first acquired: what halving begins with
	member      string    // Acquired: who holds it
	deadline    time.Time // Acquired: until when
	notBefore   time.Time // Available: not offered again earlier
	pending     int64     // ticket of the write that its next state waits for, 0: none
	next        int8      // that state
	cause       Cause     // Archiving: why
}

// done reports whether nothing will be done with the run any more.
func (r *run) done() bool { return r.state == Acknowledged || r.state == Archived }

// free reports whether the run may be acquired now.
func (r *run) free(now time.Time) bool {
	return r.state == Available && r.pending == 0 && !r.notBefore.After(now)
}

// len is the number of offsets.
func (r *run) len() int64 { return r.last - r.first + 1 }

// same reports whether two runs differ in their offsets only.
func (r *run) same(o *run) bool {
	if r.state != o.state || r.count != o.count || r.pending != o.pending {
		return false
	}
	if r.done() {
		return true
	}
	return r.next == o.next && r.size == o.size && r.member == o.member && r.deadline.Equal(o.deadline) && r.notBefore.Equal(o.notBefore)
}

// runs are disjoint runs in the order of their offsets.
type runs struct{ tree btree.Map[int64, *run] }

// at is the run that contains the offset, nil if there is none.
func (rs *runs) at(offset int64) *run {
	var found *run
	rs.tree.Descend(offset, func(_ int64, r *run) bool {
		if r.last >= offset {
			found = r
		}
		return false
	})
	return found
}

// within collects the runs that overlap with the offsets.
func (rs *runs) within(first, last int64) []*run {
	var found []*run
	rs.overlapping(first, last, func(r *run) bool {
		found = append(found, r)
		return true
	})
	return found
}

// overlapping calls fn for the runs that overlap with the offsets, in order until it returns false. fn must not change the set.
func (rs *runs) overlapping(first, last int64, fn func(*run) bool) {
	from := first
	if r := rs.at(first); r != nil {
		from = r.first
	}
	rs.tree.Ascend(from, func(_ int64, r *run) bool { return r.first <= last && fn(r) })
}

// each calls fn for every run in order until it returns false. fn must not change the set.
func (rs *runs) each(fn func(*run) bool) {
	rs.tree.Scan(func(_ int64, r *run) bool { return fn(r) })
}

// add puts in a run that overlaps with none.
func (rs *runs) add(r *run) *run {
	rs.tree.Set(r.first, r)
	return r
}

// cut returns the part of a run between two offsets, as a run of its own; the rest stays as it is.
func (rs *runs) cut(r *run, first, last int64) *run {
	if last < r.last {
		right := *r
		right.first = last + 1
		r.last = last
		rs.add(&right)
	}
	if first > r.first {
		part := *r
		part.first = first
		r.last = first - 1
		return rs.add(&part)
	}
	return r
}

// join makes one run of the run and those neighbours that differ from it in their offsets only.
func (rs *runs) join(r *run) {
	if still, ok := rs.tree.Get(r.first); !ok || still != r {
		return // part of another already
	}
	if left := rs.at(r.first - 1); left != nil && left.same(r) {
		rs.tree.Delete(r.first)
		left.last = r.last
		r = left
	}
	if right := rs.at(r.last + 1); right != nil && right.same(r) {
		rs.tree.Delete(right.first)
		r.last = right.last
	}
}

// dropBelow forgets what lies below an offset.
func (rs *runs) dropBelow(offset int64) {
	for {
		_, r, ok := rs.tree.Min()
		if !ok || r.first >= offset {
			return
		}
		rs.tree.Delete(r.first)
		if r.last >= offset {
			r.first = offset
			rs.add(r)
			return
		}
	}
}
