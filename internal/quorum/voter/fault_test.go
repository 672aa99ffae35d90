package voter

import (
	"errors"
	"math/rand/v2"
	"testing"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
)

// work lets a voter that is alone do a bit of everything, until its files fail.
func (w *world) work(p *peer, steps int, on func() bool) {
	for i := range steps {
		if w.steps++; p.node == nil || !on() {
			return
		}
		switch {
		case i%40 == 39:
			p.checkpoint()
		case i%5 == 0:
			w.now = w.now.Add(1)
			p.tick()
		case i%5 == 1:
			p.persist(3)
		case i%5 == 2:
			p.apply()
		default:
			p.propose()
		}
	}
}

// alone is the only voter, on the given files.
func (w *world) alone(fsys *fs.Mem) *peer {
	p := &peer{w: w, self: consensus.Replica{ID: 1}, begin: Beginning{Members: consensus.Static(1)}, fsys: fsys, leading: -1}
	w.peers = []*peer{p}
	return p
}

// again goes on from what is left on disk, and looks whether everything that was acknowledged is there.
func (w *world) again(left *fs.Mem, acked int64, round int) {
	w.t.Helper()
	w.log("acked %d, chain end %d", acked, w.end)
	for at := range w.chain {
		if at >= acked {
			delete(w.chain, at)
		}
	}
	w.end, w.acked, w.gaps = acked, acked, true
	p := w.alone(left)
	p.start()
	if end := p.disk.log.Offsets().LogEnd; end > acked {
		acked = end
	}
	w.settle()
	if p.disk.log.Offsets().LogEnd < acked {
		w.t.Fatalf("round %d: log ends at %d, %d was acknowledged", round, p.disk.log.Offsets().LogEnd, acked)
	}
	w.work(p, 60, func() bool { return true })
	w.settle()
}

// held runs a test and reports a broken invariant.
func held(t *testing.T, round int, run func()) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			b, ok := p.(broken)
			if !ok {
				panic(p)
			}
			t.Fatalf("round %d: %s", round, b)
		}
	}()
	run()
}

// stride is how many operations are left out between two that fail.
func stride() int {
	if *long {
		return 1
	}
	return 5
}

func TestEveryFaultEndsTheVoterAndLosesNothing(t *testing.T) {
	for n := 1; ; n += stride() {
		w := newWorld(t, 1)
		w.saboteur = true
		fsys, ops, failed := fs.NewMem(), 0, false
		fsys.Inject(func(fs.Op, string) error {
			if ops++; ops == n {
				failed = true
				return errors.New("broken")
			}
			return nil
		})
		held(t, n, func() {
			p := w.alone(fsys)
			if err := p.open(); err != nil && !failed {
				t.Fatalf("operation %d: %v", n, err)
			} else if err == nil {
				w.work(p, 250, func() bool { return true })
			}
			fsys.Inject(nil)
			w.saboteur = false
			w.again(fsys.Crash(nil), w.acked, n)
		})
		if !failed {
			if n < 100 {
				t.Fatalf("a whole run has only %d operations", ops)
			}
			return
		}
	}
}

func TestPowerLossAtEveryStepLosesNothing(t *testing.T) {
	for n := 1; ; n += stride() {
		w := newWorld(t, 1)
		fsys, ops, acked := fs.NewMem(), 0, int64(0)
		var left *fs.Mem
		fsys.Inject(func(fs.Op, string) error {
			if ops++; ops == n {
				left, acked = fsys.Crash(rand.New(rand.NewPCG(uint64(n), 2))), w.acked
			}
			return nil
		})
		held(t, n, func() {
			p := w.alone(fsys)
			p.start()
			w.work(p, 250, func() bool { return left == nil })
			if left != nil {
				w.again(left, acked, n)
			}
		})
		if left == nil {
			if n < 100 {
				t.Fatalf("a whole run has only %d operations", ops)
			}
			return
		}
	}
}
