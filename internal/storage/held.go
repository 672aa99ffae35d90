package storage

import "time"

// Held is what a log keeps past its retention.
type Held struct {
	Segments   int
	Size       int64
	Oldest     time.Time // of the first records
	Retention  time.Duration
	SegmentAge time.Duration // after which a segment ends
}

// HeldPast reports whether the log holds records that are more than twice as old as its retention, because they lie in the segment that is still written
// to: retention takes whole segments, by their newest record.
func (l *Log) HeldPast(now time.Time) (Held, bool) {
	cfg := l.Config()
	if !cfg.Delete || cfg.RetentionMs < 0 {
		return Held{}, false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed || len(l.segments) != 1 {
		return Held{}, false
	}
	seg := l.active()
	const twice = 2
	first, newest := seg.firstTimestamp, seg.maxTimestamp
	if seg.size == 0 || first <= 0 || newest < now.Add(-cfg.RetentionMs).UnixMilli() || now.Sub(time.UnixMilli(first)) < twice*cfg.RetentionMs {
		return Held{}, false
	}
	return Held{Segments: 1, Size: seg.size, Oldest: time.UnixMilli(first), Retention: cfg.RetentionMs, SegmentAge: cfg.segmentMs()}, true
}
