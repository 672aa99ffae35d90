package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"leat/internal/fs"
)

// Isolation is the upper bound of a read.
type Isolation int8

// The isolations: followers read to the log end, consumers to the high watermark or last stable offset.
const (
	ReadLogEnd Isolation = iota
	ReadUncommitted
	ReadCommitted
)

// readPlan is what a read finds out under the lock: which segment, and as much about the positions as memory can tell.
type readPlan struct {
	seg       *segment
	offset    int64 // to begin at
	bound     int64 // not to be reached
	size      int64 // of the segment
	last      bool  // no segment follows
	nextBase  int64 // of the segment that follows
	limit     int64 // no batch of the segment reaches it
	truncates int64

	start     int64 // position of the batch with offset, if startKnown; else where to begin the search, if view.found
	exact     bool
	atTail    bool // start is among the newest boundaries
	startView indexView

	end      int64 // position of bound in this segment, if endKnown
	endKnown bool
	endView  indexView
}

// Read returns the batches from the one that contains offset on, at most maxBytes; with minOne at least the first batch whole
// even if larger. An offset equal to the bound gives an empty Slice. The caller must Release the slice.
func (l *Log) Read(offset int64, maxBytes int, iso Isolation, minOne bool) (Slice, error) {
	for attempt := 0; ; attempt++ {
		p, err := l.plan(offset, iso)
		if errors.Is(err, errLeaving) {
			if err = l.awaitSwap(); err == nil {
				continue
			}
		}
		if err != nil || p.seg == nil {
			return Slice{}, err
		}
		s, err := l.readSegment(&p, maxBytes, minOne)
		if err == nil {
			if iso == ReadCommitted && s.length > 0 {
				s.Aborted, err = l.abortedIn(p.seg.base, offset, s.NextOffset)
			}
			if iso == ReadCommitted && l.moved(&p) { // the indexes of a segment that went away meanwhile were not looked at
				s.Release()
				continue
			}
			if err != nil {
				s.Release()
				return Slice{}, err
			}
			return s, nil
		}
		if err == io.EOF && !p.last && p.nextBase > offset {
			offset = p.nextBase // the segment ends with a gap that compaction left
			continue
		}
		if l.moved(&p) || attempt < 3 && l.healed(p.seg, err) { // however often: each time somebody else got on
			continue
		}
		return Slice{}, l.readError(&p, err)
	}
}

// moved reports whether bytes that the plan relied on were truncated or deleted since.
func (l *Log) moved(p *readPlan) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.truncates != p.truncates
}

func (l *Log) readError(p *readPlan, err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, ErrClosed) {
		return l.errClosed()
	}
	return l.damaged(fmt.Errorf("read %s at offset %d: %w", l.tp, p.offset, p.seg.corrupt(err)))
}

// plan looks up where to read; a plan without segment is an empty read.
func (l *Log) plan(offset int64, iso Isolation) (readPlan, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return readPlan{}, l.errClosed()
	}
	if offset < l.logStart || offset > l.logEnd {
		return readPlan{}, fmt.Errorf("read %s at offset %d: the log has %d to %d: %w", l.tp, offset, l.logStart, l.logEnd, ErrOffsetOutOfRange)
	}
	p := readPlan{offset: offset, bound: l.logEnd, truncates: l.truncates}
	if iso != ReadLogEnd {
		o := l.offsetsLocked()
		p.bound = o.HighWatermark
		if iso == ReadCommitted {
			p.bound = o.LastStable
		}
	}
	if offset >= p.bound {
		return readPlan{}, nil
	}
	i := l.segmentOf(offset)
	p.seg = l.segments[i]
	if l.leaving.blocks(p.seg.base, iso) {
		return readPlan{}, errLeaving
	}
	p.size = p.seg.size
	p.last, p.limit = i == len(l.segments)-1, l.logEnd
	if !p.last {
		p.nextBase = l.segments[i+1].base
		p.limit = p.nextBase
	}
	l.planStart(&p)
	l.planEnd(&p)
	return p, nil
}

func (l *Log) planStart(p *readPlan) {
	if p.last {
		if p.start, p.exact = l.marks.find(p.offset); p.exact {
			p.atTail = true
			return
		}
	}
	if p.start, p.exact = l.trail.Load().find(p.seg, p.truncates, p.offset); p.exact {
		return
	}
	if p.offset <= p.seg.base {
		p.startView = indexView{found: true}
		return
	}
	p.startView = p.seg.viewOffset(p.offset)
}

func (l *Log) planEnd(p *readPlan) {
	switch {
	case !p.last && p.bound >= p.nextBase, p.last && p.bound == l.logEnd:
		p.end, p.endKnown = p.size, true
	case p.last:
		p.end, p.endKnown = l.marks.find(p.bound)
	}
	if !p.endKnown {
		p.endView = p.seg.viewOffset(p.bound)
	}
}

// readSegment turns a plan into a slice; io.EOF if the segment has nothing at or above the offset.
func (l *Log) readSegment(p *readPlan, maxBytes int, minOne bool) (Slice, error) {
	f, err := p.seg.file.acquire()
	if err != nil {
		return Slice{}, err
	}
	s := Slice{file: &p.seg.file, f: f}
	if err := l.findStart(p, f); err != nil {
		s.Release()
		return Slice{}, err
	}
	if err := l.findEnd(p, f); err != nil {
		s.Release()
		return Slice{}, err
	}
	s.position = p.start
	end, next, err := l.cut(p, f, int64(maxBytes), minOne)
	if err == nil && end > p.start && (next <= p.offset || next > p.limit) {
		err = fmt.Errorf("before position %d: a batch ends with offset %d: %w", end, next-1, errBadHeader)
	}
	if err == nil && end > p.start {
		end, next, err = beforeDamage(f, p.start, end, next)
	}
	if err != nil || end <= p.start {
		s.Release()
		return Slice{}, err
	}
	s.length, s.NextOffset = int(end-p.start), next
	l.leaveTrail(p, &s)
	return s, nil
}

// findStart finds the position of the batch that contains the offset or is the first behind it.
func (l *Log) findStart(p *readPlan, f fs.File) error {
	if p.exact {
		if p.start == p.size && !p.last {
			return io.EOF
		}
		return nil
	}
	from, err := p.seg.resolve(l.fsys, p.startView, p.offset-p.seg.base, keyRelativeOffset)
	if err != nil {
		return err
	}
	h, at, err := locate(f, from, p.size, p.offset)
	if err == nil && h.lastOffset >= p.limit {
		return fmt.Errorf("position %d: offset %d, the segment ends at %d: %w", at, h.lastOffset, p.limit, errBadHeader)
	}
	p.start = at
	return err
}

// findEnd finds the position of the bound: that of the first batch which reaches it.
func (l *Log) findEnd(p *readPlan, f fs.File) error {
	if p.endKnown {
		return nil
	}
	from, err := p.seg.resolve(l.fsys, p.endView, p.bound-p.seg.base, keyRelativeOffset)
	if err != nil {
		return err
	}
	_, p.end, err = locate(f, max(from, p.start), p.size, p.bound)
	if err == io.EOF {
		p.end, err = p.size, nil
	}
	return err
}

// cut finds the last batch boundary within maxBytes, and the offset behind it.
func (l *Log) cut(p *readPlan, f fs.File, maxBytes int64, minOne bool) (end, next int64, err error) {
	if p.end-p.start <= maxBytes {
		next = p.bound
		if !p.last {
			next = min(p.bound, p.nextBase)
		}
		return p.end, next, nil
	}
	limit := p.start + max(maxBytes, 0)
	l.mu.RLock()
	view := p.seg.viewPosition(limit)
	l.mu.RUnlock()
	if !view.found {
		if end, next, ok := hop(f, p, limit); ok {
			return end, next, nil
		}
	}
	from, err := p.seg.resolve(l.fsys, view, limit, keyPosition)
	if err != nil {
		return 0, 0, err
	}
	sc := newScanner(f, max(from, p.start), p.end)
	defer sc.done()
	end = p.start
	for {
		h, at, err := sc.next()
		if err == io.EOF {
			return end, next, nil
		}
		if err != nil {
			return 0, 0, err
		}
		if at+h.size > limit {
			if end > p.start || !minOne {
				if end < at { // the index led straight to the last batch within the limit
					end, next = at, h.baseOffset
				}
				return end, next, nil
			}
			if at > p.start {
				return at, h.baseOffset, nil
			}
			return at + h.size, h.lastOffset + 1, nil
		}
		end, next = at+h.size, h.lastOffset+1
	}
}

// abortedIn lists the aborted transactions that overlap [from, to), reading the transaction indexes from the segment with the
// given base on until one of them tells that all later ones are behind.
func (l *Log) abortedIn(base, from, to int64) ([]Aborted, error) {
	l.mu.RLock()
	segments := append([]*segment(nil), l.segments[l.segmentOf(base):]...)
	l.mu.RUnlock()
	var list []Aborted
	for _, seg := range segments {
		done, err := l.abortedInSegment(seg, from, to, &list)
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	slices.SortFunc(list, func(a, b Aborted) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return list, nil
}

func (l *Log) abortedInSegment(seg *segment, from, to int64, list *[]Aborted) (done bool, err error) {
	l.mu.RLock()
	count := seg.aborted
	l.mu.RUnlock()
	if count == 0 {
		return false, nil
	}
	txns, err := l.readAborted(seg, count)
	if err != nil {
		return false, fmt.Errorf("read %s at offset %d: %w: %w", l.tp, from, err, ErrCorrupt)
	}
	for _, t := range txns {
		if t.lastOffset >= from && t.firstOffset < to {
			*list = append(*list, Aborted{t.producerID, t.firstOffset})
		}
		if t.lastStableOffset >= to {
			return true, nil
		}
	}
	return false, nil
}
