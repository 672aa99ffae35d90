package storage

import "sync"

// trail remembers where reads of older data ended. Who reads on from there, as a consumer that catches up does, needs no look into an index, which would
// be a file to open.
type trail struct {
	mu        sync.Mutex
	truncates int64 // of the log, when the points were taken; others are void
	points    []trailPoint
	next      int // the one to give way when all are taken
}

// trailPoints bounds how many readers of one log are followed.
const trailPoints = 16

// trailPoint says that the batch with offset, or the first behind it, begins at position.
type trailPoint struct {
	seg      *segment
	offset   int64
	position int64
}

// find returns where to read on in a segment.
func (f *trail) find(seg *segment, truncates, offset int64) (int64, bool) {
	if f == nil {
		return 0, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.truncates != truncates {
		return 0, false
	}
	for i := range f.points {
		if x := &f.points[i]; x.offset == offset && x.seg == seg {
			return x.position, true
		}
	}
	return 0, false
}

// note takes a reader who read from an offset on to the point where it ended.
func (f *trail) note(truncates, from int64, to trailPoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.truncates != truncates {
		clear(f.points)
		f.truncates, f.points, f.next = truncates, f.points[:0], 0
	}
	for i := range f.points {
		if x := &f.points[i]; x.offset == from && x.seg == to.seg {
			*x = to
			return
		}
	}
	if len(f.points) < trailPoints {
		f.points = append(f.points, to)
		return
	}
	f.points[f.next] = to
	f.next = (f.next + 1) % trailPoints
}

// leaveTrail remembers the end of a slice, unless the next read from there will know it anyway.
func (l *Log) leaveTrail(p *readPlan, s *Slice) {
	if p.atTail || s.length == 0 || !p.last && s.NextOffset >= p.nextBase {
		return
	}
	f := l.trail.Load()
	if f == nil {
		l.trail.CompareAndSwap(nil, new(trail))
		f = l.trail.Load()
	}
	f.note(p.truncates, p.offset, trailPoint{p.seg, s.NextOffset, s.position + int64(s.length)})
}
