package storage

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
)

// copied is the model of a log as it is now.
func (m *modelLog) copied() *modelLog {
	c := *m
	c.ever, c.forms, c.excused, c.maybe = maps.Clone(m.ever), maps.Clone(m.forms), maps.Clone(m.excused), slices.Clone(m.maybe)
	c.producers = map[int64]*modelProducer{}
	for id, p := range m.producers {
		p := *p
		p.recent = slices.Clone(p.recent)
		c.producers[id] = &p
	}
	return &c
}

// afterwards is a world that finds what is left of another one in mem, with models that promise what held both before and after the step
// during which it was lost. unsure is a log of which nothing is promised.
func (w *world) afterwards(mem *fs.Mem, before []*modelLog, unsure int) *world {
	again := &world{mem: mem, dirs: w.dirs, now: w.now, cfg: w.cfg, set: w.set, gaps: w.gaps, made: w.made, offsets: w.offsets}
	for i, p := range w.parts {
		m := p.copied()
		m.synced, m.kept, m.durable = min(m.synced, before[i].synced), min(m.kept, before[i].kept), m.durable && before[i].durable
		m.deleted, m.start = max(m.deleted, m.start, before[i].start, before[i].deleted), min(m.start, before[i].start)
		m.point, m.midway = max(m.point, before[i].point), true
		m.maybe = append(m.maybe, before[i].formsBefore(m))
		if i == unsure {
			m.earlier = before[i].batches
			m.synced, m.kept, m.durable, m.unsure = 0, 0, false, true
		}
		again.parts = append(again.parts, &part{modelLog: m, tp: p.tp, id: p.id})
	}
	return again
}

// formsBefore is the forms of batches that look otherwise later.
func (m *modelLog) formsBefore(later *modelLog) map[*modelBatch]*modelForm {
	list := map[*modelBatch]*modelForm{}
	for b := range later.forms {
		if f := m.form(b); f != later.form(b) {
			list[b] = f
		}
	}
	return list
}

// inspect opens what is left and compares.
func (w *world) inspect(powerLost bool) (err error) {
	defer caught(&err)
	w.openStore()
	w.find(powerLost)
	for _, p := range w.parts {
		w.takeOver(p)
		w.checkOffsets(p)
		w.checkAll(p, 3)
		w.appendPlain(p, step{})
		w.checkOffsets(p)
	}
	w.closeAndOpen(nil, step{})
	for _, p := range w.parts {
		w.checkAll(p, 3)
	}
	return nil
}

// changes tells the operations that change a file system.
func changes(op fs.Op) bool {
	switch op {
	case fs.OpCreate, fs.OpWrite, fs.OpSync, fs.OpTruncate, fs.OpRemove, fs.OpRemoveAll, fs.OpRename, fs.OpMkdir, fs.OpSyncDir:
		return true
	}
	return false
}

// TestPropertyPowerMayFailAtAnyMoment stops the machine before each single change of the file system during a run: within appends, rolls,
// truncations, deletions, checkpoints, recoveries.
func TestPropertyPowerMayFailAtAnyMoment(t *testing.T) {
	overSeedsUpTo(t, 2, 200, func(seed uint64) error {
		rng := rand.New(rand.NewPCG(seed, 5))
		v, steps := newStory(rng, 40, seed%2 == 0)
		run := func(steps []step) error { return powerAnywhere(v, seed, steps) }
		if err := run(steps); err != nil {
			return shrunk(steps, fmt.Errorf("%+v: %w", v, err), run)
		}
		return nil
	})
}

func powerAnywhere(v variant, seed uint64, steps []step) error {
	w := newWorld(v, false)
	for i, s := range steps {
		before := []*modelLog{w.parts[0].copied(), w.parts[1].copied()}
		var left []*fs.Mem
		mem := w.mem
		count := uint64(0)
		mem.Inject(func(op fs.Op, _ string) error {
			if count++; changes(op) {
				left = append(left, mem.Crash(nil), mem.Crash(rand.New(rand.NewPCG(seed, count))))
			}
			return nil
		})
		if err := w.run([]step{s}); err != nil {
			return fmt.Errorf("step %d %s: %w", i, s, err)
		}
		mem.Inject(nil)
		unsure := -1
		if s.kind == "recreate" || s.kind == "restart at" {
			unsure = s.log
		}
		for k, mem := range left {
			again := w.afterwards(mem, before, unsure)
			if s.kind == "recreate" {
				again.parts = again.parts[1-unsure : 2-unsure]
			}
			if err := again.inspect(true); err != nil {
				return fmt.Errorf("step %d %s: power lost before change %d: step 0: %w", i, s, k/2, err)
			}
		}
	}
	return nil
}

// TestPropertyAnyOperationMayFail lets the n-th operation on files fail, for every n: it is reported, nothing that was acknowledged is
// lost, and the next process opens both logs.
func TestPropertyAnyOperationMayFail(t *testing.T) {
	overSeedsUpTo(t, 2, 120, func(seed uint64) error {
		rng := rand.New(rand.NewPCG(seed, 6))
		v, steps := newStory(rng, 25, seed%4 > 1)
		cause := error(syscall.EIO)
		if seed%2 == 0 {
			cause = syscall.ENOSPC
		}
		for n := 1; ; n += stride() {
			done, err := failAt(v, steps, n, cause)
			if err != nil {
				return shrunk(steps, fmt.Errorf("%+v: operation %d fails with %q: %w", v, n, cause, err), func(steps []step) error {
					_, err := failAt(v, steps, n, cause)
					return err
				})
			}
			if done {
				return nil
			}
		}
	})
}

// failAt runs steps until the n-th operation fails. It reports done if there are not so many.
func failAt(v variant, steps []step, n int, cause error) (done bool, err error) {
	w := newWorld(v, false)
	count, what := 0, ""
	inject := func(op fs.Op, name string) error {
		if w.looks || op == fs.OpUsage && cause == syscall.ENOSPC {
			return nil // nobody says so
		}
		if count++; count != n {
			return nil
		}
		what = fmt.Sprint(op, " ", name)
		if op == fs.OpWrite {
			return &fs.ShortWrite{N: 17, Err: cause}
		}
		return cause
	}
	for i, s := range steps {
		before := []*modelLog{w.parts[0].copied(), w.parts[1].copied()}
		w.mem.Inject(inject)
		err := w.act(s)
		w.mem.Inject(nil)
		if err == nil && count < n {
			continue
		}
		if err != nil && !strings.Contains(err.Error(), cause.Error()) && !harmless(err) {
			return false, fmt.Errorf("step %d %s: failure of %s is reported as: %w", i, s, what, err)
		}
		again := w.afterwards(w.mem.Kill(), before, -1)
		for j, m := range again.parts {
			m.synced, m.durable, m.made = before[j].end, before[j].made && before[j].end > 0, before[j].made
			if j == s.log && (s.kind == "truncate" || s.kind == "restart at" || s.kind == "recreate" || s.kind == "power") || s.kind == "power" {
				m.synced, m.kept, m.durable, m.deleted, m.unsure = 0, 0, false, 1<<62, true
			}
		}
		if s.kind == "recreate" {
			again.parts = again.parts[1-s.log : 2-s.log]
		}
		if err := again.inspect(false); err != nil {
			return false, fmt.Errorf("step %d %s: after a failure of %s: step 0: %w", i, s, what, err)
		}
		return false, nil
	}
	return true, nil
}

// harmless reports whether an error only follows from the one that was injected: the directory is taken for full, or is offline.
func harmless(err error) bool {
	return strings.Contains(err.Error(), "almost full") || strings.Contains(err.Error(), ErrDisk.Error())
}
