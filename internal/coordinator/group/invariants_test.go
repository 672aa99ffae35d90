package group

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/machine/machinetest"
)

// walker lets members of a few groups do anything at any time, and knows who waits for an answer.
type walker struct {
	t       *testing.T
	rand    *rand.Rand
	driver  *machinetest.Driver[Event, Record]
	now     time.Time
	waiting map[machine.Ticket]string
	ids     map[string][]string // member ids heard of, by group
}

func (w *walker) pick(from ...string) string { return from[w.rand.IntN(len(from))] }

func (w *walker) id(group string) string {
	known := append([]string{"", "nobody"}, w.ids[group]...)
	if len(known) > 8 {
		known = known[len(known)-8:]
	}
	return w.pick(known...)
}

func (w *walker) instance() *string {
	if w.rand.IntN(3) > 0 {
		return nil
	}
	i := w.pick("i", "j")
	return &i
}

func (w *walker) request() kmsg.Request {
	group := w.pick("g", "h")
	id, generation := w.id(group), int32(w.rand.IntN(6))
	if g := w.machine().live[group]; g != nil && w.rand.IntN(4) > 0 {
		generation = g.generation
	}
	switch w.rand.IntN(12) {
	case 0, 1, 2, 3:
		rq := kmsg.NewPtrJoinGroupRequest()
		rq.Version, rq.Group, rq.MemberID, rq.InstanceID, rq.ProtocolType = int16(w.rand.IntN(10)), group, id, w.instance(), "consumer"
		rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis = int32(6000+w.rand.IntN(20000)), int32(w.rand.IntN(60000))
		rq.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: w.pick("range", "sticky"), Metadata: subscription("consumer", w.pick("t", "u", "t,u"))}, {Name: "both"}}
		return rq
	case 4, 5, 6:
		rq := kmsg.NewPtrSyncGroupRequest()
		rq.Group, rq.MemberID, rq.Generation = group, id, generation
		for _, to := range w.ids[group] {
			rq.GroupAssignment = append(rq.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: to, MemberAssignment: []byte(w.pick("A", "B"))})
		}
		return rq
	case 7:
		rq := kmsg.NewPtrHeartbeatRequest()
		rq.Group, rq.MemberID, rq.Generation = group, id, generation
		return rq
	case 8:
		rq := kmsg.NewPtrLeaveGroupRequest()
		rq.Version, rq.Group, rq.Members = 5, group, []kmsg.LeaveGroupRequestMember{{MemberID: id, InstanceID: w.instance()}}
		return rq
	case 9:
		rq := kmsg.NewPtrOffsetCommitRequest()
		rq.Version, rq.Group, rq.MemberID, rq.Generation = 9, group, id, generation
		if id == "" {
			rq.Generation = -1
		}
		rq.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: w.pick("t", "u"), Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: w.rand.Int64N(100)}}}}
		return rq
	case 10:
		rq := kmsg.NewPtrTxnOffsetCommitRequest()
		rq.Group, rq.ProducerID, rq.Generation = group, w.rand.Int64N(3), -1
		rq.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: w.pick("t", "u"), Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: w.rand.Int64N(100)}}}}
		return rq
	}
	rq := kmsg.NewPtrDeleteGroupsRequest()
	rq.Groups = []string{group}
	return rq
}

func (w *walker) machine() *Machine { return w.driver.Machine.(*Machine) }

// take notes answers: each must be awaited.
func (w *walker) take(effects []machine.Effect) {
	w.t.Helper()
	for _, e := range effects {
		reply, ok := e.(machine.Reply)
		if !ok {
			continue
		}
		group, awaited := w.waiting[reply.To]
		if !awaited {
			w.t.Fatalf("ticket %d is answered though nobody waits: %+v", reply.To, reply.Response)
		}
		delete(w.waiting, reply.To)
		if join, ok := reply.Response.(*kmsg.JoinGroupResponse); ok && join.MemberID != "" {
			w.ids[group] = append(w.ids[group], join.MemberID)
		}
	}
}

// check holds the machine's soft state against its invariants.
func (w *walker) check() {
	w.t.Helper()
	m := w.machine()
	var held int
	for id, g := range m.live {
		var joining, syncing, beating int
		supported := make(map[string]int)
		for _, p := range g.members {
			if p.joining != 0 {
				joining++
			}
			if p.syncing != 0 {
				syncing++
			}
			if p.beating != 0 {
				beating++
				if g.state != Stable || m.held[p.beating] == nil || m.held[p.beating].member != p.id {
					w.t.Fatalf("%s: the heartbeat of %s waits in state %s", id, p.id, g.state)
				}
			}
			for i := range p.protocols {
				supported[p.protocols[i].Name]++
			}
			if p.joining != 0 && g.state != PreparingRebalance {
				w.t.Fatalf("%s: a join waits in state %s", id, g.state)
			}
			if g.byID[p.id] != p || p.instanceID != nil && g.statics[*p.instanceID] != p.id {
				w.t.Fatalf("%s: member %s is not listed", id, p.id)
			}
			if p.session == nil && p.joining == 0 && p.syncing == 0 {
				w.t.Fatalf("%s: member %s has no session and waits for nothing", id, p.id)
			}
		}
		held += beating
		switch {
		case joining != g.awaitingJoin || len(g.byID) != len(g.members):
			w.t.Fatalf("%s: %d join, counted %d", id, joining, g.awaitingJoin)
		case fmt.Sprint(supported) != fmt.Sprint(g.supported) && len(g.members) > 0:
			w.t.Fatalf("%s: supported %v, counted %v", id, supported, g.supported)
		case syncing > 0 && g.state != CompletingRebalance:
			w.t.Fatalf("%s: a sync waits in state %s", id, g.state)
		case g.state == Empty && len(g.pending) == 0:
			w.t.Fatalf("%s: empty, but alive", id)
		case len(g.members) > 0 && g.byID[g.leader] == nil:
			w.t.Fatalf("%s: %q leads but is no member", id, g.leader)
		case g.state == Stable && len(m.hard.groups[id].Members) < len(g.members):
			w.t.Fatalf("%s: stable with members that are not stored", id)
		}
	}
	if held != len(m.held) {
		w.t.Fatalf("%d heartbeats wait, %d are held", held, len(m.held))
	}
}

var seeds = flag.Uint64("seeds", 20, "seeds of the model check")

// TestRandomMembersKeepTheInvariants lets random requests come at random times, now and then with a restart, and checks after every step that
// the log gives the hard state, that soft state is in order, and that nobody is answered twice. When all fall silent, everybody who
// waits is answered and the groups end empty.
func TestRandomMembersKeepTheInvariants(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			set := DefaultSettings
			set.MaxSize, set.HeartbeatHold = 4, 3*time.Second
			w := &walker{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1_000_000_000_000), waiting: map[machine.Ticket]string{}, ids: map[string][]string{}}
			w.driver = newDriver(t, func() Settings { return set })
			w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true} })
			for range 200 {
				switch n := w.rand.IntN(100); {
				case n < 1:
					w.driver.Reload()
					clear(w.waiting)
					w.take(w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true} }))
				case n < 3:
					w.driver.Mark(w.now, machine.Producer{ID: w.rand.Int64N(3)}, machine.Marker(1+w.rand.IntN(2)))
				case n < 6:
					for _, ticket := range slices.Sorted(maps.Keys(w.waiting)) { // any of those that wait, held or not
						w.take(w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Release: ticket} }))
						break
					}
				case n < 25:
					w.now = w.now.Add(time.Duration(w.rand.IntN(8000)) * time.Millisecond)
					w.take(w.driver.Tick(w.now))
				default:
					rq := w.request()
					w.take(w.driver.Step(w.now, func(ticket machine.Ticket) Event {
						w.waiting[ticket] = "g"
						if join, ok := rq.(*kmsg.JoinGroupRequest); ok {
							w.waiting[ticket] = join.Group
						}
						return Event{Ticket: ticket, Request: rq, ClientID: "c", Hold: w.rand.IntN(4) > 0}
					}))
				}
				w.check()
			}
			for range 20 {
				w.now = w.now.Add(newMemberTimeout)
				w.take(w.driver.Tick(w.now))
				w.check()
			}
			if len(w.waiting) > 0 || len(w.machine().live) > 0 || !w.machine().clock.next().IsZero() {
				t.Fatalf("still waiting: %v, alive: %v", w.waiting, w.machine().live)
			}
		})
	}
}
