package controller

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// TestPropertyInvariants does random things to a controller, with brokers that come, go and lose directories, in decisions of random size and
// with other controllers taking over in between, and checks after every step what the package comment promises, and more: see world.check.
//
// Chance comes from a seed, which a failure names: -world-seed tries it again.
func TestPropertyInvariants(t *testing.T) {
	v := values(t, nil)
	first, n := int64(1), cmp.Or(*manySeeds, worldSeeds)
	if *worldSeed != 0 {
		first, n = *worldSeed, 1
	}
	for seed := first; seed < first+int64(n); seed++ {
		newWorld(t, v, seed).run()
	}
}

var (
	worldSeed = flag.Int64("world-seed", 0, "the one seed that TestPropertyInvariants tries")
	manySeeds = flag.Int("world-seeds", 0, "how many seeds TestPropertyInvariants tries")
)

// worldSeeds is how many seeds take about a second.
const worldSeeds = 150

// world is a controller, its log and the brokers as they see themselves.
type world struct {
	*testing.T
	rand    *rand.Rand
	seed    int64
	trace   []string
	config  *config.Values
	m       *Machine
	entries []machine.Entry[Record]
	now     time.Time
	ticket  machine.Ticket
	waiting map[machine.Ticket]bool
	brokers map[int32]*node
	limit   int
	toggles bool // features change in this run
	seq     byte
}

// node is a broker: what it says of itself.
type node struct {
	incarnation byte
	epoch       int64
	dirs        []record.UUID
	offline     []record.UUID
	cordoned    []record.UUID
}

func newWorld(t *testing.T, v *config.Values, seed int64) *world {
	w := &world{T: t, seed: seed, rand: rand.New(rand.NewSource(seed)), config: v, now: time.Unix(1_000_000, 0), waiting: map[machine.Ticket]bool{}, brokers: map[int32]*node{}}
	w.limit = pick(w, 1, 2, 3, 10, 10_000)
	w.toggles = w.oneIn(5)
	for i, r := range append([]Record{&metadata.NoOpRecord{}}, Bootstrap(nil, "2")...) {
		w.entries = append(w.entries, machine.Entry[Record]{Offset: int64(i), Record: r})
	}
	w.reload()
	for id := int32(1); id <= 4; id++ {
		w.brokers[id] = &node{epoch: -1}
		w.register(id)
		w.beat(id, false, false)
	}
	return w
}

func (w *world) run() {
	for range 80 {
		w.step()
	}
	w.settle()
	w.check(true)
	if len(w.waiting) > 0 {
		w.failf("%d callers were never answered", len(w.waiting))
	}
}

func (w *world) step() {
	id := pick[int32](w, 1, 2, 3, 4)
	do := pick(w, "create", "create", "grow", "delete", "beat", "beat", "fence", "stop", "restart", "crash", "wait", "sleep", "suspect", "suspect", "alter", "alter",
		"alter", "alter", "reassign", "reassign", "cancel", "elect", "elect all", "dirs", "lose dir", "unregister", "config", "cordon", "features",
		"reload", "tick", "refuse")
	w.note("%s (broker %d)", do, id)
	switch do {
	case "create":
		w.create()
	case "grow":
		r := kmsg.NewPtrCreatePartitionsRequest()
		r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: w.topic(), Count: w.between(1, 5)}}
		w.do(r)
	case "delete":
		r := kmsg.NewPtrDeleteTopicsRequest()
		r.TopicNames = []string{w.topic()}
		w.do(r)
	case "beat":
		w.beat(id, false, false)
	case "fence":
		w.beat(id, true, false)
	case "stop":
		w.beat(id, false, true)
	case "restart", "crash":
		w.register(id)
	case "wait":
		w.wait(time.Duration(pick(w, 1, 5, 10, 400)) * time.Second)
	case "sleep": // the controller's process stands still: nobody is fenced for that
		w.now = w.now.Add(time.Duration(pick(w, 1, 5, 10, 400)) * time.Second)
		w.settle()
	case "suspect":
		w.suspect(id)
	case "alter":
		w.alter()
	case "reassign", "cancel":
		w.reassign()
	case "elect", "elect all":
		w.elect()
	case "dirs":
		w.assign(id)
	case "lose dir":
		w.loseDir(id)
	case "unregister":
		r := kmsg.NewPtrUnregisterBrokerRequest()
		r.BrokerID = id
		w.do(r)
	case "cordon":
		b := w.brokers[id]
		b.cordoned = some(w, append(slices.Clone(b.dirs), record.UUID{9}), 0)
		w.beat(id, false, false)
	case "config":
		w.configure()
	case "features":
		w.feature()
	case "reload":
		w.settleAnswers()
		w.reload()
	case "tick":
		w.tick()
	case "refuse":
		w.refuseTick()
	}
}

func (w *world) reload() {
	w.m = New(Config{NodeID: 1, ClusterID: clusterID, Broker: w.config, Image: metadata.Empty, Now: w.now, Rand: rand.New(rand.NewSource(int64(w.seq)))})
	for _, e := range w.entries {
		w.m.Apply(e)
	}
	// As a controller that takes over begins: with the image of the log.
	w.m = New(Config{NodeID: 1, ClusterID: clusterID, Broker: w.config, Image: w.m.delta.Image(0, 0, 0), NextOffset: int64(len(w.entries)), Now: w.now,
		Rand: rand.New(rand.NewSource(int64(w.seq)))})
	w.m.limits.records = w.limit
}

// settleAnswers forgets who waits: callers of a controller that is lost get an error from the shell.
func (w *world) settleAnswers() { clear(w.waiting) }

// do hands the controller a request, and returns the response if it came at once.
func (w *world) do(r kmsg.Request) any {
	w.ticket++
	w.waiting[w.ticket] = true
	return w.take(w.m.Handle(w.now, Event{Ticket: w.ticket, Request: r}), r)
}

// tick makes one tick if one is due.
func (w *world) tick() {
	if due := w.m.Due(); !due.IsZero() && !due.After(w.now) {
		w.take(w.m.Tick(w.now), nil)
	}
}

// refuseTick makes one tick whose records the log refuses.
func (w *world) refuseTick() {
	if due := w.m.Due(); !due.IsZero() && !due.After(w.now) && len(w.m.tasks) > 0 {
		before := snapshotOf(w.m.Image())
		res := w.m.Tick(w.now)
		if len(res.Records) == 0 {
			w.take(res, nil)
			return
		}
		for _, e := range res.Effects {
			if reply, ok := e.(machine.Reply); ok {
				delete(w.waiting, reply.To) // the shell tells them of the refusal
			}
		}
		w.m.Refused(w.now, res.Records)
		if !reflect.DeepEqual(before, snapshotOf(w.m.Image())) {
			w.failf("a tick changed hard state")
		}
		if due := w.m.Due(); len(w.m.tasks) > 0 && !due.After(w.now) {
			w.failf("a refused task is due at once")
		}
		w.now = w.now.Add(2 * time.Second)
	}
}

// wait lets time pass for a controller that is awake.
func (w *world) wait(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = end
		if due := w.m.Due(); !due.IsZero() && due.Before(end) {
			w.now = due
		}
		w.settle()
	}
}

// suspect is what the shell finds out, right or wrong.
func (w *world) suspect(id int32) {
	s := Suspicion{BrokerID: id, BrokerEpoch: w.brokers[id].epoch, Proof: pick(w, "", "refused")}
	w.ticket++
	w.waiting[w.ticket] = true
	w.take(w.m.Handle(w.now, Event{Ticket: w.ticket, Suspicion: &s}), &kmsg.BrokerHeartbeatRequest{})
}

// settle ticks until nothing is due.
func (w *world) settle() {
	for i := 0; ; i++ {
		due := w.m.Due()
		if due.IsZero() || due.After(w.now) {
			return
		}
		if i > 5000 {
			w.failf("never settles")
		}
		w.tick()
	}
}

// take writes what was decided and checks every record and the state that comes of it.
func (w *world) take(res machine.Result[Record], request kmsg.Request) (response any) {
	if n := len(res.Records); n > w.limit+4 && splittable(request) {
		w.failf("%d records in one decision, limit %d", n, w.limit)
	}
	before := w.m.image()
	was := map[record.UUID]*metadata.Topic{}
	for t := range before.Topics("") {
		was[t.ID] = &metadata.Topic{Name: t.Name, ID: t.ID, Partitions: slices.Clone(t.Partitions)}
	}
	for _, r := range res.Records {
		w.note("  %T %+v", r, r)
		w.checkRecord(r, request)
		back, err := metadata.ParseRecord(metadata.AppendRecord(nil, r))
		if err != nil {
			w.failf("%v", err)
		}
		e := machine.Entry[Record]{Offset: int64(len(w.entries)), Record: back}
		w.entries = append(w.entries, e)
		w.m.Apply(e)
	}
	for _, e := range res.Effects {
		reply, ok := e.(machine.Reply)
		if !ok {
			continue
		}
		if !w.waiting[reply.To] {
			w.failf("ticket %d is answered twice", reply.To)
		}
		delete(w.waiting, reply.To)
		if reply.To == w.ticket {
			response = reply.Response
		}
	}
	w.checkEpochs(was)
	w.check(false)
	return response
}

// splittable reports whether a request may be decided in steps; nil is a tick.
func splittable(r kmsg.Request) bool {
	switch r.(type) {
	case nil, *kmsg.BrokerHeartbeatRequest, *kmsg.BrokerRegistrationRequest, *kmsg.UnregisterBrokerRequest, *kmsg.ElectLeadersRequest,
		*kmsg.AlterPartitionRequest, *kmsg.AlterPartitionAssignmentsRequest, *kmsg.AssignReplicasToDirsRequest:
		return true
	}
	return false
}

// checkRecord checks that a record about to be applied changes something, and that a leader elected cleanly has every record that was
// acknowledged.
func (w *world) checkRecord(r Record, request kmsg.Request) {
	if c, ok := r.(*metadata.ConfigRecord); ok && c.ResourceType == int8(metadata.BrokerResource) {
		return // written even if it is the same, as Kafka does
	}
	if _, ok := r.(*metadata.ClearElrRecord); ok {
		return // it says that the rule has changed, whether or not anybody was eligible
	}
	if c, ok := r.(*metadata.PartitionChangeRecord); ok {
		w.checkChange(c, request)
	}
	d := metadata.NewDelta(w.m.image())
	before := snapshotOf(w.m.image())
	if err := d.Replay(r); err != nil {
		w.failf("%T: %v", r, err)
	}
	if after := snapshotOf(d.Image(0, 0, 0)); reflect.DeepEqual(before, after) {
		w.failf("record changes nothing: %T %+v", r, r)
	}
}

func (w *world) checkChange(r *metadata.PartitionChangeRecord, request kmsg.Request) {
	was := partitionAt(w.m.image(), place{r.TopicID, r.PartitionID})
	if changesNothing(r) {
		w.failf("record changes nothing: %+v", r)
	}
	for _, f := range []struct {
		name    string
		to, was []int32
	}{{"isr", r.ISR, was.ISR}, {"replicas", r.Replicas, was.Replicas}, {"adding", r.AddingReplicas, was.Adding}, {"removing", r.RemovingReplicas, was.Removing},
		{"elr", r.EligibleLeaderReplicas, was.ELR}, {"last known elr", r.LastKnownELR, was.LastKnownELR}} {
		if f.to != nil && slices.Equal(f.to, f.was) {
			w.failf("%s is the same in %+v", f.name, r)
		}
	}
	if _, says := request.(*kmsg.AlterPartitionRequest); says || r.Leader < 0 || r.Leader == was.Leader {
		return
	}
	safe := slices.Contains(was.ISR, r.Leader) || len(was.ISR) == 0 && slices.Contains(was.ELR, r.Leader)
	if !safe && len(was.ISR) > 0 && slices.Contains(was.ELR, r.Leader) {
		safe = true // the last in sync went in the same change
	}
	if !safe && r.LeaderRecoveryState != 1 && !was.LeaderRecovering {
		w.failf("%d may lack records of %+v and leads without recovery: %+v", r.Leader, was, r)
	}
}

// checkEpochs checks that epochs rise with what they count.
func (w *world) checkEpochs(was map[record.UUID]*metadata.Topic) {
	for t := range w.m.image().Topics("") {
		old := was[t.ID]
		if old == nil {
			continue
		}
		for i, before := range old.Partitions {
			is := t.Partitions[i]
			if is.LeaderEpoch < before.LeaderEpoch || is.PartitionEpoch < before.PartitionEpoch {
				w.failf("%s-%d: epochs went back: %+v, %+v", t.Name, i, before, is)
			}
			if is.Leader != before.Leader && is.LeaderEpoch == before.LeaderEpoch {
				w.failf("%s-%d: another leader in the same epoch: %+v, %+v", t.Name, i, before, is)
			}
			if is.PartitionEpoch == before.PartitionEpoch && !(slices.Equal(is.ISR, before.ISR) && slices.Equal(is.Replicas, before.Replicas)) {
				w.failf("%s-%d: changed in the same epoch: %+v, %+v", t.Name, i, before, is)
			}
		}
	}
}

// check checks the state; settled: no task is under way.
func (w *world) check(settled bool) {
	for t := range w.m.image().Topics("") {
		for i, p := range t.Partitions {
			if problem := w.problem(p, settled); problem != "" {
				w.failf("%s-%d: %s: %+v", t.Name, i, problem, p)
			}
		}
	}
	if !settled && !w.oneIn(10) {
		return // what follows costs too much for every step
	}
	replayed := New(Config{NodeID: 1, Broker: w.config, Image: metadata.Empty, Now: w.now})
	for _, e := range w.entries {
		replayed.Apply(e)
	}
	if want, got := snapshotOf(replayed.Image()), snapshotOf(w.m.Image()); !reflect.DeepEqual(want, got) {
		w.failf("replay gives another state: %s", first(want, got))
	}
	if want, got := describe(newIndex(w.m.Image())), describe(w.m.index); want != got {
		w.failf("index is\n%s\nnot\n%s", got, want)
	}
}

// describe writes an index in order.
func describe(x *index) string {
	sets := func(of map[int32]partitionSet) (out map[int32]map[string][]int32) {
		out = map[int32]map[string][]int32{}
		for id, s := range of {
			out[id] = flat(s)
		}
		return out
	}
	return fmt.Sprint(sets(x.inSync), sets(x.eligible), x.leading, flat(x.reassigning), flat(x.unpreferred))
}

func flat(s partitionSet) map[string][]int32 {
	out := map[string][]int32{}
	for id, n := range s {
		n.each(func(i int32) { out[id.String()] = append(out[id.String()], i) })
	}
	return out
}

// problem says which invariant a partition breaks, "" if none.
func (w *world) problem(p *metadata.Partition, settled bool) string {
	distinct := func(list []int32) bool { return len(slices.Compact(slices.Sorted(slices.Values(list)))) == len(list) }
	busy := len(w.m.tasks) > 0
	switch {
	case len(p.Replicas) == 0 || !distinct(p.Replicas):
		return "replicas"
	case len(p.Dirs) != len(p.Replicas):
		return "not one directory per replica"
	case !distinct(p.ISR) || !containsAll(p.Replicas, p.ISR):
		return "in-sync set is not of the replicas"
	case !distinct(p.ELR) || !containsAll(p.Replicas, p.ELR) || len(without(p.ELR, p.ISR)) != len(p.ELR):
		return "eligible replicas are not replicas out of sync"
	case !containsAll(p.Replicas, p.Adding) || !containsAll(p.Replicas, p.Removing) || len(without(p.Adding, p.Removing)) != len(p.Adding):
		return "adding and removing"
	case p.Leader >= 0 && !slices.Contains(p.ISR, p.Leader):
		return "leader is not in sync"
	case len(goal(p)) == 0:
		return "all replicas go"
	}
	if b, ok := w.m.image().Broker(p.Leader); p.Leader >= 0 && (!ok || b.Fenced || b.InControlledShutdown && !busy) {
		return "leader is not active"
	}
	if p.Leader >= 0 && !busy && !w.m.online(p.Leader, p.DirOf(p.Leader)) {
		return "leader's directory is offline"
	}
	if p.Leader < 0 && settled && !w.toggles {
		for _, id := range p.Replicas {
			may := slices.Contains(p.ISR, id) || len(p.ISR) == 0 && slices.Contains(p.ELR, id)
			if may && w.m.active(id) && w.m.online(id, p.DirOf(id)) {
				return fmt.Sprintf("%d could lead", id)
			}
		}
	}
	return ""
}

// What follows draws chance.

func pick[E any](w *world, of ...E) E { return of[w.rand.Intn(len(of))] }

func (w *world) oneIn(n int) bool { return w.rand.Intn(n) == 0 }

func (w *world) between(least, most int32) int32 { return least + w.rand.Int31n(most-least+1) }

// some draws at least so many of a list, each once, in any order.
func some[E any](w *world, of []E, least int) []E {
	out := slices.Clone(of)
	w.rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:least+w.rand.Intn(len(out)-least+1)]
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func (w *world) failf(format string, args ...any) {
	w.Helper()
	w.Logf("%s", strings.Join(w.trace, "\n"))
	w.Fatalf("-world-seed %d: %s", w.seed, fmt.Sprintf(format, args...))
}

// first is the first line in which two texts differ.
func first(want, got []string) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return want[i] + " != " + got[i]
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(got), len(want))
}
