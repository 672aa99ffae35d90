package group

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// TestRefusedRecordsLeaveTheStoredGeneration has a leader's assignment refused by the log: the group is what the log says, those who wait are
// told to come again, and whoever acts as a member of the lost generation is sent to join.
func TestRefusedRecordsLeaveTheStoredGeneration(t *testing.T) {
	set := DefaultSettings
	set.InitialRebalanceDelay = 0
	m := New(Config{Settings: func() Settings { return set }, Rand: rand.New(rand.NewPCG(1, 2))})
	now := time.UnixMilli(1_000_000_000_000)
	var offset int64
	var ticket machine.Ticket
	apply := func(res machine.Result[Record]) []machine.Effect {
		for _, r := range res.Records {
			m.Apply(machine.Entry[Record]{Offset: offset, ProducerID: -1, Record: r})
			offset++
		}
		return res.Effects
	}
	ask := func(rq kmsg.Request) machine.Result[Record] {
		ticket++
		return m.Handle(now, Event{Ticket: ticket, Request: rq, ClientID: "c"})
	}
	join := func(id string, metadata string) machine.Result[Record] {
		rq := kmsg.NewPtrJoinGroupRequest()
		rq.Group, rq.MemberID, rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis, rq.ProtocolType = "g", id, 10000, 10000, "test"
		rq.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "p", Metadata: []byte(metadata)}}
		return ask(rq)
	}
	sync := func(id string, generation int32) machine.Result[Record] {
		rq := kmsg.NewPtrSyncGroupRequest()
		rq.Group, rq.MemberID, rq.Generation = "g", id, generation
		return ask(rq)
	}
	joined := func(effects []machine.Effect) *kmsg.JoinGroupResponse {
		for _, e := range effects {
			if r, ok := e.(machine.Reply); ok {
				if j, ok := r.Response.(*kmsg.JoinGroupResponse); ok {
					return j
				}
			}
		}
		t.Fatalf("nobody joined: %v", effects)
		return nil
	}
	m.Handle(now, Event{Loaded: true})
	apply(join("", "a"))
	leader := joined(apply(m.Tick(now))).MemberID
	apply(sync(leader, 1))

	apply(join("", "b"))
	if second := joined(apply(join(leader, "a again"))); second.Generation != 2 || len(second.Members) != 2 {
		t.Fatalf("%+v", second)
	}
	follower := m.live["g"].members[1].id
	apply(sync(follower, 2))
	refused := sync(leader, 2)
	if len(refused.Records) != 1 {
		t.Fatalf("%d records", len(refused.Records))
	}
	m.Refused(now, refused.Records)

	g := m.live["g"]
	if g.state != Stable || g.generation != 1 || len(g.members) != 1 || g.members[0].id != leader || g.members[0].session == nil {
		t.Fatalf("group is %+v", g)
	}
	for id, want := range map[string]int16{leader: kerr.IllegalGeneration.Code, follower: kerr.UnknownMemberID.Code} {
		rq := kmsg.NewPtrHeartbeatRequest()
		rq.Group, rq.MemberID, rq.Generation = "g", id, 2
		reply := apply(ask(rq))[0].(machine.Reply).Response.(*kmsg.HeartbeatResponse)
		if reply.ErrorCode != want {
			t.Errorf("heartbeat of %s: %d, want %d", id, reply.ErrorCode, want)
		}
	}

	// Somebody who waits to join while another's record is refused is told at once.
	apply(join("", "c"))
	told := m.Refused(now, []Record{&MetadataRecord{Group: "g"}})
	if resp := joined(told); resp.ErrorCode != kerr.CoordinatorNotAvailable.Code {
		t.Errorf("%+v", resp)
	}
}
