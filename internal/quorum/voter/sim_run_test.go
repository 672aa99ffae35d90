package voter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// step lets one thing happen.
func (w *world) step() {
	w.steps++
	p := w.peers[w.rng.Intn(len(w.peers))]
	chance := w.rng.Intn(1000)
	if p.node == nil {
		if chance < 100 {
			w.log("%s starts", p.self)
			p.start()
		}
		return
	}
	switch {
	case chance < 400:
		if n := len(w.net); n > 0 {
			i := w.rng.Intn(min(n, 8)) // mostly in order
			if w.rng.Intn(50) == 0 {
				i = w.rng.Intn(n)
			}
			if w.rng.Intn(30) == 0 {
				w.net = append(w.net[:i:i], w.net[i+1:]...)
			} else {
				w.deliver(i, w.rng.Intn(40) == 0)
			}
		}
	case chance < 500:
		w.now = w.now.Add(10 * time.Millisecond)
		p.tick()
	case chance < 680:
		if p.self.ID%2 == 1 || w.rng.Intn(3) == 0 { // some disks are slower
			if len(p.writes) > 0 {
				p.persist(1 + w.rng.Intn(4))
			}
		}
	case chance < 800:
		p.apply()
	case chance < 960:
		p.propose()
	case chance < 965:
		w.log("%s crashes", p.self)
		p.crash(w.rng.Intn(4) > 0)
	case chance < 970:
		other := w.peers[w.rng.Intn(len(w.peers))]
		w.cut[[2]int32{p.self.ID, other.self.ID}] = true
		if w.rng.Intn(2) == 0 {
			w.cut[[2]int32{other.self.ID, p.self.ID}] = true
		}
	case chance < 976:
		clear(w.cut)
	case chance < 984:
		p.checkpoint()
	case chance < 994:
		p.fetch()
	default:
		w.answerEarly(p)
	}
	if w.answerFirst != nil && p.node != nil {
		w.answerEarly(p)
	}
}

// answerEarly is the mutation: it answers for writes that are not on disk.
func (w *world) answerEarly(p *peer) {
	if w.answerFirst == nil {
		return
	}
	for p.node != nil && p.early < len(p.writes) && p.writes[p.early].Snapshot == nil && w.answerFirst(p.writes[p.early]) {
		p.early++
		p.written(p.writes[p.early-1])
	}
}

// settle lets everything come to rest: all are up, nothing is cut or lost.
func (w *world) settle() {
	clear(w.cut)
	for _, p := range w.peers {
		if p.node == nil {
			p.start()
		}
	}
	for range 1500 {
		w.now = w.now.Add(10 * time.Millisecond)
		for _, p := range w.peers {
			p.tick()
		}
		for range 20 {
			w.steps++
			for range len(w.net) {
				w.deliver(0, false)
			}
			for _, p := range w.peers {
				p.rest()
			}
		}
		if w.settled() {
			return
		}
	}
	w.fail("the cluster does not come to rest: %s", w.describe())
}

// rest does all that a peer has to do.
func (p *peer) rest() {
	for len(p.writes) > 0 && p.node != nil {
		p.persist(len(p.writes))
	}
	for len(p.commits) > 0 && p.node != nil {
		p.apply()
	}
	if p.node == nil {
		return
	}
	if p.wants {
		p.checkpoint()
	}
	p.fetch()
}

// settled tells whether one leads and all members have everything.
func (w *world) settled() bool {
	var leader *peer
	for _, p := range w.peers {
		if p.node != nil && p.leading >= 0 {
			leader = p
		}
	}
	if leader == nil || len(w.net) > 100 {
		return false
	}
	for _, m := range leader.node.Members().List {
		for _, p := range w.peers {
			if p.self == m.Replica && (p.node == nil || p.disk.log.Offsets().LogEnd != w.end) {
				return false
			}
		}
	}
	return true
}

func (w *world) describe() string {
	var b strings.Builder
	for _, p := range w.peers {
		if p.node == nil {
			fmt.Fprintf(&b, "%s is down; ", p.self)
			continue
		}
		leader, epoch, known := p.node.Leader()
		fmt.Fprintf(&b, "%s: leader %s (%v) epoch %d log end %d of %d, %d writes, %d commits, %d members; ", p.self, leader, known, epoch, p.disk.log.Offsets().LogEnd, w.end,
			len(p.writes), len(p.commits), len(p.node.Members().List))
	}
	return b.String()
}

// simulate runs a world; the error is the invariant that broke.
func simulate(t *testing.T, seed int64, steps int, build func(*world), each func(*world)) (w *world, err error) {
	w = newWorld(t, seed)
	defer func() {
		if p := recover(); p != nil {
			b, ok := p.(broken)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("%s", b)
		}
	}()
	build(w)
	for range steps {
		w.step()
		if each != nil {
			each(w)
		}
	}
	w.settle()
	return w, nil
}

// static builds a cluster of voters that a config names.
func static(n int32) func(*world) {
	return func(w *world) {
		var ids []int32
		for id := int32(1); id <= n; id++ {
			ids = append(ids, id)
		}
		for _, id := range ids {
			w.add(consensus.Replica{ID: id}, Beginning{Members: consensus.Static(ids...)})
		}
	}
}

func dirID(n int) record.UUID { return record.UUID{14: byte(n >> 8), 15: byte(n)} }

// seeds runs a test once per seed.
func seeds(t *testing.T, few int, run func(t *testing.T, seed int64)) {
	if *seed >= 0 {
		run(t, *seed)
		return
	}
	if *long {
		few = 2000
	}
	for s := range few {
		t.Run(fmt.Sprint("seed ", s), func(t *testing.T) { run(t, int64(s)) })
	}
}

func TestSimVotersAgree(t *testing.T) {
	for _, n := range []int32{1, 3, 5} {
		t.Run(fmt.Sprint(n, " voters"), func(t *testing.T) {
			total, elections := int64(0), 0
			seeds(t, 12, func(t *testing.T, seed int64) {
				w, err := simulate(t, seed, 4000, static(n), nil)
				if err != nil {
					t.Fatalf("-seed %d: %v\n%s", seed, err, strings.Join(w.trace, "\n"))
				}
				total, elections = total+w.end, elections+len(w.leaders)
			})
			t.Logf("%d records, %d epochs with a leader", total, elections)
		})
	}
}
