package progress

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	simSeed = flag.Uint64("seed", 0, "run only this seed of TestSim...")
	long    = flag.Bool("long", false, "run the simulation with 50,000 seeds")
)

// mutation is a classic mistake, put in to see that the simulation finds it.
type mutation int

const (
	faithful           mutation = iota
	truncateToMark              // a new follower cuts its log at its high watermark, and not where the epochs say
	shrinkAtOnce                // a leader takes its own shrink for granted
	forgetProposal              // an image of the same partition epoch takes a proposal back
	countWhatDiverges           // a fetch offset counts before the logs are compared
	ignoreBrokerEpochs          // a replica may join under a broker epoch that is gone
)

// entry is a record: who wrote it when, and which it is.
type entry struct {
	epoch int32
	value int
}

// simNode is a replica with its log and what it knows.
type simNode struct {
	id          int32
	r           Replica
	log         []entry
	synced      int // entries that a crash leaves
	mark        int64
	brokerEpoch int64
	heard       int        // states of the controller taken in
	began       *simMark   // since it leads at this epoch
	asked       *simFetch  // under way
	acks        []simEntry // appended as leader at this epoch, not acknowledged yet
}

type simMark struct {
	epoch int32
	mark  int64
}

type simEntry struct {
	offset int64
	entry  entry
}

// simFetch is a fetch request, and its answer once there is one.
type simFetch struct {
	from, to    int32
	leaderEpoch int32
	offset      int64
	lastEpoch   int32
	brokerEpoch int64
	sent        time.Time
}

type simAnswer struct {
	to        *simFetch
	diverging EpochEnd // Epoch -1: none
	entries   []entry
	mark      int64
	fenced    bool
}

// simState is what the controller has committed.
type simState struct {
	a           Assignment
	brokerEpoch map[int32]int64
}

// sim is three replicas, a controller and a network that delays, reorders, repeats and loses.
type sim struct {
	rng     *rand.Rand
	bug     mutation
	now     time.Time
	nodes   map[int32]*simNode
	states  []simState
	fetches []*simFetch
	answers []*simAnswer
	alters  []simAlter
	altered []simAltered
	acked   []simEntry
	values  int
}

type simAlter struct {
	from int32
	p    *Proposal
	isr  []Member
}

type simAltered struct {
	to     int32
	p      *Proposal
	answer Answer
}

const simMaxLag = 10 * time.Second

func newSim(seed uint64, bug mutation) *sim {
	s := &sim{rng: rand.New(rand.NewPCG(seed, 7)), bug: bug, now: at(0), nodes: map[int32]*simNode{}}
	a := Assignment{Leader: 1, LeaderEpoch: 0, PartitionEpoch: 0, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}}
	s.states = []simState{{a, map[int32]int64{1: 1, 2: 2, 3: 3}}}
	for id := int32(1); id <= 3; id++ {
		n := &simNode{id: id, r: New(id), brokerEpoch: int64(id)}
		n.r.SetMinISR(1 + int(seed%2))
		s.nodes[id] = n
		s.hear(n, 1)
	}
	return s
}

func (s *sim) state() simState { return s.states[len(s.states)-1] }

// commit makes a new state of the partition.
func (s *sim) commit(change func(a *Assignment)) {
	next := s.state()
	next.a.PartitionEpoch++
	change(&next.a)
	s.states = append(s.states, next)
}

// hear takes in states up to one.
func (s *sim) hear(n *simNode, upTo int) {
	n.heard = max(n.heard, upTo)
	st := s.states[n.heard-1]
	before, proposal := n.r.LeaderEpoch(), n.r.Proposed()
	change := n.r.Assign(st.a, Marks{HighWatermark: n.mark, LogEnd: int64(len(n.log)), At: s.now})
	if s.bug == forgetProposal && proposal != nil && n.r.Proposed() == proposal {
		n.r.Withdraw()
	}
	if n.r.LeaderEpoch() == before && !change.Ended {
		s.settle(n)
		return
	}
	n.acks, n.asked, n.began = nil, nil, nil
	if change.Began {
		n.began = &simMark{n.r.LeaderEpoch(), n.mark}
	}
	if !n.r.Leads() && s.bug == truncateToMark {
		n.cut(n.mark)
	}
	s.settle(n)
}

func (n *simNode) cut(end int64) {
	n.log = n.log[:end]
	n.synced = min(n.synced, len(n.log))
	n.mark = min(n.mark, end)
}

// settle acknowledges what the high watermark has passed.
func (s *sim) settle(n *simNode) {
	if !n.r.Leads() {
		return
	}
	n.mark = n.r.HighWatermark()
	for len(n.acks) > 0 && n.acks[0].offset < n.mark && n.r.EnoughInSync() {
		s.acked = append(s.acked, n.acks[0])
		n.acks = n.acks[1:]
	}
}

func (n *simNode) endOf(epoch int32) EpochEnd {
	end := EpochEnd{-1, -1}
	for i, e := range n.log {
		if e.epoch <= epoch {
			end = EpochEnd{e.epoch, int64(i) + 1}
		}
	}
	if epoch == n.r.LeaderEpoch() && n.r.Leads() {
		return EpochEnd{epoch, int64(len(n.log))}
	}
	return end
}

func (n *simNode) lastEpoch() int32 {
	if len(n.log) == 0 {
		return -1
	}
	return n.log[len(n.log)-1].epoch
}

// pick takes one of a list out of it, or with some chance leaves it there, too.
func pick[T any](rng *rand.Rand, list *[]T, mayRepeat bool) (T, bool) {
	var none T
	if len(*list) == 0 {
		return none, false
	}
	i := rng.IntN(len(*list))
	v := (*list)[i]
	if !mayRepeat || rng.IntN(4) > 0 {
		*list = slices.Delete(*list, i, i+1)
	}
	return v, true
}

// step lets one thing happen.
func (s *sim) step() {
	s.now = s.now.Add(time.Duration(s.rng.IntN(300)) * time.Millisecond)
	n := s.nodes[1+s.rng.Int32N(3)]
	switch s.rng.IntN(20) {
	case 0, 1, 2:
		s.produce(n)
	case 3, 4, 5, 6:
		s.ask(n)
	case 7, 8, 9:
		if f, ok := pick(s.rng, &s.fetches, true); ok {
			s.answer(f)
		}
	case 10, 11, 12:
		if a, ok := pick(s.rng, &s.answers, false); ok {
			s.take(a)
		}
	case 13:
		s.propose(n, n.r.Shrink(s.now, simMaxLag))
		n.r.Tick(s.now, simMaxLag)
		s.settle(n)
	case 14:
		if m, ok := pick(s.rng, &s.alters, true); ok {
			s.alter(m)
		}
	case 15:
		if m, ok := pick(s.rng, &s.altered, false); ok {
			s.told(m)
		}
	case 16, 17:
		s.hear(n, n.heard+s.rng.IntN(len(s.states)-n.heard+1))
	case 18:
		switch s.rng.IntN(6) {
		case 0:
			s.elect()
		case 1:
			s.crash(n)
		case 2: // a link loses what is on it
			s.fetches = nil
			s.answers = nil
			for _, m := range s.nodes {
				m.asked = nil
			}
		}
	case 19:
		n.synced = len(n.log)
	}
}

func (s *sim) produce(n *simNode) {
	if !n.r.Leads() || !n.r.EnoughInSync() {
		return
	}
	s.values++
	e := entry{n.r.LeaderEpoch(), s.values}
	n.log = append(n.log, e)
	n.acks = append(n.acks, simEntry{int64(len(n.log)) - 1, e})
	n.r.Appended(int64(len(n.log)))
	s.settle(n)
}

func (s *sim) ask(n *simNode) {
	st := s.states[n.heard-1]
	if n.r.Leads() || n.r.Leader() < 0 || n.asked != nil && s.rng.IntN(4) > 0 {
		return
	}
	n.asked = &simFetch{from: n.id, to: st.a.Leader, leaderEpoch: n.r.LeaderEpoch(), offset: int64(len(n.log)), lastEpoch: n.lastEpoch(),
		brokerEpoch: n.brokerEpoch, sent: s.now}
	s.fetches = append(s.fetches, n.asked)
}

// answer is the leader's part.
func (s *sim) answer(f *simFetch) {
	n := s.nodes[f.to]
	a := &simAnswer{to: f, diverging: EpochEnd{-1, -1}}
	defer func() { s.answers = append(s.answers, a) }()
	known := s.states[n.heard-1].brokerEpoch[f.from]
	if !n.r.Leads() || n.r.LeaderEpoch() != f.leaderEpoch || known > f.brokerEpoch && s.bug != ignoreBrokerEpochs {
		a.fenced = true
		return
	}
	end := n.endOf(f.lastEpoch)
	diverges := f.lastEpoch >= 0 && (end.Epoch < f.lastEpoch || end.End < f.offset)
	if diverges && s.bug != countWhatDiverges {
		a.diverging = EpochEnd{max(end.Epoch, 0), max(end.End, 0)}
		return
	}
	if f.offset > int64(len(n.log)) && s.bug != countWhatDiverges {
		a.fenced = true
		return
	}
	eligible := known == f.brokerEpoch || s.bug == ignoreBrokerEpochs
	n.r.Fetched(Fetch{Replica: f.from, Offset: f.offset, BrokerEpoch: f.brokerEpoch, Eligible: eligible, At: s.now})
	s.propose(n, n.r.Expand(f.from, eligible))
	s.settle(n)
	if diverges {
		a.diverging = EpochEnd{max(end.Epoch, 0), max(end.End, 0)}
		return
	}
	if at := min(f.offset, int64(len(n.log))); at < int64(len(n.log)) {
		a.entries = slices.Clone(n.log[at:min(at+1+s.rng.Int64N(4), int64(len(n.log)))])
	}
	a.mark = n.mark
}

// take is the follower's part.
func (s *sim) take(a *simAnswer) {
	n := s.nodes[a.to.from]
	if n.asked != a.to { // its connection is gone
		return
	}
	n.asked = nil
	switch {
	case a.fenced || n.r.Leads() || n.r.LeaderEpoch() != a.to.leaderEpoch:
	case a.diverging.Epoch >= 0:
		n.cut(TruncateTo(a.diverging, n.endOf(a.diverging.Epoch), int64(len(n.log))))
	default:
		n.log = append(n.log, a.entries...)
		n.mark = FollowerMark(n.mark, a.mark, int64(len(n.log)))
	}
}

func (s *sim) propose(n *simNode, p *Proposal) {
	if p == nil {
		return
	}
	s.send(n, p)
	if s.bug == shrinkAtOnce && len(p.ISR) < len(n.r.ISR()) {
		a := Answer{LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch}
		for _, m := range p.ISR {
			a.ISR = append(a.ISR, m.ID)
		}
		n.r.Answered(p, a)
		s.settle(n)
	}
}

// send asks the controller.
func (s *sim) send(n *simNode, p *Proposal) {
	isr := slices.Clone(p.ISR)
	for i := range isr {
		if isr[i].ID == n.id {
			isr[i].BrokerEpoch = n.brokerEpoch
		}
	}
	s.alters = append(s.alters, simAlter{n.id, p, isr})
}

// alter is the controller's part.
func (s *sim) alter(m simAlter) {
	st := s.state()
	a := Answer{}
	switch {
	case st.a.Leader != m.from || st.a.LeaderEpoch != m.p.LeaderEpoch:
		a.Code = kerr.FencedLeaderEpoch.Code
	case st.a.PartitionEpoch != m.p.PartitionEpoch:
		a.Code = kerr.InvalidUpdateVersion.Code
	case s.bug != ignoreBrokerEpochs && slices.ContainsFunc(m.isr, func(x Member) bool { return st.brokerEpoch[x.ID] != x.BrokerEpoch }):
		a.Code = kerr.IneligibleReplica.Code
	default:
		s.commit(func(a *Assignment) {
			a.ISR = nil
			for _, x := range m.isr {
				a.ISR = append(a.ISR, x.ID)
			}
		})
		st = s.state()
		a = Answer{LeaderEpoch: st.a.LeaderEpoch, PartitionEpoch: st.a.PartitionEpoch, ISR: st.a.ISR}
	}
	if s.rng.IntN(4) == 0 {
		a = Answer{Code: kerr.RequestTimedOut.Code} // it got lost
	}
	s.altered = append(s.altered, simAltered{m.from, m.p, a})
}

func (s *sim) told(m simAltered) {
	n := s.nodes[m.to]
	if outcome, _ := n.r.Answered(m.p, m.answer); outcome == Again {
		s.send(n, m.p)
	}
	s.settle(n)
}

// elect has any in-sync replica lead.
func (s *sim) elect() {
	s.commit(func(a *Assignment) {
		a.LeaderEpoch++
		a.Leader = a.ISR[s.rng.IntN(len(a.ISR))]
	})
}

// crash takes from a node what it has not synced. The controller takes it out of the ISR, unless nobody is left in it: such a node may not be lost.
func (s *sim) crash(n *simNode) {
	st := s.state()
	if slices.Equal(st.a.ISR, []int32{n.id}) {
		return
	}
	n.cut(int64(n.synced + s.rng.IntN(len(n.log)-n.synced+1)))
	n.mark = min(n.mark, s.rng.Int64N(n.mark+1)) // the checkpoint of it is older
	minISR := n.r.MinISR()
	n.r, n.acks, n.asked, n.began, n.heard = New(n.id), nil, nil, nil, 0
	n.r.SetMinISR(minISR)
	n.brokerEpoch = int64(len(s.states)) + 100
	s.commit(func(a *Assignment) {
		if i := slices.Index(a.ISR, n.id); i >= 0 {
			a.ISR = slices.Delete(slices.Clone(a.ISR), i, i+1)
		}
		if a.Leader == n.id {
			a.LeaderEpoch++
			a.Leader = a.ISR[0]
		}
	})
	last := &s.states[len(s.states)-1]
	epochs := map[int32]int64{}
	for id, e := range last.brokerEpoch {
		epochs[id] = e
	}
	epochs[n.id] = n.brokerEpoch
	last.brokerEpoch = epochs
	s.hear(n, len(s.states)) // it registers, and catches up before it is unfenced
}

// check verifies what must hold whatever happened.
func (s *sim) check() error {
	for id := int32(1); id <= 3; id++ {
		n := s.nodes[id]
		if err := n.r.Check(); err != nil {
			return fmt.Errorf("node %d: %w", id, err)
		}
		if n.mark > int64(len(n.log)) {
			return fmt.Errorf("node %d: high watermark %d beyond the log's end %d", id, n.mark, len(n.log))
		}
		if n.began != nil && n.r.Leads() {
			if n.mark < n.began.mark {
				return fmt.Errorf("node %d: high watermark went back from %d to %d in epoch %d", id, n.began.mark, n.mark, n.began.epoch)
			}
			n.began.mark = n.mark
		}
		for other := int32(1); other < id; other++ {
			o := s.nodes[other]
			if both := min(n.mark, o.mark); !slices.Equal(n.log[:both], o.log[:both]) {
				return fmt.Errorf("nodes %d and %d differ below their high watermarks %d and %d: %v, %v", other, id, o.mark, n.mark, o.log, n.log)
			}
		}
	}
	for _, a := range s.acked {
		for _, id := range s.state().a.ISR { // each of them may lead next
			if n := s.nodes[id]; a.offset >= int64(len(n.log)) || n.log[a.offset] != a.entry {
				return fmt.Errorf("node %d is in sync without the acknowledged record %+v: %v", id, a, n.log)
			}
		}
	}
	return nil
}

// run makes steps until something is broken.
func (s *sim) run(steps int) error {
	for i := range steps {
		s.step()
		if err := s.check(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

const simSteps = 600

func TestSimLosesNothingAcknowledged(t *testing.T) {
	seeds, first := uint64(1000), uint64(1)
	switch {
	case *simSeed > 0:
		seeds, first = 1, *simSeed
	case *long:
		seeds = 50_000
	}
	acked, epochs := 0, int32(0)
	for seed := first; seed < first+seeds; seed++ {
		s := newSim(seed, faithful)
		if err := s.run(simSteps); err != nil {
			t.Fatalf("-seed %d: %v", seed, err)
		}
		acked += len(s.acked)
		epochs += s.state().a.LeaderEpoch
	}
	if *simSeed == 0 && (acked < 5000 || epochs < 2000) {
		t.Errorf("only %d records were acknowledged in %d epochs: nothing was tried", acked, epochs)
	}
	t.Logf("%d records acknowledged in %d leader epochs", acked, epochs)
}

func TestSimFindsClassicMistakes(t *testing.T) {
	for name, bug := range map[string]mutation{
		"truncation to the high watermark": truncateToMark, "shrink without waiting for the controller": shrinkAtOnce,
		"a proposal taken back by an old image": forgetProposal, "an offset that diverges counts": countWhatDiverges,
		"a replica of an earlier life joins": ignoreBrokerEpochs,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 1000; seed++ {
				if err := newSim(seed, bug).run(simSteps); err != nil {
					t.Logf("-seed %d: %v", seed, err)
					return
				}
			}
			t.Error("not found")
		})
	}
}
