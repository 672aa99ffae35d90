package sharing_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/coordinator/group/kind"
	"leat/internal/coordinator/group/sharing"
	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var seeds = flag.Uint64("seeds", 50, "seeds of the model check")

// topics are two of two partitions each; the first has three in the second image.
func imageOf(more bool, names ...string) *metadata.Image {
	d := metadata.NewDelta(metadata.Empty)
	replay := func(r metadata.Record) {
		if err := d.Replay(r); err != nil {
			panic(err)
		}
	}
	for _, name := range names {
		id := record.UUID{name[0]}
		replay(&metadata.TopicRecord{Name: name, TopicID: id})
		n := int32(2)
		if more && name == "a" {
			n = 3
		}
		for p := range n {
			replay(&metadata.PartitionRecord{TopicID: id, PartitionID: p, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
		}
	}
	return d.Image(1, 1, 0)
}

type member struct {
	epoch  int32
	topics []string
}

// walker lets members of two groups, administrators and a share coordinator do anything at any time.
type walker struct {
	t       *testing.T
	rand    *rand.Rand
	driver  *machinetest.Driver[group.Event, group.Record]
	now     time.Time
	image   *metadata.Image
	members map[string]*member // by group/member: what it was told last
	waiting map[machine.Ticket]bool
	asked   []machine.Effect // of the share coordinator
	quiet   bool             // members stay with what they read
}

func newDriver(t *testing.T, set func() group.Settings, chance func() *rand.Rand) *machinetest.Driver[group.Event, group.Record] {
	return &machinetest.Driver[group.Event, group.Record]{
		T: t,
		New: func() machine.Machine[group.Event, group.Record] {
			return group.New(group.Config{Settings: set, Rand: chance()})
		},
		Hard:    func(m machine.Machine[group.Event, group.Record]) any { return m.(*group.Machine).Hard() },
		Options: []cmp.Option{cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty()},
		Recode: func(r group.Record) group.Record {
			rec, err := group.Decode(r.Encode())
			if err != nil {
				t.Fatal(err)
			}
			return rec
		},
	}
}

func newWalker(t *testing.T, seed uint64) *walker {
	w := &walker{t: t, rand: rand.New(rand.NewPCG(seed, 9)), now: time.UnixMilli(1_000_000_000_000), image: imageOf(false, "a", "b"),
		members: map[string]*member{}, waiting: map[machine.Ticket]bool{}}
	set := group.DefaultSettings
	set.Share = kind.DefaultShareSettings
	set.Share.MaxSize = 4
	w.driver = newDriver(t, func() group.Settings { return set }, func() *rand.Rand { return rand.New(rand.NewPCG(seed, 10)) })
	w.driver.Every = 30
	w.step(group.Event{Loaded: true, Image: w.image})
	return w
}

// step hands an event to the machine and notes what it leads to. It returns the answer to the event's own ticket, if there is one.
func (w *walker) step(e group.Event) (own kmsg.Response) {
	w.t.Helper()
	var ticket machine.Ticket
	effects := w.driver.Step(w.now, func(t machine.Ticket) group.Event {
		if ticket = t; e.Request != nil {
			e.Ticket = t
			w.waiting[t] = true
		}
		return e
	})
	return w.take(effects, ticket)
}

func (w *walker) take(effects []machine.Effect, ticket machine.Ticket) (own kmsg.Response) {
	w.t.Helper()
	for _, e := range effects {
		switch e := e.(type) {
		case machine.Reply:
			if !w.waiting[e.To] {
				w.t.Fatalf("ticket %d is answered though nobody waits: %+v", e.To, e.Response)
			}
			delete(w.waiting, e.To)
			if e.To == ticket {
				own = e.Response.(kmsg.Response)
			}
		case sharing.Initialize, sharing.Discard:
			w.asked = append(w.asked, e)
		}
	}
	return own
}

func (w *walker) heartbeat(id, name string, epoch int32) {
	key := id + "/" + name
	m := w.members[key]
	rq := kmsg.NewPtrShareGroupHeartbeatRequest()
	rq.GroupID, rq.MemberID, rq.MemberEpoch = id, name, epoch
	if epoch == 0 || !w.quiet && w.rand.IntN(5) == 0 {
		rq.SubscribedTopicNames = [][]string{{"a"}, {"b"}, {"b", "a"}, {"a", "gone"}}[w.rand.IntN(4)]
	}
	resp := w.step(group.Event{Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}).(*kmsg.ShareGroupHeartbeatResponse)
	switch err := kerr.ErrorForCode(resp.ErrorCode); {
	case err == nil && epoch == -1:
		delete(w.members, key)
	case err == nil:
		if resp.MemberEpoch <= 0 || m != nil && resp.MemberEpoch < m.epoch {
			w.t.Fatalf("%s: member epoch %d after %+v", key, resp.MemberEpoch, m)
		}
		if m == nil {
			m = &member{}
			w.members[key] = m
		}
		if m.epoch = resp.MemberEpoch; rq.SubscribedTopicNames != nil {
			m.topics = rq.SubscribedTopicNames
		}
		if epoch == 0 && resp.Assignment == nil {
			w.t.Fatalf("%s joined and was not told its partitions", key)
		}
	case err == kerr.GroupMaxSizeReached:
		if n := w.size(id); n < 4 {
			w.t.Fatalf("%s is full with %d members", id, n)
		}
	case epoch == 0:
		w.t.Fatalf("%s could not join: %v", key, err)
	case m != nil && epoch == m.epoch && err != kerr.FencedMemberEpoch:
		w.t.Fatalf("%s at its epoch %d: %v", key, epoch, err)
	case m != nil && epoch == m.epoch:
		w.t.Fatalf("%s is fenced at its epoch %d", key, epoch)
	}
}

func (w *walker) size(id string) (n int) {
	for key := range w.members {
		if key[0] == id[0] {
			n++
		}
	}
	return n
}

// coordinate lets the share coordinator answer one of what it was asked, perhaps with failures.
func (w *walker) coordinate(fail bool) {
	if len(w.asked) == 0 {
		return
	}
	i := w.rand.IntN(len(w.asked))
	e := w.asked[i]
	w.asked = append(w.asked[:i], w.asked[i+1:]...)
	code := func() int16 {
		if fail && w.rand.IntN(4) == 0 {
			return kerr.CoordinatorNotAvailable.Code
		}
		return 0
	}
	switch e := e.(type) {
	case sharing.Initialize:
		done := &sharing.Initialized{ID: e.ID, Group: e.Group}
		for _, t := range e.Topics {
			for _, p := range t.Partitions {
				done.Outcomes = append(done.Outcomes, sharing.Outcome{TopicID: t.TopicID, Partition: p.Partition, Code: code()})
			}
		}
		w.step(group.Event{Request: done})
	case sharing.Discard:
		done := &sharing.Discarded{ID: e.ID, Group: e.Group}
		for _, t := range e.Topics {
			for _, p := range t.Partitions {
				done.Outcomes = append(done.Outcomes, sharing.Outcome{TopicID: t.TopicID, Partition: p, Code: code()})
			}
		}
		w.step(group.Event{Request: done})
	}
}

func (w *walker) administer(id string) {
	switch w.rand.IntN(3) {
	case 0:
		rq := kmsg.NewPtrAlterShareGroupOffsetsRequest()
		rq.GroupID = id
		rq.Topics = []kmsg.AlterShareGroupOffsetsRequestTopic{{Topic: "a", Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{Partition: w.rand.Int32N(4), StartOffset: 5}}}}
		w.step(group.Event{Request: rq})
	case 1:
		rq := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
		rq.GroupID = id
		rq.Topics = []kmsg.DeleteShareGroupOffsetsRequestTopic{{Topic: []string{"a", "b", "gone"}[w.rand.IntN(3)]}}
		w.step(group.Event{Request: rq})
	case 2:
		rq := kmsg.NewPtrDeleteGroupsRequest()
		rq.Groups = []string{id}
		resp := w.step(group.Event{Request: rq})
		if r, ok := resp.(*kmsg.DeleteGroupsResponse); ok && r.Groups[0].ErrorCode == 0 && w.size(id) > 0 {
			w.t.Fatalf("group %s with %d members was deleted", id, w.size(id))
		}
	}
}

// reload is the end of a coordinator: what was asked for is not heard of any more, and who waited is not answered.
func (w *walker) reload() {
	w.driver.Reload()
	clear(w.waiting)
	w.asked = nil
	w.step(group.Event{Loaded: true, Image: w.image})
}

// pass lets time go by; members whose session ended are forgotten.
func (w *walker) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.take(w.driver.Tick(w.now), 0)
	w.forget()
}

// forget drops the members that the groups do not have any more.
func (w *walker) forget() {
	for _, id := range []string{"g", "h"} {
		rq := kmsg.NewPtrShareGroupDescribeRequest()
		rq.GroupIDs = []string{id}
		resp := w.step(group.Event{Request: rq}).(*kmsg.ShareGroupDescribeResponse).Groups[0]
		there := map[string]bool{}
		for _, m := range resp.Members {
			there[id+"/"+m.MemberID] = true
			if m.MemberEpoch > resp.AssignmentEpoch || resp.AssignmentEpoch > resp.GroupEpoch {
				w.t.Fatalf("%s: epochs of member, assignment and group: %d %d %d", id, m.MemberEpoch, resp.AssignmentEpoch, resp.GroupEpoch)
			}
		}
		for key := range w.members {
			if key[0] == id[0] && !there[key] {
				delete(w.members, key)
			}
		}
	}
}

func (w *walker) walk() {
	id, name := []string{"g", "h"}[w.rand.IntN(2)], fmt.Sprint("m", w.rand.IntN(5))
	m := w.members[id+"/"+name]
	switch n := w.rand.IntN(100); {
	case n < 2:
		w.reload()
	case n < 12:
		w.pass(time.Duration(w.rand.IntN(15)) * time.Second)
	case n < 14:
		w.image = imageOf(w.rand.IntN(2) == 0, "a", "b")
		w.step(group.Event{Image: w.image})
	case n < 15:
		w.image = imageOf(false, "b")
		w.step(group.Event{Image: w.image, DeletedTopics: []string{"a"}})
	case n < 35:
		w.coordinate(true)
	case n < 42:
		w.administer(id)
	case n < 50:
		w.heartbeat(id, name, -1)
	case n < 55:
		w.heartbeat(id, name, w.rand.Int32N(9))
	case m == nil || n < 60:
		w.heartbeat(id, name, 0)
	default:
		w.heartbeat(id, name, m.epoch)
	}
}

// settle lets the share coordinator answer everything and members heartbeat until nothing changes, and then every partition must have a member.
func (w *walker) settle() {
	w.quiet = true
	w.image = imageOf(true, "a", "b")
	w.step(group.Event{Image: w.image})
	for range 8 {
		for len(w.asked) > 0 {
			w.coordinate(false)
		}
		w.pass(31 * time.Second)
		for _, id := range []string{"g", "h"} {
			for _, name := range []string{"m0", "m1", "m2"} {
				epoch := int32(0)
				if m := w.members[id+"/"+name]; m != nil {
					epoch = m.epoch
				}
				w.heartbeat(id, name, epoch)
			}
		}
	}
	for _, id := range []string{"g", "h"} {
		w.settled(id)
	}
}

func (w *walker) settled(id string) {
	rq := kmsg.NewPtrShareGroupDescribeRequest()
	rq.GroupIDs = []string{id}
	resp := w.step(group.Event{Request: rq}).(*kmsg.ShareGroupDescribeResponse).Groups[0]
	read, assigned := map[string]bool{}, map[string]bool{}
	for _, m := range resp.Members {
		for _, topic := range m.SubscribedTopicNames {
			if t, ok := w.image.Topic(topic); ok {
				for p := range t.Partitions {
					read[fmt.Sprint(topic, p)] = true
				}
			}
		}
		for _, t := range m.Assignment.TopicPartitions {
			for _, p := range t.Partitions {
				assigned[fmt.Sprint(t.Topic, p)] = true
			}
		}
	}
	if diff := cmp.Diff(read, assigned); diff != "" {
		w.t.Fatalf("%s: partitions that are read and those that somebody has (-read +has):\n%s", id, diff)
	}
}

// TestRandomShareGroups lets members, administrators and the share coordinator do anything at any time, with restarts and topics that
// come and go. After every step the log gives the hard state; nobody is answered twice; and in the end every partition is read.
func TestRandomShareGroups(t *testing.T) {
	const lanes = 4
	for lane := range uint64(lanes) {
		t.Run(fmt.Sprint("seeds from ", lane), func(t *testing.T) {
			t.Parallel()
			for seed := lane; seed < *seeds; seed += lanes {
				w := newWalker(t, seed)
				for range 80 {
					w.walk()
				}
				w.settle()
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}
