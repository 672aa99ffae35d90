package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"leat/internal/fs"
	"leat/internal/fs/sealed"
	"leat/internal/record"
	"leat/internal/storage/compact"
)

// world is a store with two logs, held against a slice each. Its schedulers do not run: their work is among the steps, so that a run is
// the same every time.
type world struct {
	mem   *fs.Mem
	real  fs.FS // in place of mem
	dirs  []string
	cfg   LogConfig
	set   Settings
	gaps  bool // batches from a leader may leave offsets out
	store *Store
	parts []*part
	now   time.Time
	made  int  // logs
	looks bool // the files are read by the model, not by the log

	worker  *cleanWorker
	offsets *compact.OffsetMap
}

// part is a log and its model.
type part struct {
	*modelLog
	tp  record.TopicPartition
	id  record.UUID
	log *Log
}

// modelFailure is thrown by a step.
type modelFailure struct{ text string }

func (w *world) failf(format string, args ...any) { panic(modelFailure{fmt.Sprintf(format, args...)}) }

func (w *world) must(err error) {
	if err != nil {
		w.failf("%v", err)
	}
}

// variant is the settings of a run that must not show in what is read.
type variant struct {
	segmentBytes, indexInterval, indexBytes, flushMessages int64
	openFiles                                              int
	encrypted                                              bool
	compaction
	preallocate bool
}

// compaction is how logs are compacted, which shows.
type compaction struct {
	compact, keep           bool // keep: no retention beside it
	dirtyRatio              float64
	minLag, maxLag, deleted time.Duration
	tightMap                bool // has room for a few keys
}

// randomCompaction is that of one run in two, and none otherwise.
func randomCompaction(rng *rand.Rand) compaction {
	c := compaction{compact: rng.IntN(2) == 0, keep: rng.IntN(3) > 0, maxLag: forever, tightMap: rng.IntN(4) == 0}
	c.dirtyRatio = []float64{0, 0, 0.01, 0.5, 1}[rng.IntN(5)]
	if rng.IntN(5) == 0 {
		c.minLag = ms(3000)
	}
	if rng.IntN(4) == 0 || c.dirtyRatio == 1 {
		c.maxLag = ms(10000)
	}
	c.deleted = []time.Duration{0, ms(2000), time.Minute, time.Hour}[rng.IntN(4)]
	return c
}

func randomVariant(rng *rand.Rand) variant {
	pick := func(list ...int64) int64 { return list[rng.IntN(len(list))] }
	return variant{pick(2200, 3000, 6000, 20000, 1<<20), pick(0, 100, 300, 4096), pick(24, 64, 1<<20), pick(1, 1<<40, 1<<40), 1 + rng.IntN(3), rng.IntN(3) == 0, randomCompaction(rng), rng.IntN(4) == 0}
}

func (v variant) config() LogConfig {
	return LogConfig{
		SegmentBytes: v.segmentBytes, IndexIntervalBytes: v.indexInterval, SegmentIndexBytes: v.indexBytes, FlushMessages: v.flushMessages,
		RetentionMs: -1, RetentionBytes: -1, Delete: !v.compact || !v.keep, MaxMessageBytes: 1 << 20, Encrypted: v.encrypted, Preallocate: v.preallocate,
		Compact: v.compact, MinCleanableDirtyRatio: v.dirtyRatio, MinCompactionLag: v.minLag, MaxCompactionLag: v.maxLag, DeleteRetention: v.deleted,
	}
}

// newWorld makes the store and its logs. It throws a modelFailure if that fails.
func newWorld(v variant, gaps bool) *world {
	w := newEmptyWorld(v, gaps)
	w.begin()
	return w
}

func newEmptyWorld(v variant, gaps bool) *world {
	w := &world{
		mem: fs.NewMem(), dirs: []string{"/data"}, now: day0, cfg: v.config(), gaps: gaps,
		set: Settings{MaxOpenFiles: v.openFiles, ProducerIDExpiration: 1 << 62, RecoveryThreadsPerDir: 1},
	}
	w.offsets = compact.NewOffsetMap(1<<16, 0.9)
	if v.tightMap {
		w.offsets = compact.NewOffsetMap(0, 0.1)
	}
	return w
}

func (w *world) begin() {
	w.openStore()
	for i := range int32(2) {
		p := &part{modelLog: newModelLog(0), tp: record.TopicPartition{Topic: "orders", Partition: i}}
		w.parts = append(w.parts, p)
		w.make(p)
	}
}

func (w *world) make(p *part) {
	p.id = record.UUID{15: byte(w.made), 14: byte(w.made >> 8), 0: byte(p.tp.Partition) + 1}
	w.made++
	var err error
	p.log, err = w.store.Create(p.tp, p.id, record.UUID{})
	w.must(err)
}

func (w *world) fileSystem() (fs.FS, error) {
	if w.real != nil {
		return w.real, nil
	}
	if fsys, err := sealedOver(w.mem); w.dirs[0] == "/data" || err != nil {
		return fsys, err
	}
	keys, err := sealed.FileKeys(w.mem, "/keys")
	w.must(err)
	for _, dir := range w.dirs {
		w.must(makeDir(w.mem, dir))
	}
	fsys, err := sealed.Open(context.Background(), sealed.Config{FS: w.mem, Dirs: w.dirs, Keys: keys})
	w.must(err)
	return fsys, fsys.Refresh(context.Background())
}

func (w *world) openStore() {
	fsys, err := w.fileSystem()
	w.must(err)
	s, err := open(context.Background(), StoreConfig{
		FS: fsys, Dirs: w.dirs, NodeID: 1, ClusterID: "Some-Cluster_Id",
		Settings: func() Settings { return w.set }, LogConfig: func(string) LogConfig { return w.cfg },
	})
	w.must(err)
	s.tasks.store = s
	w.store = s
	for _, d := range s.dirs {
		d.syncs.closed = true // what rolls ask for
	}
}

// closeStore is Store.Close without its schedulers.
func (w *world) closeStore() {
	w.store.mu.Lock()
	w.store.closed = true
	w.store.mu.Unlock()
	for _, d := range w.store.dirs {
		w.must(d.close())
	}
}

// caught turns what a step threw into an error. It is to be deferred.
func caught(err *error) {
	switch r := recover().(type) {
	case nil:
	case modelFailure:
		*err = errors.New(r.text)
	default:
		*err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
	}
}

// run executes steps; an error says which one failed, and how.
func (w *world) run(steps []step) (err error) {
	at := -1
	defer func() {
		if err != nil {
			err = fmt.Errorf("step %d: %w", at, err)
		}
	}()
	defer caught(&err)
	for i, s := range steps {
		at = i
		w.take(s)
		for _, p := range w.parts {
			w.checkOffsets(p)
		}
		if i%16 == 15 || i == len(steps)-1 {
			for _, p := range w.parts {
				w.checkAll(p, s.c)
			}
		}
	}
	return nil
}

// take executes one step.
func (w *world) take(s step) {
	var a action
	for _, group := range []map[string]action{contentActions, otherActions, cleaningActions} {
		if known, ok := group[s.kind]; ok {
			a = known
		}
	}
	a.run(w, w.parts[s.log], s)
	for _, p := range w.parts {
		p.deleted, p.highest = max(p.deleted, p.start), max(p.highest, p.hw)
	}
}

// act executes one step and looks at nothing.
func (w *world) act(s step) (err error) {
	defer caught(&err)
	w.take(s)
	return nil
}

// background does what the schedulers would: syncs, and removals.
func (w *world) background(p *part, s step) {
	if s.a%2 == 0 {
		p.log.mu.Lock()
		p.log.unsnapped = snapshotBytes // so that there is a snapshot of the producers, too
		p.log.mu.Unlock()
		w.must(p.log.writeOut())
		p.promise()
	}
	w.store.tasks.removeDue(time.Now().Add(24 * time.Hour))
}

func (w *world) checkpoint(_ *part, s step) {
	for _, d := range w.store.dirs {
		if s.a%4 != 0 {
			d.checkpoint(d.writeRecoveryPoints)
		}
		if s.a%4 != 1 {
			d.checkpoint(d.writeLogStarts)
		}
		if s.a%4 != 2 {
			d.checkpoint(d.writeHighWatermarks)
		}
	}
	for _, p := range w.parts {
		if s.a%4 != 1 {
			p.keep()
		}
	}
}

// keep notes that the start offset was written to its checkpoint, or follows from a first segment whose name was synced. The removal of those
// before is not synced: one that comes back with the loss of power goes with the next retention.
func (p *part) keep() { p.kept = p.start }

// jumpClock moves the clock, sometimes back.
func (w *world) jumpClock(_ *part, s step) {
	w.now = w.now.Add([]time.Duration{-time.Hour, time.Hour, -time.Minute, 3 * 24 * time.Hour, 365 * 24 * time.Hour}[s.a%5])
}

func (w *world) configure(_ *part, s step) {
	v := randomVariant(rand.New(rand.NewPCG(s.a, 1))).config()
	v.FlushMessages = w.cfg.FlushMessages
	w.cfg = v
	for _, p := range w.parts {
		p.log.Configure(v)
	}
}

func (w *world) truncate(p *part, s step) {
	offset := between(s.a, max(p.start, p.end-12), p.end)
	if chance(s.b, 4) {
		offset = between(s.a, p.start, p.end)
	}
	if len(p.forms) > 0 { // with nothing left before it, the log ends where its first segment begins
		p.born = min(p.born, p.log.segments[0].base)
	}
	w.must(p.log.TruncateTo(offset))
	p.modelLog.truncate(offset)
	p.believe(p.log.Producers())
	w.cut(p)
}

func (w *world) restartAt(p *part, s step) {
	offset := between(s.a, max(0, p.start-5), p.end+5)
	w.must(p.log.TruncateFullyAndStartAt(offset))
	p.restart(offset)
	w.cut(p)
}

// find looks the logs up after the store was opened.
func (w *world) find(powerLost bool) {
	for _, p := range w.parts {
		var ok bool
		if p.log, ok = w.store.Log(p.tp); !ok {
			w.must(w.store.dirs[0].offline())
			if p.durable || !powerLost && p.made || w.store.Broken(p.tp) != nil {
				w.failf("%s is gone: %v", p.tp, w.store.Broken(p.tp))
			}
			fresh := newModelLog(0)
			fresh.leaderEpoch, fresh.next = p.leaderEpoch, p.next // the story goes on the same, whether there were files or not
			p.modelLog = fresh
			w.make(p)
		}
		p.reread = true
		p.believe(p.log.Producers())
	}
}

func (w *world) closeAndOpen(*part, step) {
	w.closeStore()
	for _, p := range w.parts {
		p.promise()
		p.keep()
	}
	w.openStore()
	w.find(false)
	for _, p := range w.parts {
		if got := p.log.Offsets(); got.HighWatermark != p.hw {
			w.failf("%s: high watermark %d, was closed with %d", p.tp, got.HighWatermark, p.hw)
		}
	}
}

func (w *world) killAndOpen(*part, step) {
	w.mem = w.mem.Kill()
	w.openStore()
	w.find(false)
	for _, p := range w.parts {
		w.settle(p)
	}
}

// settle takes over, after a stop that was none, what a log is not bound to remember: the high watermark, and a start offset above the
// last checkpoint.
func (w *world) settle(p *part) {
	o := p.log.Offsets()
	if p.start == p.end && o.LogStart == o.LogEnd && o.LogStart > p.start && o.LogStart <= p.deleted { // truncated within a batch that was partly deleted
		p.restart(o.LogStart)
	}
	if o.HighWatermark > max(p.hw, p.highest) || o.LogStart > p.start || o.LogStart < min(p.kept, p.start) {
		w.failf("%s: offsets %+v, before: start %d (checkpoint %d), high watermark %d", p.tp, o, p.start, p.kept, p.hw)
	}
	if got := p.log.SetHighWatermark(p.hw); got.HighWatermark != p.hw {
		w.failf("%s: high watermark %+v, set to %d", p.tp, got, p.hw)
	}
	if p.start <= p.hw {
		w.must(p.log.AdvanceLogStart(p.start))
	}
}
