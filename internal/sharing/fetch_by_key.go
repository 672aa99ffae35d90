package sharing

import (
	"cmp"
	"slices"
	"time"

	"leat/internal/sharing/acquire"
	"leat/internal/storage"
)

// takeByKey is take for a group that is ordered by key: it looks at the keys of what comes next in the log until enough records may be given, and then
// finds the batches that these lie in.
func (f *Fetch) takeByKey(p *sharePartition, s *seen, result *Fetched) error {
	most := f.MaxRecords - f.acquired
	readers := max(1, f.node.sessions.reading(p.key))
	if readers > 1 { // everybody is to have a part: know first what there is
		for range 64 {
			from, wanted := p.ahead(most * readers)
			if !wanted || from >= s.bound {
				break
			}
			if _, err := f.scan(p, s, from, 0, readers, false); err != nil {
				break // below it comes up again
			}
		}
	}
	got := p.acquire(f, most, readers, 0, nil, false)
	for range 64 {
		left := most - count(got)
		from, ok := p.want()
		if left <= 0 || !ok || from >= s.bound || readers > 1 && len(got) > 0 {
			break
		}
		more, err := f.scan(p, s, from, left, readers, len(got) > 0)
		if err != nil {
			if len(got) == 0 {
				return err
			}
			break
		}
		got = append(got, more...)
	}
	slices.SortFunc(got, func(a, b acquire.Given) int { return cmp.Compare(a.First, b.First) })
	result.Acquired = got
	return f.locate(p, s, result)
}

func count(got []acquire.Given) int {
	n := 0
	for _, g := range got {
		n += int(g.Last - g.First + 1)
	}
	return n
}

// ahead is from where on the log is to be looked at so that a number of records can be worked on at the same time; false: there is no need, or no room.
func (p *sharePartition) ahead(records int) (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, room := p.core.Want(time.Now())
	return from, room && p.core.Looked() < records
}

// scan shows the core the keys of the next batches of the log, and acquires up to a number of records.
func (f *Fetch) scan(p *sharePartition, s *seen, from int64, left, readers int, more bool) ([]acquire.Given, error) {
	slice, err := p.replica.Log().Read(from, readAtOnce, s.isolation, true)
	if err != nil {
		return nil, p.readError(err)
	}
	defer slice.Release()
	found, _, err := spans(slice, from, max(left, 100), true)
	if err != nil && len(found) == 0 {
		return nil, err
	}
	return p.acquire(f, left, readers, from, found, more), nil
}

// locate finds the batches of what was acquired. What does not fit into the answer, or cannot be read, is given back.
func (f *Fetch) locate(p *sharePartition, s *seen, result *Fetched) error {
	room := f.MaxBytes - f.bytes
	got := result.Acquired
	result.Acquired = nil
	for len(got) > 0 {
		slice, err := p.replica.Log().Read(got[0].First, min(max(room, 1), readAtOnce), s.isolation, len(result.Acquired) == 0 && f.acquired == 0)
		if err != nil || slice.Len() == 0 {
			p.giveBack(got)
			return err
		}
		fitting, rest, parts := f.fitting(slice, got)
		if len(fitting) == 0 { // the batch is gone: its lock will end, and its tries
			slice.Release()
			p.giveBack(got[1:])
			return nil
		}
		for _, r := range pieces(slice, parts) {
			result.Records = append(result.Records, r)
			room -= r.Len()
		}
		result.Acquired = append(result.Acquired, fitting...)
		if got = rest; room <= 0 {
			p.giveBack(got)
			return nil
		}
	}
	return nil
}

// fitting splits what was acquired into that of which a slice has the batches, and the rest.
func (f *Fetch) fitting(slice storage.Slice, got []acquire.Given) (fitting, rest []acquire.Given, parts []part) {
	w := walker{slice: slice}
	for len(got) > 0 {
		b, part, err := w.next()
		if b == nil || err != nil {
			return fitting, got, parts
		}
		used := false
		for len(got) > 0 && got[0].First <= part.last {
			g := got[0]
			if used = used || g.Last >= part.first; g.Last > part.last {
				head := g
				head.Last = part.last
				fitting = append(fitting, head)
				got[0].First = part.last + 1
				break
			}
			fitting, got = append(fitting, g), got[1:]
		}
		if used {
			parts = append(parts, part)
		}
	}
	return fitting, nil, parts
}

// giveBack takes back what was acquired and will not be sent.
func (p *sharePartition) giveBack(got []acquire.Given) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range got {
		p.core.Return(g.First, g.Last)
	}
}
