package share

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var long = flag.Bool("long", false, "run the model check with 10,000 seeds")

// ids are two topics of three partitions each, and one that does not exist.
var ids = []record.UUID{{1}, {2}, {9}}

func imageOf(topics ...record.UUID) *metadata.Image {
	d := metadata.NewDelta(metadata.Empty)
	replay := func(r metadata.Record) {
		if err := d.Replay(r); err != nil {
			panic(err)
		}
	}
	for _, id := range topics {
		replay(&metadata.TopicRecord{Name: "topic-" + id.String(), TopicID: id})
		for p := range int32(3) {
			replay(&metadata.PartitionRecord{TopicID: id, PartitionID: p, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
		}
	}
	return d.Image(1, 1, 0)
}

// model is what a share partition must be, kept offset by offset.
type model struct {
	stateEpoch, maxState, leaderEpoch, maxLeader int32
	start                                        int64
	complete                                     int32
	at                                           map[int64]Batch
}

// walker lets leaders and coordinators of groups ask for anything at any time.
type walker struct {
	t      *testing.T
	rand   *rand.Rand
	driver *machinetest.Driver[Event, Record]
	now    time.Time
	image  *metadata.Image
	models map[Key]*model
	pruned int64
}

func hard(m machine.Machine[Event, Record]) any { return m.(*Machine).hard.partitions }

func newDriver(t *testing.T, set func() Settings) *machinetest.Driver[Event, Record] {
	return &machinetest.Driver[Event, Record]{
		T: t, New: func() machine.Machine[Event, Record] { return New(Config{Settings: set}) }, Hard: hard, Options: []cmp.Option{cmpopts.EquateEmpty()},
		Recode: func(r Record) Record {
			rec, _, err := Decode(r.Encode())
			if err != nil {
				t.Fatal(err)
			}
			return rec
		},
	}
}

func (w *walker) ask(rq kmsg.Request) kmsg.Response {
	w.t.Helper()
	for _, e := range w.driver.Step(w.now, func(ticket machine.Ticket) Event { return Event{Ticket: ticket, Request: rq} }) {
		if r, ok := e.(machine.Reply); ok {
			return r.Response.(kmsg.Response)
		}
	}
	w.t.Fatalf("no answer to %T", rq)
	return nil
}

func (w *walker) expect(k Key, what string, want, got int16) {
	w.t.Helper()
	if want != got {
		w.t.Fatalf("%s %s: %v, expected %v", what, k, kerr.ErrorForCode(got), kerr.ErrorForCode(want))
	}
}

func (w *walker) initialize(k Key, mo *model, epoch int32, start int64) {
	rq := kmsg.NewPtrInitializeShareGroupStateRequest()
	rq.GroupID = k.Group
	rq.Topics = []kmsg.InitializeShareGroupStateRequestTopic{{TopicID: k.TopicID, Partitions: []kmsg.InitializeShareGroupStateRequestTopicPartition{{Partition: k.Partition, StateEpoch: epoch, StartOffset: start}}}}
	code := w.ask(rq).(*kmsg.InitializeShareGroupStateResponse).Topics[0].Partitions[0].ErrorCode
	switch {
	case epoch < 0:
		w.expect(k, "initialize", kerr.InvalidRequest.Code, code)
	case mo != nil && mo.maxState > epoch:
		w.expect(k, "initialize", kerr.FencedStateEpoch.Code, code)
	case !w.exists(k):
		w.expect(k, "initialize", kerr.UnknownTopicOrPartition.Code, code)
	case mo != nil && mo.stateEpoch == epoch:
		w.expect(k, "initialize again", 0, code)
	default:
		w.expect(k, "initialize", 0, code)
		n := &model{stateEpoch: epoch, maxState: epoch, start: start, at: map[int64]Batch{}}
		if start == -1 {
			n.complete = -1
		}
		if mo != nil {
			n.maxLeader = mo.maxLeader
		}
		w.models[k] = n
	}
}

func (w *walker) exists(k Key) bool {
	t, ok := w.image.TopicByID(k.TopicID)
	return ok && int(k.Partition) < len(t.Partitions)
}

func (w *walker) read(k Key, mo *model, epoch int32) {
	rq := kmsg.NewPtrReadShareGroupStateRequest()
	rq.GroupID = k.Group
	rq.Topics = []kmsg.ReadShareGroupStateRequestTopic{{TopicID: k.TopicID, Partitions: []kmsg.ReadShareGroupStateRequestTopicPartition{{Partition: k.Partition, LeaderEpoch: epoch}}}}
	p := w.ask(rq).(*kmsg.ReadShareGroupStateResponse).Topics[0].Partitions[0]
	switch {
	case epoch < 0, mo == nil:
		w.expect(k, "read", kerr.InvalidRequest.Code, p.ErrorCode)
	case mo.maxLeader > epoch:
		w.expect(k, "read", kerr.FencedLeaderEpoch.Code, p.ErrorCode)
	case !w.exists(k):
		w.expect(k, "read", kerr.UnknownTopicOrPartition.Code, p.ErrorCode)
	default:
		w.expect(k, "read", 0, p.ErrorCode)
		if mo.maxLeader != epoch {
			mo.leaderEpoch, mo.maxLeader = epoch, epoch
		}
		if p.StateEpoch != mo.stateEpoch || p.StartOffset != mo.start {
			w.t.Fatalf("read %s: %+v, expected %+v", k, p, mo)
		}
		seen := 0
		for _, b := range p.StateBatches {
			for o := b.FirstOffset; o <= b.LastOffset; o++ {
				if at := mo.at[o]; at.DeliveryCount != b.DeliveryCount || at.DeliveryState != b.DeliveryState {
					w.t.Fatalf("read %s: offset %d is %+v, expected %+v", k, o, b, at)
				}
				seen++
			}
		}
		if seen != len(mo.at) {
			w.t.Fatalf("read %s: %d offsets, expected %d", k, seen, len(mo.at))
		}
	}
}

func (w *walker) write(k Key, mo *model, state, leader int32) {
	rp := kmsg.NewWriteShareGroupStateRequestTopicPartition()
	rp.Partition, rp.StateEpoch, rp.LeaderEpoch, rp.StartOffset, rp.DeliveryCompleteCount = k.Partition, state, leader, w.rand.Int64N(40)-1, w.rand.Int32N(5)-1
	for range w.rand.IntN(4) {
		first := w.rand.Int64N(40)
		rp.StateBatches = append(rp.StateBatches, kmsg.WriteShareGroupStateRequestTopicPartitionStateBatch{FirstOffset: first, LastOffset: first + w.rand.Int64N(6), DeliveryState: int8(2 * w.rand.IntN(3)), DeliveryCount: int16(w.rand.IntN(4))})
	}
	rq := kmsg.NewPtrWriteShareGroupStateRequest()
	rq.GroupID = k.Group
	rq.Topics = []kmsg.WriteShareGroupStateRequestTopic{{TopicID: k.TopicID, Partitions: []kmsg.WriteShareGroupStateRequestTopicPartition{rp}}}
	code := w.ask(rq).(*kmsg.WriteShareGroupStateResponse).Topics[0].Partitions[0].ErrorCode
	switch {
	case leader < 0, state < 0, mo == nil:
		w.expect(k, "write", kerr.InvalidRequest.Code, code)
	case mo.maxLeader > leader:
		w.expect(k, "write", kerr.FencedLeaderEpoch.Code, code)
	case mo.maxState > state:
		w.expect(k, "write", kerr.FencedStateEpoch.Code, code)
	case !w.exists(k):
		w.expect(k, "write", kerr.UnknownTopicOrPartition.Code, code)
	default:
		w.expect(k, "write", 0, code)
		w.modelWrite(mo, &rp)
	}
}

func (w *walker) modelWrite(mo *model, rp *kmsg.WriteShareGroupStateRequestTopicPartition) {
	if rp.StartOffset > mo.start {
		mo.start, mo.complete = rp.StartOffset, rp.DeliveryCompleteCount
	} else if rp.StartOffset == mo.start {
		mo.complete = max(mo.complete, rp.DeliveryCompleteCount)
	}
	for _, b := range rp.StateBatches {
		for o := b.FirstOffset; o <= b.LastOffset; o++ {
			n := Batch{DeliveryState: b.DeliveryState, DeliveryCount: b.DeliveryCount}
			if old, ok := mo.at[o]; !ok || n.outranks(&old) {
				mo.at[o] = n
			}
		}
	}
	for o := range mo.at {
		if o < mo.start {
			delete(mo.at, o)
		}
	}
}

func (w *walker) remove(k Key) {
	rq := kmsg.NewPtrDeleteShareGroupStateRequest()
	rq.GroupID = k.Group
	rq.Topics = []kmsg.DeleteShareGroupStateRequestTopic{{TopicID: k.TopicID, Partitions: []kmsg.DeleteShareGroupStateRequestTopicPartition{{Partition: k.Partition}}}}
	code := w.ask(rq).(*kmsg.DeleteShareGroupStateResponse).Topics[0].Partitions[0].ErrorCode
	if !w.exists(k) {
		w.expect(k, "delete", kerr.UnknownTopicOrPartition.Code, code)
		return
	}
	w.expect(k, "delete", 0, code)
	delete(w.models, k)
}

func (w *walker) summary(k Key, mo *model) {
	rq := kmsg.NewPtrReadShareGroupStateSummaryRequest()
	rq.GroupID = k.Group
	rq.Topics = []kmsg.ReadShareGroupStateSummaryRequestTopic{{TopicID: k.TopicID, Partitions: []kmsg.ReadShareGroupStateSummaryRequestTopicPartition{{Partition: k.Partition, LeaderEpoch: -1}}}}
	p := w.ask(rq).(*kmsg.ReadShareGroupStateSummaryResponse).Topics[0].Partitions[0]
	want := &model{start: -1, complete: -1}
	if mo != nil {
		want = mo
	}
	if !w.exists(k) {
		w.expect(k, "summary", kerr.UnknownTopicOrPartition.Code, p.ErrorCode)
	} else if p.StateEpoch != want.stateEpoch || p.LeaderEpoch != want.leaderEpoch || p.StartOffset != want.start || p.DeliveryCompleteCount != want.complete {
		w.t.Fatalf("summary %s: %+v, expected %+v", k, p, want)
	}
}

// tick lets time pass.
func (w *walker) tick() {
	w.now = w.now.Add(time.Duration(w.rand.IntN(60)) * time.Second)
	w.cut(w.driver.Tick(w.now))
}

// cut cuts the log where the machine says so.
func (w *walker) cut(effects []machine.Effect) {
	for _, e := range effects {
		if p, ok := e.(Prune); ok {
			if p.Offset < w.pruned {
				w.t.Fatalf("cut at %d after a cut at %d", p.Offset, w.pruned)
			}
			w.pruned = p.Offset
			w.afterCut(p.Offset)
		}
	}
}

// afterCut checks that the rest of the log gives every state.
func (w *walker) afterCut(offset int64) {
	fresh := w.driver.New()
	for _, e := range w.driver.Entries {
		if e.Offset >= offset {
			fresh.Apply(e)
		}
	}
	states := func(m machine.Machine[Event, Record]) map[Key]State {
		all := make(map[Key]State)
		for k, p := range m.(*Machine).hard.partitions {
			all[k] = p.State
		}
		return all
	}
	if diff := cmp.Diff(states(w.driver.Machine), states(fresh), cmpopts.EquateEmpty()); diff != "" {
		w.t.Fatalf("log cut at %d gives other states (-held +given):\n%s", offset, diff)
	}
}

func (w *walker) step() {
	k := Key{[]string{"g", "h"}[w.rand.IntN(2)], ids[w.rand.IntN(3)], w.rand.Int32N(4)}
	mo := w.models[k]
	state, leader := w.rand.Int32N(5)-1, w.rand.Int32N(5)-1
	if mo != nil && w.rand.IntN(4) > 0 {
		state, leader = mo.maxState+w.rand.Int32N(2), mo.maxLeader+w.rand.Int32N(2)
	}
	switch n := w.rand.IntN(100); {
	case n < 1:
		w.driver.Reload()
		w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true, Image: w.image} })
	case n < 8:
		w.tick()
	case n < 10:
		id := ids[w.rand.IntN(2)]
		w.forget(id)
	case n < 30 || mo == nil && n < 60:
		w.initialize(k, mo, state, w.rand.Int64N(20)-1)
	case n < 45:
		w.read(k, mo, leader)
	case n < 50:
		w.remove(k)
	case n < 60:
		w.summary(k, mo)
	default:
		w.write(k, mo, state, leader)
	}
}

// forget deletes a topic and makes it again. A coordinator that is not there then learns of it from the image alone, and gets around to it later.
func (w *walker) forget(id record.UUID) {
	other := ids[0]
	if id == other {
		other = ids[1]
	}
	w.image = imageOf(other)
	if w.rand.IntN(2) == 0 {
		w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Image: w.image, DeletedTopics: []record.UUID{id}} })
		w.driver.Tick(w.now)
	} else {
		w.driver.Reload()
		w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true, Image: w.image} })
		w.now = w.now.Add(2 * time.Minute)
		w.cut(w.driver.Tick(w.now))
	}
	for k := range w.driver.Machine.(*Machine).hard.partitions {
		if k.TopicID == id {
			w.t.Fatalf("there is still state of %s, whose topic is gone", k)
		}
	}
	for k := range w.models {
		if k.TopicID == id {
			delete(w.models, k)
		}
	}
	w.image = imageOf(ids[0], ids[1])
	w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Image: w.image} })
}

// TestRandomRequestsKeepTheModel sends random requests, restarts and deletions of topics, and compares every answer with a model that
// keeps each offset by itself, and the hard state after every step with what the log gives.
func TestRandomRequestsKeepTheModel(t *testing.T) {
	seeds := uint64(60)
	if *long {
		seeds = 10_000
	}
	for seed := range seeds {
		set := DefaultSettings
		set.UpdatesPerSnapshot, set.ColdSnapshotAfter, set.PruneInterval = int(seed%4), 2*time.Minute, time.Minute
		w := &walker{t: t, rand: rand.New(rand.NewPCG(seed, 3)), now: time.UnixMilli(1_000_000_000_000), models: map[Key]*model{}, image: imageOf(ids[0], ids[1])}
		w.driver = newDriver(t, func() Settings { return set })
		w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true, Image: w.image} })
		for range 60 {
			w.step()
		}
		if t.Failed() {
			t.Fatal(fmt.Sprint("seed ", seed))
		}
	}
}
