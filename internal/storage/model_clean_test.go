package storage

import (
	"fmt"
	"maps"
	"slices"

	"leat/internal/record"
)

// modelCleaning is one compaction of a log, as the model sees it.
type modelCleaning struct {
	from, end int64 // the map of keys is of what lies in between
	disk      int64 // where the first segment begins
	reach     int64 // where the first segment begins that is not read
	now       int64
	retention int64
}

// cleaned is what is to be left of the batches of a log after a compaction, of those that it may change.
func (m *modelLog) cleaned(c modelCleaning) map[*modelBatch]*modelForm {
	last := map[string]int64{} // of each key
	for _, b := range m.written(c.disk) {
		if _, aborted := m.decided(b); b.control || aborted {
			continue
		}
		for _, r := range m.form(b).records {
			if !r.keyless && r.offset >= c.from && r.offset < c.end {
				last[r.key] = r.offset
			}
		}
	}
	out := map[*modelBatch]*modelForm{}
	seen := map[int64]bool{} // producers with a batch of their transaction
	for _, b := range m.written(c.disk) {
		f := m.form(b)
		if b.base >= c.reach || f.gone {
			continue
		}
		if b.control {
			out[b] = m.cleanedMarker(b, seen[b.producerID], c)
			seen[b.producerID] = false
			continue
		}
		if b.transaction {
			seen[b.producerID] = true
		}
		out[b] = m.cleanedData(b, last, c)
	}
	return out
}

// cleanedMarker is what is left of a marker. Seen tells that something of its transaction was there so far.
func (m *modelLog) cleanedMarker(b *modelBatch, seen bool, c modelCleaning) *modelForm {
	f := m.form(b)
	switch {
	case len(f.records) == 0:
		x := *f
		x.may = !m.lastOf(b)
		return &x
	case seen || f.horizon > c.now:
		return f
	case f.horizon > 0:
		return &modelForm{may: !m.lastOf(b)}
	}
	return &modelForm{records: f.records, horizon: c.now + c.retention}
}

// cleanedData is what is left of a batch of records.
func (m *modelLog) cleanedData(b *modelBatch, last map[string]int64, c modelCleaning) *modelForm {
	f := m.form(b)
	_, aborted := m.decided(b)
	tombstones := false
	var left []modelRecord
	for _, r := range f.records {
		superseded := r.keyless || last[r.key] > r.offset && hasKey(last, r.key)
		expired := r.tombstone && f.horizon > 0 && f.horizon <= c.now
		if aborted || r.offset < c.end && (superseded || expired) {
			continue
		}
		tombstones = tombstones || r.tombstone
		left = append(left, r)
	}
	switch {
	case len(left) == 0 && len(f.records) == 0:
		x := *f
		x.may = !m.lastOf(b)
		return &x
	case len(left) == 0:
		return &modelForm{may: !m.lastOf(b)}
	case tombstones && f.horizon == 0:
		return &modelForm{records: left, horizon: c.now + c.retention}
	case len(left) == len(f.records):
		return f
	}
	return &modelForm{records: left, horizon: f.horizon}
}

func hasKey(list map[string]int64, key string) bool { _, ok := list[key]; return ok }

// lastOf reports whether a producer's next batch is held against this one.
func (m *modelLog) lastOf(b *modelBatch) bool {
	p := m.producers[b.producerID]
	switch {
	case b.producerID < 0 || p == nil:
		return false
	case len(p.recent) > 0:
		return p.recent[len(p.recent)-1] == b
	}
	return b.control && b.epoch == p.epoch
}

// onDisk is all batches of a log in its files, also those below its start.
func (w *world) onDisk(p *part) (list []record.Batch) {
	w.looks = true
	defer func() { w.looks = false }()
	for _, seg := range p.log.segments {
		f, err := seg.file.acquire()
		w.must(err)
		b := make([]byte, seg.size)
		if _, err := f.ReadAt(b, 0); len(b) > 0 {
			w.must(err)
		}
		seg.file.release()
		for len(b) > 0 {
			batch, rest, err := record.Split(b)
			w.must(err)
			list, b = append(list, batch), rest
		}
	}
	return list
}

// takeForms makes what lies in the files of a log from offset on, below limit, the model, if it may be that.
func (w *world) takeForms(p *part, from, limit int64) {
	disk := w.onDisk(p)
	at := 0
	for _, b := range p.written(from) {
		if b.base >= limit {
			break
		}
		for at < len(disk) && disk[at].LastOffset() < min(b.base, p.start) { // left from before the start, and forgotten with it
			at++
		}
		if at < len(disk) && disk[at].LastOffset() < b.base {
			w.failf("%s: batch %d to %d was never appended, or was gone already", p.tp, disk[at].BaseOffset(), disk[at].LastOffset())
		}
		if at == len(disk) || disk[at].BaseOffset() > b.base {
			if !p.mayBeGone(b) {
				w.failf("%s: batch %d to %d is gone after a compaction", p.tp, b.base, b.last)
			}
			p.adopt(b, nil)
			continue
		}
		f, err := p.known(b, disk[at])
		if err != nil {
			w.failf("%s: after a compaction: %v", p.tp, err)
		}
		p.adopt(b, f)
		at++
	}
}

// takeOverCompacted does what takeOver does, for what was compacted.
func (w *world) takeOverCompacted(p *part, wasStart int64) {
	if point := w.pointOf(p); point > p.point || point < p.point && p.start < p.point && !p.midway && !p.unsure {
		w.failf("%s: compacted up to %d, expected %d", p.tp, point, p.point)
	} else {
		p.point = point
	}
	if first := p.log.segments[0].base; first < p.start && (len(p.maybe) > 0 || len(p.forms) > 0) {
		disk := map[int64]record.Batch{}
		for _, b := range w.onDisk(p) {
			disk[b.BaseOffset()] = b
		}
		for _, b := range p.written(first) {
			if b.last >= p.start {
				break
			}
			f, err := p.known(b, disk[b.base])
			if disk[b.base] == nil || err != nil {
				f = nil
			}
			p.adopt(b, f)
		}
	}
	p.maybe, p.midway = nil, false
	p.believe(p.log.Producers())
	if p.unsure || p.start < wasStart {
		p.excuse()
	}
}

// pointOf is up to where a log is compacted, -1 if it never was.
func (w *world) pointOf(p *part) int64 {
	point, known := p.log.host.(*logDir).cleaned.of(p.tp)
	if !known {
		return -1
	}
	return point
}

// checkKeys holds a compacted log to what compaction promises a reader: the last record of each key is there, unless it is a tombstone whose time is
// over; of those before it, none is left below the point up to which the log is compacted.
func (w *world) checkKeys(p *part) {
	if len(p.forms) == 0 {
		return
	}
	present := p.present()
	for key, r := range p.lastOfKeys() {
		if !present[r.offset] && !p.excused[r.offset] && (!r.tombstone || !p.buried[r.offset]) {
			w.failf("%s: the last record of %s, at %d, is gone", p.tp, key, r.offset)
		}
	}
	last := map[string]int64{}
	for _, b := range p.from(max(p.start, p.clear)) {
		if ended, aborted := p.decided(b); b.control || b.transaction && (!ended || aborted) {
			continue
		}
		for _, r := range p.form(b).records {
			if r.keyless || r.offset < max(p.start, p.clear) || r.offset >= p.point {
				continue
			}
			if before, ok := last[r.key]; ok {
				w.failf("%s: compacted up to %d, %s is at %d and at %d", p.tp, p.point, r.key, before, r.offset)
			}
			last[r.key] = r.offset
		}
	}
}

// clean compacts one log, whichever the cleaner takes, and holds what comes out to the rules, batch by batch.
func (w *world) clean(*part, step) {
	t := w.store.cleaner.grab(w.now)
	if t == nil {
		return
	}
	w.store.cleaner.mu.Lock()
	delete(w.store.cleaner.busy, t.log.tp)
	w.store.cleaner.mu.Unlock()
	p := w.parts[slices.IndexFunc(w.parts, func(p *part) bool { return p.log == t.log })]
	w.checkDue(p, t)
	c := modelCleaning{
		from: t.firstDirty, disk: p.log.segments[0].base, reach: t.limit, now: w.now.UnixMilli(), retention: p.log.Config().DeleteRetention.Milliseconds(),
	}
	bases := p.bases()
	if w.worker == nil {
		w.worker = testWorker(w.store)
	}
	w.worker.cleaner, w.worker.offsets = &w.store.cleaner, w.offsets
	run, err := w.worker.clean(t, w.now)
	c.end = w.offsets.End()
	if i, _ := slices.BinarySearch(bases, c.end); i < len(bases) {
		c.reach = min(c.reach, bases[i])
	}
	will := p.cleaned(c)
	p.bury(c, will)
	if err != nil {
		p.maybe, p.point = append(p.maybe, will), max(p.point, c.end)
		w.must(fmt.Errorf("clean: %w", err))
	}
	if c.from > max(p.point, 0) {
		p.clear = max(p.clear, c.from)
	}
	maps.Copy(p.forms, will)
	w.takeForms(p, c.disk, t.limit)
	p.point = w.pointOf(p)
	if p.point != c.end || run.NextDirty != c.end {
		w.failf("%s: compacted up to %d, noted is %d", p.tp, c.end, p.point)
	}
	w.checkKeys(p)
}

// bury notes the tombstones whose time is over.
func (m *modelLog) bury(c modelCleaning, will map[*modelBatch]*modelForm) {
	for b := range will {
		for _, r := range m.form(b).records {
			if h := m.form(b).horizon; r.tombstone && h > 0 && h <= c.now && r.offset < c.end {
				m.buried[r.offset] = true
			}
		}
	}
}

func (p *part) bases() (list []int64) {
	for _, seg := range p.log.segments {
		list = append(list, seg.base)
	}
	return list
}

// checkDue holds what the cleaner wants to do to what it may do.
func (w *world) checkDue(p *part, t *toClean) {
	o, cfg := p.log.Offsets(), p.log.Config()
	want := p.start
	if p.point >= p.start && p.point <= p.end {
		want = p.point
	}
	if t.firstDirty != want {
		w.failf("%s: the dirty part begins at %d, expected %d", p.tp, t.firstDirty, want)
	}
	bases := p.bases()
	if t.limit > o.LastStable || t.limit > bases[len(bases)-1] || !slices.Contains(bases, t.limit) || !cfg.Compact {
		w.failf("%s: is to be compacted up to %d, %+v, segments begin at %v", p.tp, t.limit, o, bases)
	}
	late, first := false, t.firstDirty
	for _, base := range bases { // a segment that is in part clean is as old as its first batch
		if base <= t.firstDirty {
			first = base
		}
	}
	for _, b := range p.from(first) {
		if b.base >= bases[len(bases)-1] {
			break
		}
		if cfg.MinCompactionLag > 0 && b.base >= t.firstDirty && b.base < t.limit && p.form(b).newest > w.now.Add(-cfg.MinCompactionLag).UnixMilli() {
			w.failf("%s: batch %d to %d is too young to be compacted", p.tp, b.base, b.last)
		}
		late = late || p.form(b).newest < w.now.Add(-cfg.MaxCompactionLag).UnixMilli()
	}
	if !late && cfg.MinCleanableDirtyRatio >= 1 {
		w.failf("%s: is neither dirty nor old", p.tp)
	}
}

// cut notes how far a log is compacted after it was cut: not less than it could be known to be, and no further than it is.
func (w *world) cut(p *part) {
	point := w.pointOf(p)
	if point > p.point {
		w.failf("%s: compacted up to %d, was cut and expected %d at most", p.tp, point, p.point)
	}
	p.point = point
}
