package voter

import (
	"strings"
	"testing"

	"leat/internal/fs"
)

// forget gives a static voter an empty disk, unless another one has not recovered from that: two of three that forget are beyond help.
func (w *world) forget() {
	for _, p := range w.peers {
		if p.node == nil || p.disk.journal.Ballot().Forgot > 0 { // one that is down may be so, too
			return
		}
	}
	p := w.peers[w.rng.Intn(len(w.peers))]
	w.disks++
	w.log("%s gets an empty disk", p.self)
	p.fsys, p.node, p.blank = fs.NewMem(), nil, true
}

// remind asks the others how far they are; ok is false while too few are up.
func (p *peer) remind() (ok bool) {
	heard, highest := 0, int32(0)
	for _, other := range p.w.peers {
		if other == p || other.node == nil {
			continue
		}
		_, epoch, _ := other.node.Leader()
		heard, highest = heard+1, max(highest, epoch)
	}
	if heard <= len(p.w.peers)/2 {
		return false
	}
	if !p.w.amnesia {
		p.begin.Forgot = highest + 1
	}
	p.w.log("%s comes with an empty disk, the others are at epoch %d", p.self, highest)
	p.blank = false
	return true
}

func TestSimStaticVotersForget(t *testing.T) {
	disks := 0
	for _, n := range []int32{3, 5} {
		seeds(t, 12, func(t *testing.T, seed int64) {
			w, err := simulate(t, seed, 15000, static(n), func(w *world) {
				if w.rng.Intn(500) == 0 {
					w.forget()
				}
			})
			if err != nil {
				t.Fatalf("%d voters, -seed %d: %v\n%s", n, seed, err, strings.Join(w.trace, "\n"))
			}
			disks += w.disks
		})
	}
	t.Logf("%d lost disks", disks)
	if *only < 0 && disks < 40 {
		t.Error("too little happened")
	}
}

// A voter that takes part at once with an empty disk is found by the same simulation.
func TestSimFindsForgetfulVoters(t *testing.T) {
	for s := range int64(200) {
		_, err := simulate(t, s, 15000, func(w *world) { static(3)(w); w.amnesia = true }, func(w *world) {
			if w.rng.Intn(500) == 0 {
				w.forget()
			}
		})
		if err != nil {
			t.Logf("found with seed %d: %v", s, err)
			return
		}
	}
	t.Error("not found in 200 seeds")
}
