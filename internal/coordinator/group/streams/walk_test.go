package streams

import (
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var (
	long  = flag.Bool("long", false, "walk 10,000 times")
	seeds = flag.Uint64("seeds", 20, "how many times to walk, unless -long")
	seed  = flag.Uint64("seed", 0, "walk this seed only")
)

// event is one thing that happens to the groups under test.
type event struct {
	kind.Event
	image  *metadata.Image
	topics kind.Topics
	loaded bool
}

// alone is the kind as a machine of its own, at a desk with nobody else.
type alone struct {
	*Groups
	now    time.Time
	set    kind.Settings
	image  *metadata.Image
	timers map[[2]string]time.Time
	out    machine.Result[kind.Record]
}

func newAlone() machine.Machine[event, kind.Record] {
	a := &alone{Groups: New(), set: kind.DefaultSettings, image: metadata.Empty, timers: make(map[[2]string]time.Time)}
	return a
}

func (a *alone) Handle(now time.Time, e event) machine.Result[kind.Record] {
	a.now, a.out = now, machine.Result[kind.Record]{}
	switch {
	case e.loaded:
		a.image = e.image
		a.Loaded(a)
	case e.image != nil:
		a.image = e.image
		a.ImageChanged(a, e.topics)
	default:
		a.Groups.Handle(a, e.Event)
	}
	return a.out
}

func (a *alone) Apply(e machine.Entry[kind.Record]) { a.Groups.Apply(e) }

func (a *alone) Due() (due time.Time) {
	for _, at := range a.timers {
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

func (a *alone) Tick(now time.Time) machine.Result[kind.Record] {
	a.now, a.out = now, machine.Result[kind.Record]{}
	var over [][2]string
	for key, at := range a.timers {
		if !at.After(now) {
			over = append(over, key)
		}
	}
	slices.SortFunc(over, func(x, y [2]string) int { return slices.Compare(x[:], y[:]) })
	for _, key := range over {
		if _, still := a.timers[key]; still {
			delete(a.timers, key)
			a.Fire(a, key[0], key[1])
		}
	}
	return a.out
}

func (a *alone) Now() time.Time           { return a.now }
func (a *alone) Settings() *kind.Settings { return &a.set }
func (a *alone) Image() *metadata.Image   { return a.image }
func (a *alone) Rand() *rand.Rand         { return nil }
func (a *alone) Write(r kind.Record)      { a.out.Records = append(a.out.Records, r) }
func (a *alone) Note(n kind.Notice)       { a.Effect(n) }
func (a *alone) Effect(e machine.Effect)  { a.out.Effects = append(a.out.Effects, e) }
func (a *alone) Reply(to machine.Ticket, resp kmsg.Response) {
	a.Effect(machine.Reply{To: to, Response: resp})
}

func (a *alone) Timer(group, key string, at time.Time) {
	if delete(a.timers, [2]string{group, key}); !at.IsZero() {
		a.timers[[2]string{group, key}] = at
	}
}

func (a *alone) StopTimers(group string) {
	for key := range a.timers {
		if key[0] == group {
			delete(a.timers, key)
		}
	}
}

func (a *alone) TypeOf(group string) kind.Type {
	if a.Has(group) {
		return kind.Streams
	}
	return kind.None
}
func (a *alone) Claim(string, ...kind.Type) bool               { return true }
func (a *alone) Committed(string, string, int32) (int64, bool) { return 0, false }
func (a *alone) Commits(string) iter.Seq2[record.TopicPartition, time.Time] {
	return func(func(record.TopicPartition, time.Time) bool) {}
}
func (a *alone) Offsets(string) []record.TopicPartition { return nil }
func (a *alone) Classic(string) *kind.ClassicGroup      { return nil }
func (a *alone) DropClassic(string)                     {}
func (a *alone) RestoreClassic(*kind.ClassicGroup)      {}

// drive makes a driver that sends every record through its bytes.
func drive(t *testing.T) *machinetest.Driver[event, kind.Record] {
	return &machinetest.Driver[event, kind.Record]{
		T: t, New: newAlone,
		Hard:    func(m machine.Machine[event, kind.Record]) any { return m.(*alone).Hard() },
		Options: []cmp.Option{cmp.AllowUnexported(group{})},
		Recode: func(r kind.Record) kind.Record {
			again, err := Decode(r.Encode())
			if err != nil {
				t.Fatal(err)
			}
			return again
		},
	}
}

// imageOf is topics with numbers of partitions.
func imageOf(t testing.TB, topics map[string]int32) *metadata.Image {
	d := metadata.NewDelta(metadata.Empty)
	replay := func(r metadata.Record) {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	n := byte(0)
	for _, name := range sortedNames(topics) {
		n++
		id := record.UUID{0: 9, 15: n + 100}
		replay(&metadata.TopicRecord{Name: name, TopicID: id})
		for p := range topics[name] {
			replay(&metadata.PartitionRecord{TopicID: id, PartitionID: p, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
		}
	}
	return d.Image(1, 1, 1)
}

func sortedNames(m map[string]int32) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// wordCount is the topology of a word count: the first subtopology splits lines, the second counts words.
func wordCount() *kmsg.StreamsGroupHeartbeatRequestTopology {
	t := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	split, count := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology(), kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	split.SubtopologyID, split.SourceTopics, split.RepartitionSinkTopics = "0", []string{"lines"}, []string{"app-words"}
	count.SubtopologyID = "1"
	count.RepartitionSourceTopics = []kmsg.TopicInfo{{Topic: "app-words"}}
	count.StateChangelogTopics = []kmsg.TopicInfo{{Topic: "app-counts", Configs: []kmsg.TopicInfoConfig{{Key: "cleanup.policy", Value: "compact"}}}}
	t.Subtopologies = []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{split, count}
	return &t
}

// walker is clients that do as they like.
type walker struct {
	t      *testing.T
	r      *rand.Rand
	d      *machinetest.Driver[event, kind.Record]
	now    time.Time
	topics map[string]int32
	known  map[string]*known
}

// known is what a member of the walk has been told.
type known struct {
	epoch int32
	tasks Assignment
	stops Tasks // active tasks that it was told to give up, and has not by now: it says so with its next heartbeat
}

func (w *walker) step() {
	w.now = w.now.Add(time.Duration(w.r.IntN(4000)) * time.Millisecond)
	w.d.Tick(w.now)
	switch w.r.IntN(40) {
	case 0:
		w.d.Reload()
		w.d.Step(w.now, func(machine.Ticket) event { return event{loaded: true, image: imageOf(w.t, w.topics)} })
	case 1:
		name := []string{"lines", "app-words", "app-counts"}[w.r.IntN(3)]
		if w.topics[name] = int32(w.r.IntN(3) * 2); w.topics[name] == 0 {
			delete(w.topics, name)
		}
		w.publish(name)
	default:
		w.beat(fmt.Sprintf("m%d", w.r.IntN(6)))
	}
	w.check()
}

func (w *walker) publish(name string) {
	im := imageOf(w.t, w.topics)
	changed := kind.Topics{Deleted: []string{name}}
	if topic, ok := im.Topic(name); ok {
		changed = kind.Topics{Changed: []*metadata.Topic{topic}}
	}
	w.d.Step(w.now, func(machine.Ticket) event { return event{image: im, topics: changed} })
}

// beat is one heartbeat of a member, which mostly does what it was told.
func (w *walker) beat(id string) {
	m := w.known[id]
	if m != nil {
		m.stops = nil
	}
	rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	rq.Version, rq.Group, rq.MemberID = 1, "app", id
	if id == "m4" || id == "m5" {
		rq.InstanceID = new("i")
	}
	rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	switch n := w.r.IntN(30); {
	case m == nil || n == 0:
		rq.RebalanceTimeoutMillis, rq.Topology, rq.ProcessID = 10000, wordCount(), new("p"+id[1:2])
		if id == "m1" {
			rq.ProcessID = new("p0") // m0 and m1 share a process
		}
		rq.UserEndpoint = &kmsg.StreamsGroupHeartbeatRequestUserEndpoint{Host: id, Port: 1}
	case n == 1 && rq.InstanceID != nil:
		rq.MemberEpoch = leaveStaticEpoch
	case n == 2:
		rq.MemberEpoch = leaveEpoch
	case n == 3:
		rq.MemberEpoch = int32(w.r.IntN(20))
	default:
		rq.MemberEpoch = m.epoch
		rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = m.tasks[Active].grouped(), m.tasks[Standby].grouped(), m.tasks[Warmup].grouped()
	}
	if m != nil && len(rq.ActiveTasks) == 0 {
		m.tasks[Active] = nil // who says that it runs nothing does so
	}
	effects := w.d.Step(w.now, func(t machine.Ticket) event {
		return event{Event: kind.Event{Ticket: t, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}}
	})
	w.hear(id, effects)
}

func (w *walker) hear(id string, effects []machine.Effect) {
	a, ok := effects[len(effects)-1].(machine.Reply).Response.(*Answer)
	switch {
	case !ok:
		w.t.Fatal("a heartbeat without an answer")
	case a.ErrorCode != 0 || a.MemberEpoch < 0:
		delete(w.known, id)
		return
	case w.known[id] == nil:
		w.known[id] = &known{}
	}
	m := w.known[id]
	if m.epoch = a.MemberEpoch; a.ActiveTasks != nil {
		m.stops = m.tasks[Active]
		m.tasks = Assignment{tasksOf(a.ActiveTasks), tasksOf(a.StandbyTasks), tasksOf(a.WarmupTasks)}
	}
	for _, topic := range a.Create {
		if w.r.IntN(2) == 0 {
			w.topics[topic.Topic] = topic.NumPartitions
			w.publish(topic.Topic)
		}
	}
}

// check looks whether what must never be is.
func (w *walker) check() {
	g := w.d.Machine.(*alone).hard["app"]
	if g == nil {
		return
	}
	if g.Target.Epoch > g.Epoch {
		w.t.Fatalf("the target assignment is of epoch %d, the group is in %d", g.Target.Epoch, g.Epoch)
	}
	w.checkRunning(g)
	owner := make(map[Task]string)
	for _, m := range g.sortedMembers() {
		if m.Epoch > g.Target.Epoch {
			w.t.Fatalf("%s is in epoch %d, the target assignment in %d", m.ID, m.Epoch, g.Target.Epoch)
		}
		for _, tasks := range []Tasks{m.Assigned[Active], m.Revoking[Active]} {
			for task := range tasks {
				if owner[task] != "" {
					w.t.Fatalf("%v is active on %s and on %s", task, owner[task], m.ID)
				}
				owner[task] = m.ID
			}
		}
	}
	if g.state() == groupStable && g.ValidatedTopology == g.Topology.Epoch {
		w.checkStable(g, owner)
	}
}

// checkRunning looks whether two members were told to run the same active task, neither of which has given it up yet.
func (w *walker) checkRunning(g *group) {
	running := make(map[Task]string)
	for id, m := range w.known {
		if g.Members[id] == nil {
			continue // gone, and will hear of it
		}
		all := maps.Clone(m.stops)
		if all == nil {
			all = make(Tasks)
		}
		maps.Copy(all, m.tasks[Active])
		for task := range all {
			if running[task] != "" {
				w.t.Fatalf("%v runs on %s and on %s", task, running[task], id)
			}
			running[task] = id
		}
	}
}

// checkStable looks whether everybody has what the target assignment says, and everything is assigned.
func (w *walker) checkStable(g *group, owner map[Task]string) {
	for id, m := range g.Members {
		if m.Epoch != leaveStaticEpoch && !m.Assigned.same(g.Targets[id]) {
			w.t.Fatalf("%s holds %v in a stable group, its target is %v", id, m.Assigned, g.Targets[id])
		}
	}
	if conf := w.d.Machine.(*alone).soft["app"].configured; conf != nil && conf.ready() {
		tasks := 0
		for _, s := range conf.subtopologies {
			tasks += int(s.tasks)
		}
		if len(owner) != tasks {
			w.t.Fatalf("%d active tasks of %d are held in a stable group", len(owner), tasks)
		}
	}
}

func walk(t *testing.T, seed uint64) {
	w := &walker{t: t, r: rand.New(rand.NewPCG(seed, 1)), d: drive(t), now: time.UnixMilli(1_700_000_000_000),
		topics: map[string]int32{"lines": 4}, known: make(map[string]*known)}
	w.d.Step(w.now, func(machine.Ticket) event { return event{loaded: true, image: imageOf(t, w.topics)} })
	w.d.Machine.(*alone).set.Streams.StandbyReplicas = int(seed % 3)
	for range 120 {
		w.step()
	}
}

func TestWalksKeepTheInvariants(t *testing.T) {
	if *seed != 0 {
		walk(t, *seed)
		return
	}
	n := *seeds
	if *long {
		n = 10000
	}
	for s := uint64(1); s <= n && !t.Failed(); s++ {
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) { walk(t, s) })
	}
}
