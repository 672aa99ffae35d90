package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"leat/internal/record"
)

// checkOffsets compares the marks of a log.
func (w *world) checkOffsets(p *part) {
	o := p.log.Offsets()
	if o.LogStart != p.start || o.HighWatermark != p.hw || o.LogEnd != p.end {
		w.failf("%s: offsets %+v, expected %d, %d, %d", p.tp, o, p.start, p.hw, p.end)
	}
	if low, high := p.stableBetween(); o.LastStable < low || o.LastStable > high {
		w.failf("%s: last stable offset %d, expected %d to %d", p.tp, o.LastStable, low, high)
	}
	if e := p.log.LatestEpoch(); e > p.leaderEpoch {
		w.failf("%s: latest epoch %d, expected at most %d", p.tp, e, p.leaderEpoch)
	}
}

// checkAll compares everything.
func (w *world) checkAll(p *part, n uint64) {
	maxBytes := []int{1, 200, 1000, 1 << 20}[n%4]
	for at := p.start; at < p.end; {
		next := w.readOnce(p, at, maxBytes, ReadLogEnd, true)
		if next <= at {
			w.failf("%s: read at %d gives nothing, the log ends at %d", p.tp, at, p.end)
		}
		at = next
	}
	w.checkKeys(p)
	if got, want := p.log.Producers(), p.states(); !slices.Equal(got, want) {
		w.failf("%s: producers\n%+v, expected\n%+v", p.tp, got, want)
	}
	w.checkEpochs(p)
	w.compareCommitted(p, p.start, maxBytes)
	w.checkLatestTime(p)
	for _, bad := range []int64{p.start - 1, p.end + 1} {
		if _, err := p.log.Read(bad, 100, ReadLogEnd, true); !errors.Is(err, ErrOffsetOutOfRange) {
			w.failf("%s: read at %d: %v", p.tp, bad, err)
		}
	}
	if id := p.log.TopicID(); id != p.id {
		w.failf("%s: topic id %s, expected %s", p.tp, id, p.id)
	}
}

// checkEpochs asks for every epoch that wrote records. Those of deleted records that the loss of power brought back may be forgotten.
func (w *world) checkEpochs(p *part) {
	list := p.from(p.start)
	for i, b := range list {
		if b.last < p.deleted {
			continue
		}
		if got := p.log.EpochOf(b.last); got != b.leaderEpoch {
			w.failf("%s: offset %d is of epoch %d, expected %d", p.tp, b.base, got, b.leaderEpoch)
		}
		if i+1 == len(list) || list[i+1].leaderEpoch == b.leaderEpoch {
			continue
		}
		epoch, end := p.log.EndOffsetForEpoch(b.leaderEpoch)
		if epoch != b.leaderEpoch || end <= b.last || end > list[i+1].base {
			w.failf("%s: epoch %d ends at %d (%d), expected %d to %d", p.tp, b.leaderEpoch, end, epoch, b.last+1, list[i+1].base)
		}
	}
}

// readOnce reads at one offset, compares, and returns where to go on.
func (w *world) readOnce(p *part, at int64, maxBytes int, iso Isolation, minOne bool) int64 {
	bound := p.end
	if iso != ReadLogEnd {
		bound = p.hw
	}
	if iso == ReadCommitted {
		bound = p.log.Offsets().LastStable
	}
	s, err := p.log.Read(at, maxBytes, iso, minOne)
	if err != nil {
		w.failf("%s: read at %d of %d to %d: %v", p.tp, at, p.start, p.end, err)
	}
	defer s.Release()
	want := p.from(at)
	if s.Len() == 0 {
		if at < bound && len(want) > 0 && want[0].last < bound && (minOne || len(p.raw(want[0])) <= maxBytes) {
			w.failf("%s: read at %d gives nothing, bound %d, max bytes %d", p.tp, at, bound, maxBytes)
		}
		return at
	}
	got := make([]byte, s.Len())
	if _, err := s.ReadAt(got, 0); err != nil {
		w.failf("%s: read at %d: %v", p.tp, at, err)
	}
	size := len(got)
	for i := 0; len(got) > 0; i++ {
		switch {
		case i == len(want) || !strings.HasPrefix(string(got), string(p.raw(want[i]))):
			w.failf("%s: read at %d: batch %d is %s", p.tp, at, i, p.describe(got, want[min(i, len(want)):]))
		case want[i].last >= bound:
			w.failf("%s: read at %d shows offset %d, bound is %d", p.tp, at, want[i].last, bound)
		case size > maxBytes && (i > 0 || !minOne):
			w.failf("%s: read at %d gives %d bytes, allowed are %d", p.tp, at, size, maxBytes)
		}
		got = got[len(p.raw(want[i])):]
		if len(got) > 0 {
			continue
		}
		last, limit := want[i].last, bound
		if i+1 < len(want) && want[i+1].last < bound { // else the bound stands within the next batch
			limit = want[i+1].base
		}
		if s.NextOffset <= last || s.NextOffset > max(limit, last+1) {
			w.failf("%s: read at %d goes on at %d, expected %d to %d", p.tp, at, s.NextOffset, last+1, limit)
		}
	}
	return s.NextOffset
}

func (m *modelLog) describe(got []byte, want []*modelBatch) string {
	text := "nothing expected"
	if len(want) > 0 {
		text = fmt.Sprintf("expected offsets %d to %d in %d bytes", want[0].base, want[0].last, len(m.raw(want[0])))
	}
	if b, _, err := record.Split(got); err == nil {
		return fmt.Sprintf("offsets %d to %d in %d bytes, %s", b.BaseOffset(), b.LastOffset(), len(b), text)
	}
	return fmt.Sprintf("%d bytes that are no batch, %s", len(got), text)
}

func (w *world) read(p *part, s step) {
	at := between(s.a, p.start, p.end)
	maxBytes := []int{0, 1, 80, 150, 500, 3000, 1 << 20}[s.b%7]
	w.readOnce(p, at, maxBytes, Isolation(s.c%3), s.c>>4%4 != 0)
}

func (w *world) readCommitted(p *part, s step) {
	w.compareCommitted(p, between(s.a, p.start, p.end), []int{1, 300, 1 << 20}[s.b%3])
}

// compareCommitted reads as a read_committed consumer does, and compares what it lets through.
func (w *world) compareCommitted(p *part, from int64, maxBytes int) {
	bound := p.log.Offsets().LastStable
	var got []int64
	for at := from; at < bound; {
		s, err := p.log.Read(at, maxBytes, ReadCommitted, true)
		w.must(err)
		if s.Len() == 0 {
			s.Release()
			bound = at
			break
		}
		b := make([]byte, s.Len())
		_, err = s.ReadAt(b, 0)
		w.must(err)
		s.Release()
		got = append(got, w.letThrough(b, s.Aborted, at)...)
		at = s.NextOffset
	}
	if want := p.committed(from, bound); !slices.Equal(got, want) {
		w.failf("%s: committed from %d to %d: %v, expected %v", p.tp, from, bound, got, want)
	}
}

// letThrough is a consumer's filter: a producer is ignored from the start of an aborted transaction to its marker.
func (w *world) letThrough(b []byte, aborted []Aborted, from int64) (offsets []int64) {
	ignored := map[int64]bool{}
	for len(b) > 0 {
		batch, rest, err := record.Split(b)
		w.must(err)
		for len(aborted) > 0 && aborted[0].FirstOffset <= batch.LastOffset() {
			ignored[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		b = rest
		if batch.Control() {
			if kind, _, err := batch.ControlRecord(); err == nil && kind == record.ControlAbort {
				delete(ignored, batch.ProducerID())
			}
			continue
		}
		if batch.Transactional() && ignored[batch.ProducerID()] {
			continue
		}
		w.must(batch.Records(0, func(r *record.Record) bool {
			if r.Offset >= from {
				offsets = append(offsets, r.Offset)
			}
			return true
		}))
	}
	return offsets
}

func (w *world) lookUpTime(p *part, s step) {
	ts := w.now.UnixMilli() - int64(s.a%120000)
	if list := p.from(p.start); len(list) > 0 && s.b%2 == 0 {
		b := list[s.b>>3%uint64(len(list))]
		ts = b.records[s.c%uint64(len(b.records))].timestamp + int64(s.c>>8%3) - 1
	}
	got, err := p.log.OffsetForTimestamp(ts)
	w.must(err)
	want, ok := p.atTime(ts)
	if !ok {
		want.offset, want.timestamp = -1, -1
	}
	if got.Offset != want.offset || got.Timestamp != want.timestamp {
		w.failf("%s: time %d: %+v, expected offset %d of time %d", p.tp, ts, got, want.offset, want.timestamp)
	}
}

func (w *world) checkLatestTime(p *part) {
	got, err := p.log.OffsetForMaxTimestamp()
	w.must(err)
	want := modelRecord{offset: -1, timestamp: -1}
	if ts := p.latestTime(); ts >= 0 {
		want, _ = p.atTime(ts)
	}
	if got.Offset != want.offset || got.Timestamp != want.timestamp {
		w.failf("%s: greatest time: %+v, expected offset %d of time %d", p.tp, got, want.offset, want.timestamp)
	}
}

// losePower stops the machine. What was promised is there, what else is there was appended one behind the other.
func (w *world) losePower(_ *part, s step) {
	var rng *rand.Rand
	if s.a%4 != 0 {
		rng = rand.New(rand.NewPCG(s.a, s.b))
	}
	w.mem = w.mem.Crash(rng)
	w.openStore()
	w.find(true)
	for _, p := range w.parts {
		w.takeOver(p)
	}
}

// takeOver makes what a log holds after the loss of power the model, if it may hold that.
func (w *world) takeOver(p *part) {
	if p.log.TopicID().IsZero() { // nothing hangs on it: whoever wants the log made gives it one again
		_, err := w.store.Create(p.tp, p.id, record.UUID{})
		w.must(err)
	}
	o := p.log.Offsets()
	if o.LogEnd < p.synced || o.LogStart < p.kept || o.LogStart > max(p.start, p.synced, p.deleted) {
		w.failf("%s: offsets %+v, synced up to %d, start %d (checkpoint %d)", p.tp, o, p.synced, p.start, p.kept)
	}
	known, was, wasStart := p.written(o.LogStart), p.batches, p.start
	left := slices.Clone(was[:len(was)-len(known)])
	found := map[*modelBatch]bool{}
	for at := o.LogStart; at < o.LogEnd; {
		s, err := p.log.Read(at, 1<<20, ReadLogEnd, true)
		w.must(err)
		if s.Len() == 0 {
			w.failf("%s: read at %d of %+v gives nothing", p.tp, at, o)
		}
		b := make([]byte, s.Len())
		_, err = s.ReadAt(b, 0)
		w.must(err)
		s.Release()
		for len(b) > 0 {
			batch, rest, err := record.Split(b)
			w.must(err)
			x := w.recognise(p, batch, left)
			left, b, found[x] = append(left, x), rest, true
		}
		at = s.NextOffset
	}
	for _, b := range known {
		if b.last < p.synced && !found[b] && !p.mayBeGone(b) {
			w.failf("%s: offsets %d to %d were synced and are gone", p.tp, b.base, b.last)
		}
	}
	p.batches = left
	if n := len(left); n > 0 { // with what stood before it at the time: producers may outlive their records
		p.batches = nil
		for b := left[n-1]; b != nil; b = b.before {
			p.batches = append(p.batches, b)
			if b.last >= o.LogStart && !found[b] {
				if !p.mayBeGone(b) {
					w.failf("%s: offsets %d to %d are missing, those behind them are there", p.tp, b.base, b.last)
				}
				p.adopt(b, nil)
			}
		}
		slices.Reverse(p.batches)
	} else {
		p.born = o.LogEnd
	}
	if p.unsure && len(left) == 0 && len(p.log.Producers()) > 0 { // of records below its start
		p.batches = slices.DeleteFunc(slices.Clone(p.earlier), func(b *modelBatch) bool { return b.last >= o.LogEnd })
	}
	if (p.unsure || p.synced <= o.LogStart) && o.LogStart == o.LogEnd && len(p.log.Producers()) == 0 { // nothing is left, nor of them
		p.batches, p.born = nil, o.LogEnd
	}
	p.start, p.hw, p.end, p.kept = o.LogStart, o.HighWatermark, o.LogEnd, min(p.kept, o.LogStart)
	p.replay()
	w.takeOverCompacted(p, wasStart)
}

// recognise finds the batch that lies behind others in a log among those that were appended behind just those.
func (w *world) recognise(p *part, batch record.Batch, behind []*modelBatch) *modelBatch {
	var before *modelBatch
	var reason error
	if n := len(behind); n > 0 {
		before = behind[n-1]
	}
	ever := slices.Clone(p.ever[string(batch)])
	if len(p.maybe) > 0 {
		ever = append(ever, p.written(batch.BaseOffset())...)
	}
	appended := false
	for _, b := range slices.Backward(ever) { // the same bytes may have been appended again after a truncation
		if b.base != batch.BaseOffset() {
			continue
		}
		appended = true
		f, err := p.known(b, batch)
		if err != nil {
			reason = err
			continue
		}
		c := b.before
		for c != before && c != nil && p.mayBeGone(c) {
			c = c.before
		}
		if c == before || before == nil {
			p.adopt(b, f)
			return b
		}
	}
	if reason != nil {
		w.failf("%s: %v", p.tp, reason)
	}
	if !appended {
		w.failf("%s: batch %d to %d was never appended", p.tp, batch.BaseOffset(), batch.LastOffset())
	}
	w.failf("%s: batch %d to %d was appended, but not behind the one that stands before it, which ends with %d",
		p.tp, batch.BaseOffset(), batch.LastOffset(), before.last)
	return nil
}

// deleteRecords raises the log start, and sometimes removes what lies below it.
func (w *world) deleteRecords(p *part, s step) {
	offset := between(s.a, p.start, p.hw)
	if s.b%8 == 0 {
		offset = p.hw
	}
	w.must(p.log.AdvanceLogStart(offset))
	p.start = max(p.start, offset)
	if s.c%2 == 0 {
		w.retainNow(p)
	}
	if err := p.log.AdvanceLogStart(p.hw + 1); !errors.Is(err, ErrOffsetOutOfRange) {
		w.failf("start offset above the high watermark: %v", err)
	}
}

// retain sets a retention for once.
func (w *world) retain(p *part, s step) {
	cfg := w.cfg
	if s.a%2 == 0 {
		cfg.RetentionBytes = int64(s.b % 10000)
	} else {
		cfg.RetentionMs = ms(int64(s.b % 100000))
	}
	p.log.Configure(cfg)
	w.retainNow(p)
	p.log.Configure(w.cfg)
}

// retainNow applies retention and checks that what went was allowed to go.
func (w *world) retainNow(p *part) {
	cfg := p.log.Config()
	_, err := p.log.Retain(w.now)
	w.must(err)
	start := p.log.Offsets().LogStart
	if start < p.start || start > p.hw {
		w.failf("%s: retention moves the start from %d to %d, high watermark %d", p.tp, p.start, start, p.hw)
	}
	var left int64
	for _, b := range p.from(start) {
		left += int64(len(p.raw(b)))
	}
	for _, b := range p.from(p.start) {
		if b.last >= start {
			break
		}
		greatest := p.form(b).greatest()
		old := cfg.RetentionMs >= 0 && (w.now.UnixMilli()-greatest > cfg.RetentionMs.Milliseconds() || greatest > w.now.UnixMilli())
		if !cfg.Delete || !old && (cfg.RetentionBytes < 0 || left < cfg.RetentionBytes) {
			w.failf("%s: offsets %d to %d are deleted, retention.ms=%d retention.bytes=%d, %d bytes are left", p.tp, b.base, b.last,
				cfg.RetentionMs.Milliseconds(), cfg.RetentionBytes, left)
		}
	}
	p.start = start
}

// recreate deletes a topic and makes another of that name.
func (w *world) recreate(p *part, _ step) {
	w.must(w.store.Delete(p.tp))
	p.modelLog = newModelLog(0)
	w.make(p)
}
