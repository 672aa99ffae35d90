package voter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// weights say how often what happens, out of their sum.
type weights struct {
	deliver, tick, persist, apply, propose, crash, cut, heal, checkpoint, fetch, campaign, change int
}

var (
	calm   = weights{deliver: 600, tick: 25, persist: 200, apply: 100, propose: 120, crash: 3, cut: 2, heal: 6, checkpoint: 8, fetch: 10}
	stormy = weights{deliver: 400, tick: 250, persist: 80, apply: 60, propose: 60, crash: 25, cut: 4, heal: 6, checkpoint: 4, fetch: 10, campaign: 30}
)

// step lets one thing happen.
func (w *world) step() {
	w.steps++
	p := w.peers[w.rng.Intn(len(w.peers))]
	if p.node == nil {
		if w.rng.Intn(10) == 0 {
			w.log("%s starts", p.self)
			p.start()
		}
		return
	}
	g := w.weights
	for _, x := range []struct {
		weight int
		do     func()
	}{
		{g.deliver, w.someDelivery},
		{g.tick, func() { w.now = w.now.Add(10 * time.Millisecond); p.tick() }},
		{g.persist, func() {
			if len(p.writes) > 0 && (p.self.ID%2 == 1 || w.rng.Intn(3) == 0) { // some disks are slower
				p.persist(1 + w.rng.Intn(4))
			}
		}},
		{g.apply, p.apply},
		{g.propose, p.propose},
		{g.crash, func() { w.log("%s crashes", p.self); p.crash(w.rng.Intn(4) > 0) }},
		{g.cut, func() { w.someCut(p) }},
		{g.heal, func() { clear(w.cut) }},
		{g.checkpoint, p.checkpoint},
		{g.fetch, p.fetch},
		{g.campaign, func() { _ = p.node.Campaign(); p.collect() }},
		{g.change, func() { w.someChange(p) }},
	} {
		w.total += x.weight
		w.choices = append(w.choices, choice{x.weight, x.do})
	}
	pick := w.rng.Intn(w.total)
	for _, c := range w.choices {
		if pick -= c.weight; pick < 0 {
			c.do()
			break
		}
	}
	w.total, w.choices = 0, w.choices[:0]
	if p.node != nil {
		w.answerEarly(p)
	}
}

type choice struct {
	weight int
	do     func()
}

// someDelivery delivers a packet, mostly in order, or loses it, or delivers it and keeps it for another time.
func (w *world) someDelivery() {
	n := len(w.net)
	if n == 0 {
		return
	}
	i := w.rng.Intn(min(n, 8))
	if w.rng.Intn(50) == 0 {
		i = w.rng.Intn(n)
	}
	if w.rng.Intn(30) == 0 {
		w.net = append(w.net[:i:i], w.net[i+1:]...)
	} else {
		w.deliver(i, w.rng.Intn(40) == 0)
	}
}

func (w *world) someCut(p *peer) {
	other := w.peers[w.rng.Intn(len(w.peers))]
	w.cut[[2]int32{p.self.ID, other.self.ID}] = true
	if w.rng.Intn(2) == 0 {
		w.cut[[2]int32{other.self.ID, p.self.ID}] = true
	}
}

// someChange adds a replica that is no voter, or removes one that is, and whose disk may be gone then.
func (w *world) someChange(p *peer) {
	if p.leading < 0 {
		return
	}
	action, of := consensus.Action(w.rng.Intn(3)), w.peers[w.rng.Intn(len(w.peers))].self
	if list := p.node.Members().List; action == consensus.RemoveVoter && len(list) > 0 {
		of = list[w.rng.Intn(len(list))].Replica
	}
	c := consensus.Change{Action: action, Voter: consensus.Member{Replica: of, MaxKRaft: 1,
		Endpoints: []consensus.Endpoint{{Name: "CONTROLLER", Host: fmt.Sprint("host", w.steps), Port: 9093}}},
		Deadline: w.now.Add(20 * time.Second), Ticket: uint64(w.steps)}
	err := p.node.Change(w.now, c)
	w.log("%s: change %d of %s: %v", p.self, c.Action, of, err)
	p.collect()
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
		fmt.Fprintf(&b, "%s (forgetful: %v): leader %s (%v) epoch %d log end %d of %d, %d writes, %d commits, %d members; ", p.self, p.node.Forgetful(), leader, known, epoch,
			p.disk.log.Offsets().LogEnd, w.end, len(p.writes), len(p.commits), len(p.node.Members().List))
	}
	return b.String()
}

// simulate runs a world; the error is the invariant that broke.
func simulate(t *testing.T, seed int64, steps int, build func(*world), each func(*world)) (w *world, err error) {
	w = newWorld(t, seed)
	w.weights = calm
	if seed%2 == 1 {
		w.weights = stormy
	}
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
	if testing.Verbose() && *only >= 0 {
		t.Log(strings.Join(w.trace, "\n"))
	}
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
	if *only >= 0 {
		run(t, *only)
		return
	}
	if *long {
		few = 400
	}
	for s := range few {
		t.Run(fmt.Sprint("seed ", s), func(t *testing.T) { run(t, int64(s)) })
	}
}

func TestSimVotersAgree(t *testing.T) {
	for _, n := range []int32{1, 3, 5} {
		t.Run(fmt.Sprint(n, " voters"), func(t *testing.T) {
			total, elections := int64(0), 0
			seeds(t, 8, func(t *testing.T, seed int64) {
				w, err := simulate(t, seed, int(3000+2000*n), static(n), nil)
				if err != nil {
					t.Fatalf("-seed %d: %v\n%s", seed, err, strings.Join(w.trace, "\n"))
				}
				total, elections = total+w.end, elections+len(w.leaders)
			})
			t.Logf("%d records, %d epochs with a leader", total, elections)
		})
	}
}

// mutations are bugs put in by hand, which the simulation has to find.
var mutations = map[string]func(*consensus.Write) bool{
	"a vote is told before it is on disk":    func(w *consensus.Write) bool { return w.Ballot != nil && len(w.Entries) == 0 },
	"entries are acknowledged before a sync": func(w *consensus.Write) bool { return len(w.Entries) > 0 },
}

func TestSimFindsMutations(t *testing.T) {
	for name, answerFirst := range mutations {
		t.Run(name, func(t *testing.T) {
			for s := range int64(200) {
				_, err := simulate(t, s, 4000, func(w *world) { static(3)(w); w.answerFirst, w.weights = answerFirst, stormy }, nil)
				if err != nil {
					t.Logf("found with seed %d: %v", s, err)
					return
				}
			}
			t.Error("not found in 200 seeds")
		})
	}
}
