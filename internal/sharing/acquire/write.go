package acquire

import (
	"slices"
	"time"
)

// Write is what has to be made durable.
type Write struct {
	Ticket                int64
	StateEpoch            int32
	StartOffset           int64
	DeliveryCompleteCount int32
	Batches               []Batch
}

// writing is a write under way.
type writing struct {
	ticket  int64
	start   int64
	extents []extent
}

// Unwritten reports whether there is something to write.
func (p *Partition) Unwritten() bool { return len(p.changed) > 0 || p.startChanged }

// TakeWrite returns what is to be written next; false: nothing, or a write is under way. WriteEnded is to be called with its outcome.
func (p *Partition) TakeWrite() (Write, bool) {
	if p.writing != nil || !p.Unwritten() {
		return Write{}, false
	}
	p.writing = &writing{ticket: p.ticket, extents: compacted(p.changed)}
	p.changed, p.startChanged = nil, false
	p.ticket++
	w := Write{Ticket: p.writing.ticket, StateEpoch: p.stateEpoch, StartOffset: p.startAfter(p.writing.ticket)}
	p.writing.start = w.StartOffset
	for _, e := range p.writing.extents {
		if e.last < w.StartOffset {
			continue
		}
		for _, r := range p.runs.within(max(e.first, w.StartOffset), e.last) {
			b := r.batch(r.stateAfter(p.writing.ticket))
			b.First, b.Last = max(b.First, e.first, w.StartOffset), min(b.Last, e.last)
			w.Batches = append(w.Batches, b)
		}
	}
	w.Batches = Merge(nil, w.Batches, w.StartOffset)
	p.runs.each(func(r *run) bool {
		if s := r.stateAfter(p.writing.ticket); r.last >= w.StartOffset && (s == Acknowledged || s == Archived) {
			w.DeliveryCompleteCount += int32(r.len())
		}
		return true
	})
	return w, true
}

// stateAfter is the run's state once the write with a ticket has succeeded.
func (r *run) stateAfter(ticket int64) int8 {
	if r.pending != 0 && r.pending <= ticket {
		return r.next
	}
	return r.state
}

// startAfter is the start offset once the write with a ticket has succeeded.
func (p *Partition) startAfter(ticket int64) int64 {
	start := p.start
	p.runs.each(func(r *run) bool {
		if s := r.stateAfter(ticket); s != Acknowledged && s != Archived {
			return false
		}
		start = r.last + 1
		return true
	})
	return start
}

// compacted are the extents in order, without overlap.
func compacted(extents []extent) []extent {
	slices.SortFunc(extents, func(a, b extent) int { return int(min(1, max(-1, a.first-b.first))) })
	out := extents[:0]
	for _, e := range extents {
		if n := len(out); n > 0 && e.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, e.last)
			continue
		}
		out = append(out, e)
	}
	return out
}

// WriteEnded takes up how a write ended. What was acknowledged with it takes effect, or is acquired as before; what had taken effect already is written
// again with the next write. It reports whether records have become available.
func (p *Partition) WriteEnded(ok bool, now time.Time) bool {
	w := p.writing
	p.writing = nil
	if ok {
		p.written = w.start
	} else {
		p.changed = append(p.changed, w.extents...)
		p.startChanged = true
	}
	freed := false
	for _, e := range w.extents {
		for _, r := range p.runs.within(max(e.first, p.start), e.last) {
			if r.pending == 0 || r.pending > w.ticket {
				continue
			}
			if !ok {
				r.pending = 0
				p.watch(r, r.deadline) // which may have passed meanwhile
				continue
			}
			p.set(r, r.next)
			p.settled(r, now)
			freed = true
			p.runs.join(r)
		}
	}
	p.advance()
	return freed
}
