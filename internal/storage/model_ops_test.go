package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"leat/internal/record"
)

// step is one operation of a run. Its numbers are read against the state that it meets, so that a run from which steps were taken away is
// still a run.
type step struct {
	kind    string
	log     int // which of the two
	a, b, c uint64
}

func (s step) String() string { return fmt.Sprintf("%s log=%d %d %d %d", s.kind, s.log, s.a, s.b, s.c) }

// action is a kind of step: how often it comes, and what it does.
type action struct {
	weight int
	run    func(*world, *part, step)
}

// actions that mean the same whatever the settings of a log are.
var contentActions = map[string]action{
	"plain":          {14, (*world).appendPlain},
	"idempotent":     {12, (*world).appendIdempotent},
	"repeat":         {4, (*world).appendRepeat},
	"refused":        {3, (*world).appendRefused},
	"transaction":    {8, (*world).appendTransactional},
	"marker":         {6, (*world).appendMarker},
	"follow":         {6, (*world).appendFollowed},
	"high watermark": {12, (*world).raiseHighWatermark},
	"epoch":          {3, (*world).assignEpoch},
	"flush":          {4, (*world).flush},
	"background":     {4, (*world).background},
	"checkpoint":     {3, (*world).checkpoint},
	"read":           {10, (*world).read},
	"committed":      {4, (*world).readCommitted},
	"time":           {5, (*world).lookUpTime},
	"clock":          {1, (*world).jumpClock},
	"truncate":       {4, (*world).truncate},
	"restart at":     {1, (*world).restartAt},
	"configure":      {2, (*world).configure},
	"close":          {3, (*world).closeAndOpen},
	"kill":           {3, (*world).killAndOpen},
}

// actions whose outcome depends on where segments end, or on chance.
var otherActions = map[string]action{
	"delete records": {5, (*world).deleteRecords},
	"retention":      {3, (*world).retain},
	"power":          {4, (*world).losePower},
	"clean":          {2, (*world).clean},
	"recreate":       {1, (*world).recreate},
}

// actions of a run that is about compaction.
var cleaningActions = map[string]action{
	"settle":      {14, (*world).settleAll},
	"clean often": {18, (*world).clean},
	"later":       {3, (*world).passTime},
}

// newStory makes a variant and steps for it. One seed in two is about compaction: small segments, few keys, and all of it decided, replicated
// and synced from time to time.
func newStory(rng *rand.Rand, n int, cleaning bool) (variant, []step) {
	v := randomVariant(rng)
	if !cleaning {
		return v, newSteps(rng, n, contentActions, otherActions)
	}
	v.segmentBytes = []int64{450, 700, 1200, 3000}[rng.IntN(4)]
	v.compact, v.dirtyRatio = true, []float64{0, 0, 0, 0.3}[rng.IntN(4)]
	return v, newSteps(rng, n, contentActions, otherActions, cleaningActions)
}

func newSteps(rng *rand.Rand, n int, kinds ...map[string]action) []step {
	var names []string
	for _, group := range kinds {
		for name, a := range group {
			for range a.weight {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	steps := make([]step, n)
	for i := range steps {
		steps[i] = step{kind: names[rng.IntN(len(names))], a: rng.Uint64(), b: rng.Uint64(), c: rng.Uint64()}
		if rng.IntN(4) == 0 {
			steps[i].log = 1
		}
	}
	return steps
}

// between reads a number of a step as one in [low, high].
func between(n uint64, low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + int64(n%uint64(high-low+1))
}

// chance reads a number of a step as a yes once in so many times.
func chance(n uint64, in uint64) bool { return n>>32%in == 0 }

// values makes records. Sizes are mostly small; timestamps mostly rise.
func (w *world) values(p *part, n int, seed uint64) []record.Record {
	records := make([]record.Record, n)
	for i := range records {
		w.now = w.now.Add(time.Duration(1+seed%700) * time.Millisecond)
		ts := w.now.UnixMilli()
		if chance(seed+uint64(i)<<32, 9) {
			ts -= int64(seed % 60000)
		}
		size := seed % 40
		if chance(seed, 12) && w.cfg.SegmentBytes > 2000 {
			size = seed % 400
		}
		p.next++
		records[i] = record.Record{
			Timestamp: ts, Key: fmt.Appendf(nil, "k%d", (seed+uint64(i))%7),
			Value: fmt.Appendf(nil, "%d-%s", p.next, strings.Repeat("x", int(size))),
		}
		if chance(seed+uint64(i)<<33, 8) {
			records[i].Value = nil
		}
	}
	return records
}

// batch is a batch as a client sends it, and as it must lie in the log from base on.
func (w *world) batch(p *part, base int64, spec record.BatchSpec, records []record.Record) (sent []byte, b *modelBatch) {
	sent, err := record.AppendBatch(nil, spec, records)
	w.must(err)
	b = &modelBatch{
		base: base, last: base + int64(len(records)) - 1, leaderEpoch: p.leaderEpoch, producerID: spec.ProducerID, epoch: spec.ProducerEpoch,
		sequence: spec.BaseSequence, transaction: spec.Transactional, modelForm: modelForm{newest: record.NoTimestamp},
	}
	for i, r := range records {
		b.records = append(b.records, modelRecord{base + int64(i), r.Timestamp, string(r.Key), string(r.Value), r.Value == nil, r.Key == nil})
		b.newest = max(b.newest, r.Timestamp)
	}
	b.raw = placed(sent, base, p.leaderEpoch)
	return sent, b
}

// placed is a batch with offset and leader epoch written in by hand: bytes 0 to 7 and 12 to 15.
func placed(sent []byte, base int64, leaderEpoch int32) []byte {
	raw := append([]byte(nil), sent...)
	for i := range 8 {
		raw[i] = byte(base >> (56 - 8*i))
	}
	for i := range 4 {
		raw[12+i] = byte(leaderEpoch >> (24 - 8*i))
	}
	return raw
}

func codecOf(n uint64) record.Codec {
	switch n >> 20 % 16 {
	case 0:
		return record.LZ4
	case 1:
		return record.Snappy
	}
	return record.Uncompressed
}

func (w *world) options(p *part, origin Origin) AppendOptions {
	return AppendOptions{LeaderEpoch: p.leaderEpoch, Now: w.now, Origin: origin}
}

// appendAs appends what must succeed.
func (w *world) appendAs(p *part, origin Origin, sent []byte, b *modelBatch) {
	p.offer(b)
	info, err := p.log.Append(sent, w.options(p, origin))
	w.must(err)
	if info.BaseOffset != b.base || info.LastOffset != b.last || info.Duplicate || info.LogEnd != b.last+1 || info.LogStart != p.start {
		w.failf("appended %d to %d, told %+v", b.base, b.last, info)
	}
	p.add(b)
	w.autoFlushed(p)
}

func (w *world) appendPlain(p *part, s step) {
	spec := record.NewSpec()
	spec.Codec = codecOf(s.c)
	sent, b := w.batch(p, p.end, spec, w.values(p, 1+int(s.a%4), s.b))
	w.appendAs(p, FromClient, sent, b)
}

// producerSpec continues a producer's sequence; without one it begins somewhere.
func (w *world) producerSpec(p *part, id int64, n uint64) record.BatchSpec {
	spec := record.NewSpec()
	spec.ProducerID, spec.Codec = id, codecOf(n)
	known := p.producers[id]
	switch {
	case known == nil:
		spec.ProducerEpoch, spec.BaseSequence = int16(n%3), []int32{0, 0, 0, 17, 1<<31 - 2}[n%5]
	case known.txnFirst < 0 && chance(n, 9):
		spec.ProducerEpoch, spec.BaseSequence = known.epoch+1, 0
	default:
		spec.ProducerEpoch, spec.BaseSequence = known.epoch, record.AddSequence(known.lastSequence(), 1)
	}
	return spec
}

func (w *world) appendIdempotent(p *part, s step) {
	id := int64(100 + s.a%3)
	if known := p.producers[id]; known != nil && known.txnFirst >= 0 {
		return
	}
	sent, b := w.batch(p, p.end, w.producerSpec(p, id, s.c), w.values(p, 1+int(s.a>>8%4), s.b))
	w.appendAs(p, FromClient, sent, b)
}

func (w *world) appendTransactional(p *part, s step) {
	spec := w.producerSpec(p, int64(200+s.a%3), s.c)
	spec.Transactional = true
	sent, b := w.batch(p, p.end, spec, w.values(p, 1+int(s.a>>8%3), s.b))
	w.appendAs(p, FromClient, sent, b)
}

// appendRepeat sends one of a producer's last batches again. The last one is always known.
func (w *world) appendRepeat(p *part, s step) {
	known := p.producers[int64(100*(1+s.a%2)+s.b%3)]
	if known == nil || len(known.recent) == 0 {
		return
	}
	back := int(s.c % uint64(len(known.recent)))
	b := known.recent[len(known.recent)-1-back]
	sent := placed(b.raw, 0, -1)
	info, err := p.log.Append(sent, w.options(p, FromClient))
	if errors.Is(err, ErrOutOfOrder) && p.reread && back > 0 || errors.Is(err, ErrInvalidTimestamp) && b.newest > w.now.UnixMilli()+3600000 {
		return
	}
	w.must(err)
	if !info.Duplicate || info.BaseOffset != b.base || info.LastOffset != b.last {
		w.failf("batch %d back, offsets %d to %d, again: %+v", back, b.base, b.last, info)
	}
}

// appendRefused sends what a log must not take.
func (w *world) appendRefused(p *part, s step) {
	id := int64(100*(1+s.a%2) + s.b%3)
	known := p.producers[id]
	if known == nil {
		return
	}
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = id, known.epoch, record.AddSequence(known.lastSequence(), 1)
	spec.Transactional = known.txnFirst >= 0
	want := ErrOutOfOrder
	switch s.c % 4 {
	case 0:
		spec.BaseSequence = record.AddSequence(known.lastSequence(), 3)
	case 1:
		spec.ProducerEpoch, spec.BaseSequence = known.epoch+1, 5
	case 2:
		if known.epoch == 0 {
			return
		}
		spec.ProducerEpoch, want = known.epoch-1, ErrProducerFenced
	case 3:
		if known.txnFirst < 0 {
			return
		}
		spec.Transactional, want = false, ErrTxnState
	}
	sent, _ := w.batch(p, p.end, spec, w.values(p, 1, s.b))
	if info, err := p.log.Append(sent, w.options(p, FromClient)); !errors.Is(err, want) {
		w.failf("producer %d, case %d: %+v, %v", id, s.c%4, info, err)
	}
}

func (w *world) appendMarker(p *part, s step) {
	id := int64(200 + s.a%3)
	known := p.producers[id]
	if known == nil || known.txnFirst < 0 && !chance(s.a, 4) {
		return
	}
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.Transactional, spec.Control = id, known.epoch, true, true
	if chance(s.b, 4) {
		spec.ProducerEpoch++ // a coordinator that fences the producer, or transaction version 2
	}
	commit, coordinator := s.b%2 == 0, max(known.coordinator, 0)+int32(s.c%2)
	ts := w.now.UnixMilli()
	sent := record.AppendEndTxnMarker(nil, spec, ts, commit, coordinator)
	b := &modelBatch{
		modelForm: modelForm{raw: placed(sent, p.end, p.leaderEpoch), records: []modelRecord{{offset: p.end, timestamp: ts}}, newest: ts},
		base:      p.end, last: p.end, leaderEpoch: p.leaderEpoch, producerID: id, epoch: spec.ProducerEpoch,
		control: true, commit: commit, coordinator: coordinator,
	}
	w.appendAs(p, FromCoordinator, sent, b)
}

// appendFollowed is what a follower gets: some batches, perhaps with a gap before them as compaction leaves it, perhaps torn at the end.
func (w *world) appendFollowed(p *part, s step) {
	var sent []byte
	var list []*modelBatch
	next := p.end
	for i := range 1 + s.a%3 {
		if w.gaps && chance(s.b+i<<32, 4) {
			next += 1 + int64(s.c%5)
		}
		if chance(s.c+i<<35, 10) {
			p.leaderEpoch++
		}
		_, b := w.batch(p, next, record.NewSpec(), w.values(p, 1+int(s.b%3), s.b>>5+i))
		sent, list, next = append(sent, b.raw...), append(list, b), b.last+1
	}
	if chance(s.a, 3) {
		sent = append(sent, sent[:between(s.b, 1, int64(len(list[0].raw)-1))]...)
	}
	if chance(s.a, 7) && p.end > 0 {
		if _, err := p.log.AppendFetched(placed(list[0].raw, p.end-1, p.leaderEpoch)); !errors.Is(err, ErrOffsetOutOfRange) {
			w.failf("a batch that the log has already: %v", err)
		}
	}
	p.offer(list...)
	info, err := p.log.AppendFetched(sent)
	w.must(err)
	if info.LogEnd != next || info.BaseOffset != list[0].base || info.LastOffset != next-1 {
		w.failf("followed %d to %d, told %+v", list[0].base, next-1, info)
	}
	for _, b := range list {
		p.add(b)
	}
	w.autoFlushed(p)
}

// autoFlushed notes what flush.messages promises.
func (w *world) autoFlushed(p *part) {
	if w.cfg.FlushMessages == 1 {
		p.promise()
	}
}

func (w *world) raiseHighWatermark(p *part, s step) {
	p.hw = between(s.a, p.hw, p.end)
	if s.b%3 == 0 {
		p.hw = p.end
	}
	if got := p.log.SetHighWatermark(p.hw); got.HighWatermark != p.hw {
		w.failf("high watermark set to %d: %+v", p.hw, got)
	}
}

func (w *world) assignEpoch(p *part, s step) {
	p.leaderEpoch += 1 + int32(s.a%2)
	w.must(p.log.AssignEpoch(p.leaderEpoch))
}

// settleAll ends all transactions, and replicates and syncs everything.
func (w *world) settleAll(p *part, s step) {
	for id := range int64(3) {
		if known := p.producers[200+id]; known != nil && known.txnFirst >= 0 {
			w.appendMarker(p, step{a: uint64(id), b: s.b>>id | 1<<34, c: s.c})
		}
	}
	w.raiseHighWatermark(p, step{})
	w.flush(p, step{})
}

// passTime lets tombstones come of age.
func (w *world) passTime(_ *part, s step) { w.now = w.now.Add(ms(int64(s.a % 5000))) }

func (w *world) flush(p *part, _ step) {
	w.must(p.log.Flush())
	p.promise()
}
