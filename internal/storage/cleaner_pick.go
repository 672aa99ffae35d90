package storage

import (
	"errors"
	"io"
	"os"
	"time"

	"leat/internal/record"
)

// toClean is a log with what of it may be cleaned now.
type toClean struct {
	log        *Log
	firstDirty int64
	limit      int64 // base of the first segment that is not to be touched
	clean      int64 // bytes below the dirty part
	dirty      int64 // bytes of the dirty part below limit
	delay      time.Duration
}

// ratio is the share of the log that a cleaning now would look at for the first time.
func (t *toClean) ratio() float64 {
	if t.clean+t.dirty == 0 {
		return 0
	}
	return float64(t.dirty) / float64(t.clean+t.dirty)
}

// due reports whether the log is to be cleaned: dirty enough, or kept from it for too long.
func (t *toClean) due() bool {
	return t.dirty > 0 && (t.delay > 0 || t.ratio() > t.log.cfg.Load().MinCleanableDirtyRatio)
}

// dirt measures a log whose clean part ends at point, if that is known. It is as Kafka's, but for one thing: what is not synced counts as not
// written. A record must not go for the sake of a later one that a crash can take back.
func (l *Log) dirt(point int64, known bool, now time.Time) (toClean, error) {
	cfg := l.cfg.Load()
	l.mu.RLock()
	if l.closed || len(l.segments) == 1 {
		l.mu.RUnlock()
		return toClean{log: l}, nil
	}
	t := toClean{log: l, firstDirty: point}
	if !known || point < l.logStart || point > l.logEnd {
		t.firstDirty = l.logStart
	}
	t.limit = min(l.offsetsLocked().LastStable, l.active().base, l.recovery)
	list := l.viewsLocked()
	l.mu.RUnlock()

	if lag := cfg.MinCompactionLag; lag > 0 {
		if err := t.holdYoung(list, now.Add(-lag).UnixMilli()); err != nil {
			return t, err
		}
	}
	t.measure(list)
	if cfg.MaxCompactionLag > 0 && cfg.MaxCompactionLag < forever/2 && t.dirty > 0 {
		first, err := t.firstTimestamp(list)
		if err != nil {
			return t, err
		}
		if until := now.Add(-cfg.MaxCompactionLag).UnixMilli(); first > 0 && first < until {
			t.delay = time.Duration(until-first) * time.Millisecond
		}
	}
	return t, nil
}

// viewsLocked is the segments as of now, with mu held.
func (l *Log) viewsLocked() []segmentView {
	list := make([]segmentView, 0, len(l.segments))
	for _, s := range l.segments {
		list = append(list, segmentView{s, s.size, s.offsets, s.times, s.maxTimestamp, s.maxTimestampOffset})
	}
	return list
}

// holdYoung lowers the limit to the first dirty segment with a record younger than the given time in ms.
func (t *toClean) holdYoung(list []segmentView, since int64) error {
	for i := range list[:len(list)-1] {
		v := &list[i]
		if list[i+1].seg.base <= t.firstDirty {
			continue
		}
		if v.seg.base >= t.limit {
			return nil
		}
		if err := t.log.loadTime(v); err != nil {
			return err
		}
		young, err := t.log.young(v, since)
		if err != nil {
			return err
		}
		if young {
			t.limit = v.seg.base
			return nil
		}
	}
	return nil
}

// young reports whether a segment has a record younger than a time in ms. Where the records have no timestamps, the time counts at which the file
// was written last, as in Kafka.
func (l *Log) young(v *segmentView, since int64) (bool, error) {
	if v.timestamp >= 0 {
		return v.timestamp > since, nil
	}
	info, err := l.fsys.Stat(v.seg.file.path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil // retention took it just now: the next look tells
	}
	if err != nil {
		return false, v.seg.corrupt(err)
	}
	return info.ModTime().UnixMilli() > since, nil
}

// measure moves the limit to the beginning of the segment that it lies in, and counts the bytes.
func (t *toClean) measure(list []segmentView) {
	limit := max(t.limit, t.firstDirty)
	t.limit = list[0].seg.base
	for i := range list {
		if list[i].seg.base <= limit {
			t.limit = list[i].seg.base
		}
	}
	for i := range list[:len(list)-1] {
		switch {
		case list[i].seg.base >= t.limit:
			return
		case list[i+1].seg.base <= t.firstDirty:
			t.clean += list[i].size
		default:
			t.dirty += list[i].size
		}
	}
}

// firstTimestamp is the least of the timestamps of the first batches of the dirty segments, in ms; 0 if none has one.
func (t *toClean) firstTimestamp(list []segmentView) (int64, error) {
	least := int64(0)
	for i := range list[:len(list)-1] {
		v := &list[i]
		if list[i+1].seg.base <= t.firstDirty || v.size == 0 {
			continue
		}
		first, err := v.seg.readFirstTimestamp(v.size)
		if err != nil {
			return 0, err
		}
		if first > 0 && (least == 0 || first < least) {
			least = first
		}
	}
	return least, nil
}

// readFirstTimestamp is the greatest timestamp of the first batch.
func (s *segment) readFirstTimestamp(size int64) (int64, error) {
	f, err := s.file.acquire()
	if err != nil {
		return 0, s.corrupt(err)
	}
	defer s.file.release()
	h, _, err := locate(f, 0, size, 0)
	if err == io.EOF {
		return record.NoTimestamp, nil
	}
	if err != nil {
		return 0, s.corrupt(err)
	}
	return h.maxTimestamp, nil
}

// segmentMs is how long a segment stays active. In a compacted log that must not be longer than a record may stay uncompacted: the active segment
// is never cleaned. As in Kafka it is an append that finds it too old, so a log to which nothing comes keeps its last segment.
func (c *LogConfig) segmentMs() time.Duration {
	if c.Compact && c.MaxCompactionLag > 0 {
		return min(c.MaxCompactionLag, c.SegmentMs)
	}
	return c.SegmentMs
}
